//! The `mlpipe` binary.
fn main() {}

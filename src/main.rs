//! The `mlpipe` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    mlpipe::cli::main()
}

//! The digest of the code that computes the results; `build.rs` takes it when this is compiled.

/// Returns 64 hexadecimal digits that change with the code of `ml` and what it computes with.
pub(crate) fn code_digest() -> &'static str {
    env!("MLPIPE_ML_DIGEST")
}

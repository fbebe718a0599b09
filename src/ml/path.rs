//! Which instructions the kernels use: the fastest that the processor has, or those of
//! `MLPIPE_KERNELS`. The results are the same, bit for bit.

use mlpipe_kernels::Path;

use crate::ml::error::Error;

/// Names another path: `avx512`, `avx2` or `portable`.
const VARIABLE: &str = "MLPIPE_KERNELS";

/// Returns the path to compute on.
pub(crate) fn chosen() -> Result<Path, Error> {
    let Some(name) = std::env::var_os(VARIABLE) else {
        return Ok(Path::detect());
    };
    let name = name.to_string_lossy();
    match Path::named(&name) {
        Some(path) if path.is_available() => Ok(path),
        Some(_) => Err(Error::NoPath {
            name: name.into_owned(),
            why: "this processor does not have it",
        }),
        None => Err(Error::NoPath {
            name: name.into_owned(),
            why: "it is `avx512`, `avx2` or `portable`",
        }),
    }
}

//! Errors of what travels: those of its parts.

use crate::cli::error::CliError;
use crate::exchange::Error;

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error {
            Error::Remote(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Lock(error) => error.into(),
            Error::Data(error) => error.into(),
            Error::Git(error) => error.into(),
            Error::Settings(error) => error.into(),
        }
    }
}

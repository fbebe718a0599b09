//! `Fault`: what is wrong with a file at a remote, told apart from trouble on the way there.

use crate::remote::backend::Backend;
use crate::remote::error::Error;

/// What is wrong with a file at a remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not there.
    Missing,
    /// Its bytes are not what its name says.
    Corrupt,
}

impl Backend {
    /// Returns what is wrong with a file of `size` bytes that could not be read; another error if that
    /// was not the file's fault.
    pub(super) fn fault(&self, path: &str, size: u64, error: Error) -> Result<Fault, Error> {
        match error {
            Error::Wrong { .. } => Ok(Fault::Corrupt),
            Error::Missing { .. } => Ok(Fault::Missing),
            // One that is too short cannot be read to where it should end.
            Error::Failed { .. } => match self.stat(path)? {
                Some(found) if found.size != size => Ok(Fault::Corrupt),
                Some(_) => Err(error),
                None => Ok(Fault::Missing),
            },
            error => Err(error),
        }
    }
}

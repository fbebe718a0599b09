//! Errors about projects of DVC's: what to do about them.

use crate::cli::error::CliError;
use crate::dvc;

impl From<dvc::Error> for CliError {
    fn from(error: dvc::Error) -> Self {
        match error {
            dvc::Error::NoProject { .. } => {
                Self::new(&error).hint("go to a folder with `.dvc` in it, or name it by `--cd DIR`")
            }
            dvc::Error::UnknownRemote { ref help, .. } => Self::new(&error).hint(help.clone()),
            dvc::Error::Problem(problem) => problem.into(),
            dvc::Error::Pipeline(error) => error.into(),
            dvc::Error::Lock(error) => error.into(),
            dvc::Error::Store(error) => error.into(),
            dvc::Error::Data(error) => error.into(),
            dvc::Error::Workspace(error) => error.into(),
            dvc::Error::Git(error) => error.into(),
            dvc::Error::Remote(error) => error.into(),
            dvc::Error::File(error) => error.into(),
        }
    }
}

//! Errors about data from elsewhere: what to do about them.

use crate::cli::error::CliError;
use crate::imports::Error;

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::Clone { .. } => {
                "check the URL, the network and your rights: `git clone URL` says more".to_owned()
            }
            Error::NoPath { help, .. } => help
                .clone()
                .unwrap_or_else(|| "`--rev` names another branch, tag or commit".to_owned()),
            Error::NoContent { why, .. } => {
                format!(
                    "{why}: `mlpipe pull` or `dvc pull` there brings it, or `dvc push` from where it was made"
                )
            }
            Error::NoArtifact { help, .. } => help
                .clone()
                .unwrap_or_else(|| "its `pipeline.yaml` names artifacts".to_owned()),
            Error::Occupied { .. } => {
                "name another place after the source; `--force` replaces what is there".to_owned()
            }
            Error::Home { .. } => {
                "name the file or folder that it is to become, as `--out NAME`, for `get-url` behind the \
                 URL"
                    .to_owned()
            }
            Error::Nothing { .. } => "check the URL: names are told apart by capitals".to_owned(),
            Error::Changed { .. } => "nothing was taken; run it again".to_owned(),
            Error::Url { .. } => "download it by other means, then `mlpipe add` it".to_owned(),
            Error::NotImported { help, .. } => help
                .clone()
                .unwrap_or_else(|| "`sources` in data.lock has what was".to_owned()),
            Error::NoRevisions { path } => format!(
                "leave `--rev` out; `mlpipe import-url URL {path} --force` takes it from elsewhere"
            ),
            Error::NotPassed { path } => {
                format!("`mlpipe update {path}`, then `mlpipe push {path}`")
            }
            Error::Edited { path } => format!(
                "`mlpipe checkout --force {path}` takes the change back; `--force` replaces it and keeps a copy"
            ),
            _ => return Self::of_inner(error),
        };
        Self::new(&error).hint(hint)
    }
}

impl CliError {
    /// Explains what other rooms say.
    fn of_inner(error: Error) -> Self {
        match error {
            Error::Path(error) => crate::data::Error::from(error).into(),
            Error::Git(error) => error.into(),
            Error::Read(error) => error.into(),
            Error::Pipeline(error) => error.into(),
            Error::Lock(error) => error.into(),
            Error::Settings(error) => error.into(),
            Error::Remote(error) => error.into(),
            Error::Dvc(error) => error.into(),
            Error::Registry(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Data(error) => error.into(),
            Error::Workspace(error) => error.into(),
            Error::File(error) => error.into(),
            other => Self::new(&other),
        }
    }
}

//! Errors about remotes: what to do about them.

use crate::cli::error::{CliError, Exit};
use crate::remote::Error;

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error {
            Error::File(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Lock(error) => error.into(),
            Error::Cancelled => Self::new(&error).exit(Exit::Cancelled),
            Error::NoSuchRemote { ref help, .. }
            | Error::NoRemote { ref help }
            | Error::UnknownScheme { ref help, .. }
            | Error::Setting { ref help, .. } => {
                Self::new(&error).hint(help.clone()).exit(Exit::Usage)
            }
            Error::Refused { ref help, .. } => Self::new(&error).hint(help.clone()),
            Error::NotBuilt { .. } => {
                Self::new(&error).hint("build it with `cargo build --features remotes-extra`")
            }
            Error::NoCredentials { ref looked, .. } => Self::new(&error)
                .hint(format!("looked at: {}", looked.join(", ")))
                .hint("set one of them; options go to `mlpipe remote modify --local NAME OPTION VALUE`"),
            Error::Denied { ref reason, .. } => Self::new(&error).hint(said(reason)).hint(
                "check which credentials are used here and what they may do; nothing was lost",
            ),
            Error::NoPlace { ref reason, .. } => Self::new(&error)
                .hint(said(reason))
                .hint("make the bucket or container first, or mend the URL: `mlpipe remote modify NAME url URL`"),
            Error::ReadOnly { .. } => {
                Self::new(&error).hint("push to the place behind it by another URL")
            }
            Error::Failed { .. } => Self::new(&error)
                .hint("it was tried several times; running it again goes on where this ended"),
            Error::Missing { .. } => Self::new(&error)
                .hint("`mlpipe fsck --cloud` says what else is; `mlpipe push` from a clone that has it brings it back"),
            Error::Wrong { .. } => Self::new(&error).hint(
                "nothing of it was taken; `mlpipe fsck --cloud` checks all that is there",
            ),
            Error::Newer { .. } => Self::new(&error).hint("get a newer mlpipe"),
            Error::OtherLayout { found, .. } => Self::new(&error).hint(format!(
                "`mlpipe remote modify NAME layout {found}` goes with what is there; another folder can have another layout"
            )),
            Error::Foreign { .. } => Self::new(&error).hint("choose a folder of its own"),
        }
    }
}

fn said(reason: &str) -> String {
    format!("the other side says: {reason}")
}

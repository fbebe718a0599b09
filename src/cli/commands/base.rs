//! The base that reports and gates compare with: where a branch began, or a revision to the letter.

use clap::Args;

use crate::cli::error::CliError;
use crate::scm::{self, Repo, Revision};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct BaseArgs {
    /// Compare with this revision [default: the pipeline's `report.base`, else main]; of a branch with
    /// the commit where HEAD left it, for the branch moves on
    #[arg(long, value_name = "REV")]
    pub(crate) base: Option<String>,

    /// Compare with the tip of the branch, not with where HEAD left it
    #[arg(long)]
    no_merge_base: bool,
}

/// What is compared with.
pub(crate) struct Base {
    /// The revision; `None` where there is none.
    pub(crate) revision: Option<Revision>,
    /// Why there is none, or another than was asked for.
    pub(crate) notes: Vec<String>,
}

impl BaseArgs {
    /// Finds the base. One that the user names must exist; the default one may not be there yet.
    pub(crate) fn find(&self, workspace: &Workspace, default: &str) -> Result<Base, CliError> {
        let name = self.base.as_deref().unwrap_or(default);
        let note = match self.open(workspace, name) {
            Ok(base) => return Ok(base),
            Err(error) if self.base.is_some() => return Err(error.into()),
            Err(scm::Error::UnknownRevision { .. }) => format!(
                "there is no revision {name} to compare with (`git fetch origin {name}`, if the \
                 remote has it; in CI the whole history is wanted)"
            ),
            Err(scm::Error::NoRepository { .. }) => {
                "there is nothing to compare with: the project is in no git repository (`git init`)"
                    .to_owned()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Base {
            revision: None,
            notes: vec![note],
        })
    }

    fn open(&self, workspace: &Workspace, name: &str) -> Result<Base, scm::Error> {
        let repo = Repo::open(workspace.root())?;
        let mut notes = Vec::new();
        if !self.no_merge_base && repo.is_branch(name) {
            if let Some(revision) = repo.merge_base(name, None)? {
                let revision = Some(revision);
                return Ok(Base { revision, notes });
            }
            notes.push(format!(
                "git finds no commit that HEAD and {name} have in common, as in a clone without the \
                 whole history: compared with the tip of {name}"
            ));
        }
        let revision = Some(repo.revision(name)?);
        Ok(Base { revision, notes })
    }
}

/// Finds the base that the pipeline names, for a report that nobody called for.
pub(crate) fn configured(workspace: &Workspace, name: &str) -> Result<Base, CliError> {
    let args = BaseArgs {
        base: None,
        no_merge_base: false,
    };
    args.find(workspace, name)
}

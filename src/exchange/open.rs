//! Opening a remote of a project by its name.

use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::exchange::error::Error;
use crate::remote::Depot;
use crate::workspace::Workspace;

/// Opens the remote of this name, or the one that is meant where none is named. `jobs` is how many
/// transfers may run at once, if somebody has said so here.
pub(crate) fn open(
    workspace: &Workspace,
    name: Option<&str>,
    jobs: Option<usize>,
    cancel: &CancelToken,
) -> Result<Depot, Error> {
    let (name, options) = workspace.settings().remote(name)?;
    let mut options = options.clone();
    if let Some(jobs) = jobs {
        options.insert("jobs".to_owned(), jobs.to_string());
    }
    let state = workspace.state("remotes");
    let own = (project_of(workspace)?, state.as_path());
    Ok(Depot::open(
        (name, &options),
        workspace.root(),
        own,
        cancel,
    )?)
}

/// Returns what a project is called at remotes: the same in each clone, as far as git can tell, and
/// another one in a fork, whose data is not to be swept away by its parent.
fn project_of(workspace: &Workspace) -> Result<Digest, Error> {
    let folder = || format!("folder {}", workspace.root().display());
    let Some(repo) = workspace.repo()? else {
        return Ok(Digest::of(folder().as_bytes()));
    };
    let text = match (repo.identity()?, repo.home()) {
        (None, _) => folder(),
        (Some(commits), None) => format!("commits {commits}"),
        (Some(commits), Some(home)) => format!("commits {commits} home {home}"),
    };
    Ok(Digest::of(text.as_bytes()))
}

//! Opening a remote of a project by its name.

use std::path::{Path, PathBuf};

use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::data::{Inventory, Uncached};
use crate::exchange::error::Error;
use crate::remote::{self, Depot, Place};
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
    let root = workspace.root();
    // Opening it makes the folder.
    if let Some(folder) = Place::of_remote(name, &options, root)?.folder() {
        check_folder(workspace, &folder)?;
    }
    Ok(Depot::open((name, &options), root, own, cancel)?)
}

/// Refuses a folder in which a remote would be in the way of what is there, or no second copy of it.
fn check_folder(workspace: &Workspace, folder: &Path) -> Result<(), Error> {
    let folder = real(folder);
    let root = real(workspace.root());
    let why = if folder.ancestors().any(Path::is_file) {
        "there is a file"
    } else if folder.starts_with(real(&workspace.cache.path(""))) {
        "it is in the cache, and would be no copy of it"
    } else if folder == root || folder.starts_with(real(&workspace.state(""))) {
        "it is mlpipe's own, or the project's"
    } else if is_tracked(workspace, &folder, &root) {
        "it is in what data.lock records, and would be data of its own"
    } else {
        return Ok(());
    };
    Err(Error::Remote(remote::Error::Setting {
        message: format!("`{}` cannot be a remote: {why}", folder.display()),
        help: "`mlpipe remote modify NAME url FOLDER` names a folder of its own".to_owned(),
    }))
}

fn is_tracked(workspace: &Workspace, folder: &Path, root: &Path) -> bool {
    let path = RepoPath::from_disk(root, folder);
    // A lock that cannot be read is for others to tell.
    let here = Inventory::here(workspace, &Uncached::default());
    let (Ok(path), Ok(here)) = (path, here) else {
        return false;
    };
    here.contents().keys().any(|known| path.is_within(known))
}

/// Returns where a path leads that may not be there yet.
fn real(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    for above in path.ancestors() {
        if let Ok(mut real) = above.canonicalize() {
            real.extend(rest.into_iter().rev());
            return real;
        }
        rest.extend(above.file_name());
    }
    path.to_owned()
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

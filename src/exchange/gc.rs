//! Collecting garbage at a remote.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::source::as_text;
use crate::data::{Inventory, Uncached};
use crate::exchange::error::Error;
use crate::exchange::needed::{Needed, Objects, Scope, needed};
use crate::pipeline::{LOCK_FILE, Lock};
use crate::remote::{self, Depot, Sweeping, SweptAway};
use crate::scm;
use crate::store::{Cache, Meter};
use crate::workspace::Workspace;

/// What was swept at a remote, or would be.
#[derive(Clone, Debug, Default)]
pub(crate) struct CloudSwept {
    /// What goes there, and what stays.
    pub(crate) swept: SweptAway,
    /// What the workspace needs and neither the cache nor the remote has, sorted.
    pub(crate) nowhere: Vec<String>,
}

/// Sweeps away what our project has at a remote and needs neither now nor in these commits.
pub(crate) fn sweep_cloud(
    workspace: &Workspace,
    depot: &Depot,
    scope: &Scope,
    grace: i64,
    how: Sweeping,
) -> Result<CloudSwept, Error> {
    require_a_name(workspace)?;
    let mut all = needed(workspace, scope)?;
    all.extend(staged(workspace)?);
    let cache = &workspace.cache;
    let (objects, _) = Objects::known_there(&all, cache, depot, &Meter::default())?;
    if let Some(one) = objects.unlisted.first() {
        return Err(Error::Remote(remote::Error::Refused {
            message: format!(
                "nobody has the list of the files of `{}/`, so what it needs is not known",
                one.path
            ),
            help: "`mlpipe push` from where it is, then sweep again; nothing was changed"
                .to_owned(),
        }));
    }
    let live: HashSet<Digest> = objects.wants.iter().map(|want| want.digest).collect();
    let swept = depot.sweep(&live, grace, how)?;
    // Outs of earlier commits may be git's.
    all.retain(|one| one.is_current);
    let nowhere = nowhere(&Objects::of(&all, cache)?, cache, depot)?;
    Ok(CloudSwept { swept, nowhere })
}

/// Returns where those objects belong that neither the cache nor the remote has.
fn nowhere(objects: &Objects, cache: &Cache, depot: &Depot) -> Result<Vec<String>, Error> {
    let there = depot.survey(&objects.wants, cache)?.there;
    let mut nowhere = Vec::new();
    for want in objects
        .wants
        .iter()
        .filter(|want| !there.contains(&want.digest))
    {
        if !want.is_in(cache)? {
            nowhere.push(want.digest);
        }
    }
    Ok(objects.paths_of(&nowhere))
}

/// Refuses where other projects at the remote may be called the same as this one.
fn require_a_name(workspace: &Workspace) -> Result<(), Error> {
    let Some(repo) = workspace.repo()? else {
        let path = workspace.root().to_owned();
        return Err(scm::Error::NoRepository { path }.into());
    };
    let (lack, help) = match (repo.identity()?, repo.home()) {
        (Some(_), Some(_)) => return Ok(()),
        (None, _) => (
            "all commits from the first one on",
            "`git fetch --unshallow`, or sweep from a whole clone",
        ),
        // A copy of the repository is called the same, and needs other data.
        (Some(_), None) => (
            "git's remote `origin`",
            "`git remote add origin URL`, then `mlpipe push`, and sweep",
        ),
    };
    Err(Error::Remote(remote::Error::Refused {
        message: format!(
            "without {lack}, it is not known which objects at the remote are of this project"
        ),
        help: format!("{help}; nothing was changed"),
    }))
}

/// Returns what is staged.
fn staged(workspace: &Workspace) -> Result<Vec<Needed>, Error> {
    let Some(repo) = workspace.repo()? else {
        return Ok(Vec::new());
    };
    let path = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
    let mut all = Vec::new();
    for version in repo.staged_versions(&path)? {
        let label = format!("{}:{LOCK_FILE}", version.commit);
        let lock = Lock::parse(&label, as_text(&label, &version.bytes)?)?;
        let then = Inventory::of(&lock, &Uncached::default());
        all.extend(then.contents().iter().map(|(path, content)| Needed {
            path: path.clone(),
            content: *content,
            is_current: false,
            inner: Vec::new(),
        }));
    }
    Ok(all)
}

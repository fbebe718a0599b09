//! Checking the cache, and naming what of the project damage affects.

use std::collections::{BTreeMap, HashMap};

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::data::lacking::{self, Lacking};
use crate::data::refusal::Refusal;
use crate::pipeline::{Content, Lock, StageName};
use crate::scm;
use crate::store::{Checked, Damage, Meter};
use crate::workspace::Workspace;

/// What has been found, and what it means.
pub(crate) struct Report {
    /// What is wrong, and what does not belong in the cache.
    pub(crate) checked: Checked,
    /// What the project lacks now, by the objects that are lost.
    pub(crate) affected: HashMap<Digest, Affected>,
    /// What else `data.lock` records that the cache does not have.
    pub(crate) lacking: Vec<Lacking>,
}

impl Report {
    /// Returns whether nothing is corrupt and nothing lacking.
    pub(crate) fn is_clean(&self) -> bool {
        self.checked.damage.is_empty() && self.lacking.is_empty()
    }
}

/// What an object was.
#[derive(Default)]
pub(crate) struct Affected {
    /// By path and the file in it.
    pub(crate) uses: BTreeMap<(AnyPath, String), Use>,
}

/// A place that needs an object.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    /// Whose it is.
    pub(crate) user: User,
    /// Whether only the commit that is checked out needs it, not `data.lock` as it is now.
    pub(crate) is_of_head: bool,
    /// Whether it is the list of a folder's files.
    pub(crate) is_manifest: bool,
    /// What brings it back.
    pub(crate) remedy: Remedy,
}

/// Who needs an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// Tracked data.
    Data,
    /// A stage that made it.
    Out(StageName),
    /// A stage that reads the folder; what has changed in it is told by its list of files.
    Dep(StageName),
}

/// What brings an object back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The workspace has it: `mlpipe add` stores it again.
    Add,
    /// The stage makes it, or the workspace still has it.
    Repro(StageName),
    /// Somebody else has to have it.
    Fetch,
}

/// Checks the whole cache.
pub(crate) fn check(workspace: &Workspace, meter: &Meter) -> Result<Report, Refusal> {
    // First: what is found corrupt is out of the way then, and must be told.
    let lock = workspace.load_lock()?;
    let checked = workspace.cache.check(&workspace.runs, meter)?;
    let mut affected: HashMap<Digest, Affected> = HashMap::new();
    for damage in &checked.damage {
        let lost = match damage {
            Damage::Object {
                digest, has_copy, ..
            } => (!has_copy).then_some(*digest),
            Damage::Unreadable { digest, .. } => *digest,
            _ => None,
        };
        affected.extend(lost.map(|digest| (digest, Affected::default())));
    }
    if !affected.is_empty() {
        let mut search = Search {
            workspace,
            affected: &mut affected,
            is_of_head: false,
        };
        search.look_at(&lock)?;
        if let Some(lock) = lock_of_head(workspace)? {
            search.is_of_head = true;
            search.look_at(&lock)?;
        }
    }
    let lacking = lacking::find(workspace, &lock, &affected)?;
    Ok(Report {
        checked,
        affected,
        lacking,
    })
}

fn lock_of_head(workspace: &Workspace) -> Result<Option<Lock>, Refusal> {
    match workspace.revision("HEAD") {
        Ok(revision) => Ok(Some(Lock::load(&revision)?)),
        Err(scm::Error::NoRepository { .. } | scm::Error::UnknownRevision { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Looks for objects in what locks record.
struct Search<'a> {
    workspace: &'a Workspace,
    affected: &'a mut HashMap<Digest, Affected>,
    is_of_head: bool,
}

impl Search<'_> {
    fn look_at(&mut self, lock: &Lock) -> Result<(), Refusal> {
        for (path, content) in &lock.data {
            self.look_into(&path.clone().into(), content, &User::Data)?;
        }
        for (stage, entry) in &lock.stages {
            for (path, content) in entry.outs.iter() {
                self.look_into(path, content, &User::Out(stage.clone()))?;
            }
            for (path, content) in entry.deps.iter() {
                if content.files.is_some() {
                    self.note(path, "", content, &User::Dep(stage.clone()))?;
                }
            }
        }
        Ok(())
    }

    fn look_into(&mut self, path: &AnyPath, content: &Content, user: &User) -> Result<(), Refusal> {
        self.note(path, "", content, user)?;
        // What cannot be read has been told.
        let Ok(Some(tree)) = self.workspace.cache.manifest(content) else {
            return Ok(());
        };
        for (inner, file) in tree.files() {
            if self.affected.contains_key(&file.digest) {
                self.note(path, inner, &file.into(), user)?;
            }
        }
        Ok(())
    }

    /// Notes that `content`, which is at `path` or in the folder there, is needed, if it is lost.
    fn note(
        &mut self,
        path: &AnyPath,
        inner: &str,
        content: &Content,
        user: &User,
    ) -> Result<(), Refusal> {
        if !self.affected.contains_key(&content.sha256) {
            return Ok(());
        }
        let remedy = if self.is_of_head {
            Remedy::Fetch
        } else {
            remedy(self.workspace, (path, inner), content, user)?
        };
        let Some(affected) = self.affected.get_mut(&content.sha256) else {
            return Ok(());
        };
        let place = (path.clone(), inner.to_owned());
        // What makes it tells more than what reads it.
        let known = affected.uses.get(&place);
        if known.is_none_or(|known| matches!(known.user, User::Dep(_)) && !self.is_of_head) {
            let one = Use {
                user: user.clone(),
                is_of_head: self.is_of_head,
                is_manifest: content.files.is_some(),
                remedy,
            };
            affected.uses.insert(place, one);
        }
        Ok(())
    }
}

/// Returns what brings back some content at `path`, or of the file `inner` in the folder there, that
/// `data.lock` records now.
pub(super) fn remedy(
    workspace: &Workspace,
    (path, inner): (&AnyPath, &str),
    content: &Content,
    user: &User,
) -> Result<Remedy, Refusal> {
    if let User::Out(stage) | User::Dep(stage) = user {
        return Ok(Remedy::Repro(stage.clone()));
    }
    let is_here = if content.files.is_some() {
        let tree = workspace.tree(path)?;
        tree.is_some_and(|tree| tree.content().sha256 == content.sha256)
    } else {
        let location = workspace.locate_any(path);
        let location = if inner.is_empty() {
            location
        } else {
            location.join(inner)
        };
        // Its digest is taken anew: what the index says would do for less than this.
        Digest::of_file(&location).is_ok_and(|(digest, _)| digest == content.sha256)
    };
    Ok(if is_here { Remedy::Add } else { Remedy::Fetch })
}

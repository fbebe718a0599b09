//! `Needed`: the files and folders that a command is about, and their objects.

use std::collections::{BTreeSet, HashMap};

use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::source::as_text;
use crate::data::{self, Inventory, Part, Uncached};
use crate::exchange::error::Error;
use crate::pipeline::{Content, LOCK_FILE, Lock};
use crate::remote::{Depot, Fetched, Want};
use crate::scm::{self, Reach};
use crate::store::{Cache, Meter};
use crate::workspace::Workspace;

/// What a command is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// The paths that are meant, and all below them; for none, all.
    pub(crate) paths: Vec<RepoPath>,
    /// Parts of tracked folders that are meant beside them.
    pub(crate) parts: Vec<Part>,
    /// Commits beside the workspace.
    pub(crate) reaches: Vec<Reach>,
}

impl Scope {
    fn is_all(&self) -> bool {
        self.paths.is_empty() && self.parts.is_empty()
    }
}

/// Something that is needed.
#[derive(Clone, Debug)]
pub(crate) struct Needed {
    /// Where it belongs.
    pub(crate) path: RepoPath,
    /// What it is.
    pub(crate) content: Content,
    /// Whether the workspace needs it, not only some commit.
    pub(crate) is_current: bool,
    /// Of a folder, the paths in it that are meant; for none, all.
    pub(crate) inner: Vec<String>,
}

/// The objects of what is needed.
#[derive(Default)]
pub(super) struct Objects {
    /// Each object once; those of a folder before its manifest.
    pub(super) wants: Vec<Want>,
    /// Where an object belongs, for messages.
    pub(super) paths: HashMap<Digest, String>,
    /// Folders whose manifests the cache does not have.
    pub(super) unlisted: Vec<Needed>,
}

/// Finds what is needed.
pub(crate) fn needed(workspace: &Workspace, scope: &Scope) -> Result<Vec<Needed>, Error> {
    let here = Inventory::here(workspace, &Uncached::here(workspace))?;
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    collect(&here, scope, true, &mut seen, &mut all);
    if scope.reaches.is_empty() {
        return Ok(all);
    }
    let Some(repo) = workspace.repo()? else {
        let path = workspace.root().to_owned();
        return Err(scm::Error::NoRepository { path }.into());
    };
    let path = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
    for version in repo.versions(&path, &scope.reaches)? {
        let label = format!("{}:{LOCK_FILE}", version.commit);
        let lock = Lock::parse(&label, as_text(&label, &version.bytes)?)?;
        let then = Inventory::of(&lock, &Uncached::default());
        collect(&then, scope, false, &mut seen, &mut all);
    }
    Ok(all)
}

/// Refuses a part of a folder that nothing is recorded of, neither now nor in the commits that are meant.
/// What a folder has whose list nobody knows cannot be told.
pub(super) fn refuse_unknown_parts(all: &[Needed], cache: &Cache) -> Result<(), Error> {
    for one in all.iter().filter(|one| one.is_current) {
        for inner in &one.inner {
            let mut is_known = false;
            for version in all.iter().filter(|version| version.path == one.path) {
                let tree = cache.manifest(&version.content)?;
                is_known |= tree.is_none_or(|tree| tree.part(inner).next().is_some());
            }
            if !is_known {
                let tracked = one.path.clone();
                let path = tracked.join(inner).map_err(data::Error::from)?;
                return Err(data::Error::NotRecorded { path, tracked }.into());
            }
        }
    }
    Ok(())
}

type Seen = BTreeSet<(RepoPath, Digest, bool)>;

fn collect(
    inventory: &Inventory,
    scope: &Scope,
    is_current: bool,
    seen: &mut Seen,
    all: &mut Vec<Needed>,
) {
    for (path, content) in inventory.contents() {
        let is_meant = |target: &RepoPath| path.is_within(target);
        let is_whole = scope.is_all() || scope.paths.iter().any(is_meant);
        let parts = scope.parts.iter().filter(|part| part.tracked == *path);
        let inner: Vec<String> = parts.map(|part| part.path.relative_to(path)).collect();
        if !is_whole && inner.is_empty() {
            continue;
        }
        if seen.insert((path.clone(), content.sha256, content.files.is_some())) {
            all.push(Needed {
                path: path.clone(),
                content: *content,
                is_current,
                inner: if is_whole { Vec::new() } else { inner },
            });
        }
    }
}

impl Objects {
    /// Lists the objects of what is needed, as far as the cache knows what is in folders.
    pub(super) fn of(all: &[Needed], cache: &Cache) -> Result<Self, Error> {
        let mut objects = Self::default();
        let mut seen = BTreeSet::new();
        for needed in all {
            let path = needed.path.as_str();
            let content = &needed.content;
            if content.files.is_none() {
                objects.add(content.sha256, Some(content.size), path.to_owned());
                continue;
            }
            if needed.inner.is_empty() && !seen.insert(content.sha256) {
                continue;
            }
            let Some(tree) = cache.manifest(content)? else {
                objects.unlisted.push(needed.clone());
                continue;
            };
            for (inner, file) in tree.files().filter(|(inner, _)| needed.means(inner)) {
                let path = format!("{path}/{inner}");
                objects.add(file.digest, Some(file.size), path);
            }
            objects.add(content.sha256, None, format!("{path}/"));
        }
        Ok(objects)
    }

    /// Lists the objects as [`Self::of`] does, once the manifests that the cache lacks have been fetched,
    /// as far as the remote has them. What is in a folder is known by its manifest only.
    pub(super) fn known_there(
        all: &[Needed],
        cache: &Cache,
        depot: &Depot,
        meter: &Meter,
    ) -> Result<(Self, Fetched), Error> {
        let objects = Self::of(all, cache)?;
        if objects.unlisted.is_empty() {
            return Ok((objects, Fetched::default()));
        }
        let fetched = depot.fetch(&objects.manifests(), cache, meter)?;
        Ok((Self::of(all, cache)?, fetched))
    }

    /// Returns the manifests that the cache lacks.
    fn manifests(&self) -> Vec<Want> {
        let manifest = |one: &Needed| Want {
            digest: one.content.sha256,
            size: None,
        };
        self.unlisted.iter().map(manifest).collect()
    }

    fn add(&mut self, digest: Digest, size: Option<u64>, path: String) {
        if let std::collections::hash_map::Entry::Vacant(entry) = self.paths.entry(digest) {
            entry.insert(path);
            self.wants.push(Want { digest, size });
        }
    }

    /// Counts those of the `failed` objects, and the folders without lists, that the workspace does not
    /// need, which needs the `current` ones.
    pub(super) fn others_among(
        &self,
        failed: impl Iterator<Item = Digest>,
        current: &Self,
    ) -> usize {
        let unlisted = self.unlisted.iter().filter(|one| !one.is_current);
        let failed = failed.filter(|digest| !current.paths.contains_key(digest));
        unlisted.count() + failed.count()
    }

    /// Returns where these objects belong, sorted.
    pub(super) fn paths_of(&self, digests: &[Digest]) -> Vec<String> {
        let path = |digest: &Digest| self.paths.get(digest).cloned();
        let mut paths: Vec<String> = digests.iter().filter_map(path).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}

impl Needed {
    /// Makes what nobody has in the workspace, but somebody needs.
    pub(super) fn alone(content: Content) -> Self {
        Self {
            path: RepoPath::root(),
            content,
            is_current: false,
            inner: Vec::new(),
        }
    }

    /// Returns whether a path in the folder is meant.
    pub(super) fn means(&self, inner: &str) -> bool {
        let is_within = |wanted: &String| {
            let rest = inner.strip_prefix(wanted.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.inner.is_empty() || self.inner.iter().any(is_within)
    }
}

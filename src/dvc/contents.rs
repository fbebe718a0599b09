//! `Contents`: what DVC's objects are here, by SHA-256, wherever their bytes were found.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::base::source::Snapshot;
use crate::dvc::error::Error;
use crate::dvc::manifest::Member;
use crate::dvc::md5::Md5Hasher;
use crate::dvc::migration::Trouble;
use crate::dvc::records::{Object, Recorded};
use crate::dvc::storage::{Lack, Storage};
use crate::dvc::transfer::{bring, members, tree};
use crate::dvc::workspace_match::{has_file, has_folder};
use crate::pipeline::Content;
use crate::scm::Revision;
use crate::store::{Meter, Tree};
use crate::workspace::Workspace;

/// Whether content goes into the cache, or is only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Keeping {
    /// Git keeps it, or somebody else.
    Look,
    /// The cache does.
    Keep,
}

/// Some recorded content that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Want {
    path: AnyPath,
    object: Object,
    executable: bool,
    keeping: Keeping,
}

impl Want {
    /// Wants what is recorded of a path, which has an object; kept in the cache.
    pub(super) fn kept(path: AnyPath, recorded: &Recorded) -> Self {
        let object = recorded
            .object
            .expect("invariant: only what has an object is wanted");
        Self {
            path,
            object,
            executable: recorded.executable,
            keeping: Keeping::Keep,
        }
    }

    /// Wants what is recorded of a path to be known, if it has an object.
    pub(super) fn of(path: AnyPath, recorded: &Recorded, keeping: Keeping) -> Option<Self> {
        recorded.object.map(|object| Self {
            path,
            object,
            executable: recorded.executable,
            keeping,
        })
    }
}

/// What is known of each path and object.
pub(super) struct Contents {
    known: BTreeMap<(AnyPath, Object), Result<Content, (String, Lack)>>,
    /// Those whose absence is nobody's fault: a file of git's that has changed since.
    changed: BTreeSet<(AnyPath, Object)>,
}

/// The wants of one path and object are one.
type Wants = BTreeMap<(AnyPath, Object), (bool, Keeping)>;

/// What is at hand while content is looked for.
struct Search<'a> {
    workspace: &'a Workspace,
    storage: &'a Storage,
    meter: &'a Meter,
    head: Option<Revision>,
    folders: BTreeMap<Object, Result<Vec<Member>, Lack>>,
}

impl Contents {
    /// Looks for all that is wanted: in the workspace, then in DVC's storage, then in git's last
    /// commit. What is to be kept is in the cache afterwards.
    pub(super) fn find(
        workspace: &Workspace,
        storage: &Storage,
        wants: Vec<Want>,
        meter: &Meter,
    ) -> Result<Self, Error> {
        let mut all = Wants::new();
        for want in wants {
            let both = all
                .entry((want.path, want.object))
                .or_insert((want.executable, want.keeping));
            both.1 = both.1.max(want.keeping);
        }
        let head = workspace.revision("HEAD").ok();
        let mut search = Search {
            workspace,
            storage,
            meter,
            head,
            folders: BTreeMap::new(),
        };
        let mut found = Self {
            known: BTreeMap::new(),
            changed: BTreeSet::new(),
        };
        let mut rest = Wants::new();
        for (key, (executable, keeping)) in all {
            match search.in_workspace(&key.0, &key.1, keeping)? {
                Some(content) => drop(found.known.insert(key, Ok(content))),
                None => drop(rest.insert(key, (executable, keeping))),
            }
        }
        found.add_stored(&search, rest)?;
        Ok(found)
    }

    /// Brings from the storage what the workspace lacks.
    fn add_stored(&mut self, search: &Search<'_>, wants: Wants) -> Result<(), Error> {
        let mut objects = BTreeSet::new();
        for (_, object) in wants.keys() {
            match search.folders.get(object) {
                Some(Ok(members)) => objects.extend(members.iter().map(|member| member.object)),
                Some(Err(_)) => {}
                None => drop(objects.insert(*object)),
            }
        }
        let outcomes = bring(
            search.storage,
            &objects,
            &search.workspace.cache,
            search.meter,
        )?;
        for ((path, object), (executable, keeping)) in wants {
            let outcome = match search.folders.get(&object) {
                Some(Ok(members)) => match tree(members, &outcomes) {
                    Ok(tree) => Ok(search.keep_tree(&tree)?),
                    Err((inner, lack)) => Err((format!("{}/{inner}", path.as_str()), lack)),
                },
                Some(Err(lack)) => Err((path.as_str().to_owned(), lack.clone())),
                None => match outcomes.get(&object).cloned().unwrap_or(Err(Lack::Missing)) {
                    Ok(taken) => Ok(Content {
                        sha256: taken.digest,
                        size: taken.size,
                        files: None,
                        executable,
                    }),
                    Err(lack) => search
                        .in_git(&path, &object, (executable, keeping))?
                        .ok_or_else(|| (path.as_str().to_owned(), lack)),
                },
            };
            if keeping == Keeping::Look
                && matches!(outcome, Err((_, Lack::Missing)))
                && search.workspace.locate_any(&path).exists()
            {
                self.changed.insert((path.clone(), object));
            }
            self.known.insert((path, object), outcome);
        }
        Ok(())
    }

    /// Returns what is recorded of a path, if it was found.
    pub(super) fn of(&self, path: &AnyPath, recorded: &Recorded) -> Option<Content> {
        let key = (path.clone(), recorded.object?);
        self.known.get(&key)?.as_ref().ok().copied()
    }

    /// Returns all that should have been found, and was not.
    pub(super) fn into_troubles(self) -> Vec<Trouble> {
        let Self { known, changed } = self;
        let unknown = known.into_iter().filter(|(key, _)| !changed.contains(key));
        let troubles = unknown.filter_map(|((_, object), outcome)| {
            let (path, lack) = outcome.err()?;
            let md5 = object.md5.to_string();
            Some(Trouble::Object { path, md5, lack })
        });
        troubles.collect()
    }
}

impl Search<'_> {
    /// Returns the content of a path whose bytes are those that were recorded.
    fn in_workspace(
        &mut self,
        path: &AnyPath,
        object: &Object,
        keeping: Keeping,
    ) -> Result<Option<Content>, Error> {
        let is_there = if object.is_folder {
            let known = match self.folders.entry(*object) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(members(self.storage, object)?),
            };
            match known {
                Ok(members) => has_folder(self.workspace, path, members)?,
                Err(_) => false,
            }
        } else {
            has_file(self.workspace, path, object)?
        };
        if !is_there {
            return Ok(None);
        }
        Ok(match keeping {
            Keeping::Keep => self.workspace.store(path, self.meter)?,
            Keeping::Look => self.workspace.measure(path)?,
        })
    }

    /// Returns the content of a file as the last commit has it, if that is what was recorded.
    fn in_git(
        &self,
        path: &AnyPath,
        object: &Object,
        (executable, keeping): (bool, Keeping),
    ) -> Result<Option<Content>, Error> {
        let (Some(head), Some(path)) = (&self.head, path.inside()) else {
            return Ok(None);
        };
        let Some(bytes) = head.read(path).ok().flatten() else {
            return Ok(None);
        };
        let mut hasher = Md5Hasher::new(object.era);
        hasher.update(&bytes);
        if !hasher.is(object.md5) {
            return Ok(None);
        }
        if keeping == Keeping::Keep {
            let mut incoming = self.workspace.cache.incoming(self.meter)?;
            incoming.write(&bytes)?;
            incoming.keep()?;
        }
        Ok(Some(Content {
            sha256: Digest::of(&bytes),
            size: bytes.len() as u64,
            files: None,
            executable,
        }))
    }

    fn keep_tree(&self, tree: &Tree) -> Result<Content, Error> {
        self.workspace.cache.store_manifest(tree)?;
        Ok(tree.content())
    }
}

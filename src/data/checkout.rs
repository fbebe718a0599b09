//! `checkout`: what is recorded becomes what is in the workspace. What is in no cache stays, unless
//! the user says otherwise; then it is moved out of the way.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::data::access::Access;
use crate::data::admission::refuse_behind_link;
use crate::data::error::Error;
use crate::data::let_go::LetGo;
use crate::data::unsaved::{Unsaved, uncounted_in_the_way};
use crate::pipeline::{Content, Data};
use crate::scm::IgnoreFiles;
use crate::store::{Meter, Presence, Restored, Spot, Tree, is_within, leads_elsewhere};
use crate::workspace::{Kept, Workspace};

/// How far a checkout may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Whether content that is in no cache gives way, moved to `.mlpipe/kept`.
    pub(crate) is_forced: bool,
    /// Whether files that are as recorded are linked into the cache anew.
    pub(crate) relinks: bool,
}

/// A path that was to be checked out.
#[derive(Debug)]
pub(crate) struct CheckedOut {
    /// Where it is.
    pub(crate) path: RepoPath,
    /// How that went.
    pub(crate) outcome: Outcome,
    /// What only the user had, and where it is now.
    pub(crate) kept: Option<Kept>,
}

/// How it went with a path.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is as recorded.
    Unchanged,
    /// It was linked into the cache anew.
    Relinked,
    /// It was missing and is in place.
    Restored,
    /// It was different and is as recorded.
    Replaced,
    /// Something there is in no cache, so it stays as it is.
    Refused {
        /// Which files that are.
        files: Vec<String>,
        /// Whether all else in the folder is as recorded.
        is_partial: bool,
    },
    /// The cache does not have what is recorded.
    Lost {
        /// Which files it lacks; the path itself where nobody knows more.
        files: Vec<String>,
        /// Whether the other files were put in place.
        is_partial: bool,
    },
    /// It cannot be looked at, or not be written.
    Failed(Error),
}

impl Outcome {
    /// Returns whether the path is as recorded now.
    pub(crate) fn is_success(&self) -> bool {
        !matches!(
            self,
            Self::Refused { .. } | Self::Lost { .. } | Self::Failed(_)
        )
    }
}

/// Puts recorded content in place, path by path: what fails for one does not keep the others.
pub(crate) fn check_out(
    access: &Access<'_>,
    paths: &BTreeSet<RepoPath>,
    manner: Manner,
    meter: &Meter,
) -> Result<Vec<CheckedOut>, Error> {
    let wanted = access.data.iter().filter(|(path, _)| paths.contains(*path));
    let mut all = Vec::new();
    let mut ignored = IgnoreFiles::new(access.workspace.root());
    for (path, recorded) in wanted {
        access.clean(path)?;
        let mut visit = Visit {
            workspace: access.workspace,
            path,
            recorded,
            meter,
            kept: None,
        };
        let outcome = visit
            .check_out(&access.data, manner, &mut ignored)
            .unwrap_or_else(|error| {
                Outcome::Failed(error.doing(access.workspace, "check out", path))
            });
        all.push(CheckedOut {
            path: path.clone(),
            outcome,
            kept: visit.kept,
        });
    }
    let done = all.iter().filter(|one| one.outcome.is_success());
    LetGo::forget(access.workspace, done.map(|one| &one.path))?;
    access.workspace.try_save_index();
    Ok(all)
}

/// A look at one path.
pub(super) struct Visit<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) path: &'a RepoPath,
    pub(super) recorded: &'a Content,
    pub(super) meter: &'a Meter,
    pub(super) kept: Option<Kept>,
}

impl Visit<'_> {
    fn check_out(
        &mut self,
        data: &Data,
        manner: Manner,
        ignored: &mut IgnoreFiles,
    ) -> Result<Outcome, Error> {
        refuse_behind_link(self.workspace, self.path)?;
        self.refuse_inside(data)?;
        let standing = self.workspace.stand_at(&self.any(), self.recorded)?;
        let found = standing.content;
        if found.as_ref() == Some(self.recorded) {
            // A killed `add` may have come no further.
            ignored.add(self.path)?;
            return self.leave(manner);
        }
        // Where nothing is, nothing gives way: that something is missing shows in time.
        let is_free = found.is_none() && !fs::exists(&self.workspace.locate(self.path))?;
        if !is_free && self.workspace.cache.presence(self.recorded)? == Presence::Missing {
            return self.salvage(found);
        }
        let unsaved = if is_free {
            Unsaved::Nothing
        } else {
            Unsaved::find(self.workspace, self.path, &standing, self.recorded)?
        };
        let held = match &unsaved {
            Unsaved::Files(files) if !manner.is_forced && self.recorded.files.is_some() => {
                files.as_slice()
            }
            Unsaved::Nothing => &[],
            _ if manner.is_forced => {
                // It gives way to nothing but what is sound.
                if self.workspace.cache.verify(self.recorded)? == Presence::Missing {
                    return self.salvage(found);
                }
                &[]
            }
            _ => {
                let (files, is_partial) = (unsaved.paths(self.path), false);
                return Ok(Outcome::Refused { files, is_partial });
            }
        };
        // Before it is there: git must not see it.
        ignored.add(self.path)?;
        if held.is_empty() {
            self.kept = unsaved.keep(self.workspace, self.path)?;
        }
        // What has just been moved away is there no more.
        let there = standing.folder.as_ref().filter(|_| self.kept.is_none());
        self.replace(found, Spot { held, there })
    }

    /// Refuses what lies in a folder that is tracked as a whole: each would undo what the other does.
    fn refuse_inside(&self, data: &Data) -> Result<(), Error> {
        let mut above = self.path.ancestors().skip(1);
        match above.find_map(|folder| data.get_key_value(folder)) {
            None => Ok(()),
            Some((tracked, _)) => Err(Error::Inside {
                path: self.path.clone(),
                tracked: tracked.clone(),
            }),
        }
    }

    /// Puts what is recorded in place, but for the files of a folder that are held back.
    fn replace(&self, found: Option<Content>, spot: Spot<'_>) -> Result<Outcome, Error> {
        let held = spot.held;
        if found.is_some() {
            self.workspace.cache.settle()?;
        }
        let any = self.any();
        let restored = self
            .workspace
            .restore_around(self.recorded, (&any, spot), self.meter)?;
        Ok(match restored {
            Restored::Missing | Restored::Corrupt(_) => return self.salvage(found),
            Restored::Done if !held.is_empty() => Outcome::Refused {
                files: held.iter().map(|inner| self.name_of(inner)).collect(),
                is_partial: true,
            },
            Restored::Done if found.is_none() => Outcome::Restored,
            Restored::Done => Outcome::Replaced,
        })
    }

    /// Makes what is as recorded of the cache anew, if that is wanted.
    fn leave(&self, manner: Manner) -> Result<Outcome, Error> {
        if !manner.relinks {
            return Ok(Outcome::Unchanged);
        }
        let any = self.any();
        let relinked = self.workspace.relink(self.recorded, &any, self.meter)?;
        if relinked != Restored::Done {
            // The workspace has what the cache lacks.
            self.workspace.store(&any, self.meter)?;
        }
        Ok(Outcome::Relinked)
    }

    /// Puts in place what there is of a folder of which the cache has lost a part, where nothing
    /// else is.
    fn salvage(&self, found: Option<Content>) -> Result<Outcome, Error> {
        let Workspace { cache, .. } = self.workspace;
        let Some(tree) = cache.manifest(self.recorded)? else {
            let files = vec![self.path.to_string()];
            let is_partial = false;
            return Ok(Outcome::Lost { files, is_partial });
        };
        let there = self.workspace.tree(&self.any())?.unwrap_or_default();
        let is_folder = found.is_none_or(|found| found.files.is_some());
        let is_free = is_folder && is_part(&there, &tree);
        let taken = uncounted_in_the_way(&self.workspace.locate(self.path), &there, &tree)?;
        let taken: BTreeSet<&str> = taken.iter().map(String::as_str).collect();
        let there: BTreeMap<&str, Content> = contents(&there).collect();
        let (mut files, mut has_restored) = (Vec::new(), false);
        for (inner, content) in contents(&tree) {
            if there.get(inner) == Some(&content) {
                continue;
            }
            let is_done = match cache.presence(&content)? {
                Presence::Missing => false,
                Presence::Whole if !is_free => true,
                Presence::Whole if is_within(inner, &taken) || self.is_folder(inner) => false,
                Presence::Whole => {
                    let is_done = self.restore_file(inner, &content)?;
                    has_restored |= is_done;
                    is_done
                }
            };
            if !is_done {
                files.push(self.name_of(inner));
            }
        }
        if files.is_empty() {
            files.push(self.path.to_string());
        }
        let is_partial = has_restored;
        Ok(Outcome::Lost { files, is_partial })
    }

    fn is_folder(&self, inner: &str) -> bool {
        let place = self.workspace.locate(self.path).join(inner);
        place.is_dir() && !place.is_symlink()
    }

    /// Puts one file in place; false if the cache does not have it, or if it is behind a link.
    pub(super) fn restore_file(&self, inner: &str, content: &Content) -> Result<bool, Error> {
        let location = self.workspace.locate(self.path);
        if leads_elsewhere(&location, inner) {
            return Ok(false);
        }
        let path = AnyPath::from(self.path.join(if inner.is_empty() { "." } else { inner })?);
        let restored = self.workspace.restore(content, &path, self.meter)?;
        Ok(restored == Restored::Done)
    }

    /// Returns how a file in the folder is called in messages.
    pub(super) fn name_of(&self, inner: &str) -> String {
        if inner.is_empty() {
            self.path.to_string()
        } else {
            format!("{}/{inner}", self.path)
        }
    }

    pub(super) fn any(&self) -> AnyPath {
        self.path.clone().into()
    }
}

/// Whether a folder has only what is in the other one, too.
fn is_part(there: &Tree, whole: &Tree) -> bool {
    let whole: BTreeMap<&str, Content> = contents(whole).collect();
    contents(there).all(|(path, content)| whole.get(path) == Some(&content))
}

pub(super) fn contents(tree: &Tree) -> impl Iterator<Item = (&str, Content)> {
    tree.files().map(|(path, file)| (path, file.into()))
}

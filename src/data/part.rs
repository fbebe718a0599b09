//! Parts of tracked folders, which are checked out by themselves.

use std::collections::BTreeSet;

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::data::access::Access;
use crate::data::admission::refuse_behind_link;
use crate::data::checkout::{CheckedOut, Manner, Outcome, Visit, contents};
use crate::data::error::Error;
use crate::pipeline::Content;
use crate::store::{Meter, Presence, is_object_link, leads_elsewhere};
use crate::workspace;

/// A file or folder in a tracked folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The tracked folder.
    pub(crate) tracked: RepoPath,
    /// What is wanted of it.
    pub(crate) path: RepoPath,
}

/// Puts the recorded files of parts in place. What else is in them stays.
pub(crate) fn check_out_parts(
    access: &Access<'_>,
    parts: &[Part],
    manner: Manner,
    meter: &Meter,
) -> Result<Vec<CheckedOut>, Error> {
    let mut all = Vec::new();
    for Part { tracked, path } in parts {
        let Some(recorded) = access.data.get(tracked) else {
            continue;
        };
        access.clean(tracked)?;
        let mut visit = Visit {
            workspace: access.workspace,
            path: tracked,
            recorded,
            meter,
            kept: None,
        };
        let outcome = visit.check_out_part(path, manner);
        all.push(CheckedOut {
            path: path.clone(),
            outcome: outcome.unwrap_or_else(|error| {
                Outcome::Failed(error.doing(access.workspace, "check out", path))
            }),
            kept: visit.kept,
        });
    }
    access.workspace.try_save_index();
    Ok(all)
}

impl Visit<'_> {
    fn check_out_part(&mut self, path: &RepoPath, manner: Manner) -> Result<Outcome, Error> {
        refuse_behind_link(self.workspace, self.path)?;
        let Some(tree) = self.workspace.cache.manifest(self.recorded)? else {
            let (files, is_partial) = (vec![self.path.to_string()], false);
            return Ok(Outcome::Lost { files, is_partial });
        };
        let wanted = path.relative_to(self.path);
        let is_wanted = |inner: &str| {
            let rest = inner.strip_prefix(wanted.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let wanted: Vec<(&str, Content)> = contents(&tree)
            .filter(|(inner, _)| is_wanted(inner))
            .collect();
        if wanted.is_empty() {
            let (path, tracked) = (path.clone(), self.path.clone());
            return Err(Error::NotRecorded { path, tracked });
        }
        let mut unsaved = Vec::new();
        let mut changed = Vec::new();
        for (inner, content) in wanted {
            let any = AnyPath::from(self.path.join(inner)?);
            let found = self.workspace.measure(&any)?;
            if found == Some(content) {
                continue;
            }
            if self.is_unsaved(&any, inner, found)? {
                unsaved.push(inner.to_owned());
            }
            changed.push((inner, content, found.is_some()));
        }
        if !unsaved.is_empty() && !manner.is_forced {
            let files = unsaved.iter().map(|inner| self.name_of(inner)).collect();
            let is_partial = false;
            return Ok(Outcome::Refused { files, is_partial });
        }
        self.replace_files(&unsaved, &changed)
    }

    fn is_unsaved(
        &self,
        path: &AnyPath,
        inner: &str,
        found: Option<Content>,
    ) -> Result<bool, Error> {
        let place = self.workspace.locate_any(path);
        let is_there = fs::exists(&place)?;
        let is_own_link = place.is_symlink() && !is_object_link(&place);
        let is_saved = match found {
            // Where it leads is written down nowhere.
            _ if is_own_link => false,
            Some(found) => self.workspace.cache.verify(&found)? == Presence::Whole,
            None => !is_there,
        };
        let is_behind = leads_elsewhere(&self.workspace.locate(self.path), inner);
        Ok(!is_saved && !is_behind)
    }

    /// Returns the files that the cache does not have. What is moved out of the way `gives_way` to nothing
    /// but what is sound.
    fn lacking(
        &self,
        changed: &[(&str, Content, bool)],
        gives_way: bool,
    ) -> Result<Vec<String>, Error> {
        let cache = &self.workspace.cache;
        let mut files = Vec::new();
        for (inner, content, _) in changed {
            let presence = if gives_way {
                cache.verify(content)?
            } else {
                cache.presence(content)?
            };
            if presence == Presence::Missing {
                files.push(self.name_of(inner));
            }
        }
        Ok(files)
    }

    /// Puts in place what the cache has. Moves `unsaved` files out of the way, unless it lacks some of
    /// what is to take their place.
    fn replace_files(
        &mut self,
        unsaved: &[String],
        changed: &[(&str, Content, bool)],
    ) -> Result<Outcome, Error> {
        let mut files = self.lacking(changed, !unsaved.is_empty())?;
        let lacking: BTreeSet<String> = files.iter().cloned().collect();
        let mut is_partial = false;
        if lacking.is_empty() || unsaved.is_empty() {
            if !unsaved.is_empty() {
                self.kept = Some(workspace::keep_files(self.workspace, &self.any(), unsaved)?);
            }
            // What gives way may have no other copy on disk yet.
            if changed.iter().any(|(_, _, was_there)| *was_there) {
                self.workspace.cache.settle()?;
            }
            for (inner, content, _) in changed {
                let name = self.name_of(inner);
                if lacking.contains(&name) {
                    continue;
                }
                if self.restore_file(inner, content)? {
                    is_partial = true;
                } else {
                    files.push(name);
                }
            }
        }
        Ok(if !files.is_empty() {
            Outcome::Lost { files, is_partial }
        } else if changed.is_empty() {
            Outcome::Unchanged
        } else if changed.iter().any(|(_, _, was_there)| *was_there) {
            Outcome::Replaced
        } else {
            Outcome::Restored
        })
    }
}

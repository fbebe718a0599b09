//! Which paths may be tracked as data. Everything is judged before anything is changed.

use std::collections::BTreeSet;
use std::path::Path;

use walkdir::WalkDir;

use crate::base::fs::{self, failed};
use crate::base::ignore_rules::{IgnorePattern, IgnoreRules};
use crate::base::path::{PathError, RepoPath};
use crate::data::access::Access;
use crate::data::error::Error;
use crate::pipeline::{
    self, Capitals, DVC_FILE, Data, LOCK_FILE, PIPELINE_FILE, Pattern, Pipeline, tracked_around,
    tracked_below,
};
use crate::store::{self, is_object_link};
use crate::workspace::Workspace;

/// Names whose content is nobody's data.
const STATE: [&str; 2] = [".git", ".mlpipe"];

/// Finds what a pattern names: files, and folders as a whole. What is nobody's data is passed over.
pub(crate) fn matching(workspace: &Workspace, pattern: RepoPath) -> Result<Vec<RepoPath>, Error> {
    let pattern = Pattern::new(pattern).map_err(Error::Pattern)?;
    let top = workspace.locate(pattern.prefix());
    let mut found = Vec::new();
    let rules = IgnoreRules::open(workspace.root());
    let mut walker = WalkDir::new(&top).min_depth(1).into_iter();
    while let Some(entry) = walker.next() {
        let entry = match entry {
            Ok(entry) => entry,
            // There is nothing that could match.
            Err(error) if error.depth() == 0 => break,
            Err(source) => return Err(Error::Walk { path: top, source }),
        };
        let is_folder = entry.file_type().is_dir();
        let name = entry.file_name().to_str();
        let path = match RepoPath::from_disk(workspace.root(), entry.path()) {
            Ok(path) => path,
            // Most such names have nothing to do with the pattern, but nobody can tell.
            Err(error @ PathError::NotUtf8(_)) => return Err(error.into()),
            Err(_) => continue,
        };
        let is_match = pattern.matches(&path);
        let is_state = name.is_some_and(|name| STATE.contains(&name));
        let is_data = !is_state && rules.ignored(&path, is_folder)?.is_none();
        if is_match && is_data && project_role(&path).is_none() {
            found.push(path);
        } else if is_folder && is_data && pattern.may_match_in(&path) {
            continue;
        }
        if is_folder {
            walker.skip_current_dir();
        }
    }
    if found.is_empty() {
        let pattern = pattern.path().clone();
        return Err(Error::NoMatch { pattern });
    }
    found.sort();
    Ok(found)
}

/// What new paths are judged by.
pub(super) struct Gate<'a> {
    workspace: &'a Workspace,
    data: &'a Data,
    /// Imports that are not downloaded.
    absent: &'a BTreeSet<RepoPath>,
    pipeline: Option<Pipeline>,
    rules: IgnoreRules,
}

impl<'a> Gate<'a> {
    /// Loads the pipeline, if there is one.
    pub(super) fn open(access: &'a Access<'_>) -> Result<Self, Error> {
        let Access {
            workspace,
            data,
            absent,
            ..
        } = access;
        let pipeline = match workspace.load_pipeline() {
            Ok(pipeline) => Some(pipeline),
            Err(pipeline::Error::NoPipeline { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            workspace,
            data,
            absent,
            pipeline,
            rules: IgnoreRules::open(workspace.root()),
        })
    }

    /// Refuses the first of `paths` that cannot be tracked.
    pub(super) fn admit(&self, paths: &BTreeSet<RepoPath>) -> Result<(), Error> {
        for path in paths {
            self.check_place(path)?;
            self.check_presence(path)?;
            self.check_source(path)?;
        }
        self.expect(paths)
    }

    /// Refuses the first of `paths` that could not be tracked if something were there.
    pub(super) fn expect(&self, paths: &BTreeSet<RepoPath>) -> Result<(), Error> {
        let capitals = Capitals::of(self.data.keys().chain(self.absent).chain(paths));
        for path in paths {
            self.check_place(path)?;
            self.check_company(path, paths)?;
            if let Some(tracked) = capitals.alike(path) {
                let (path, tracked) = (path.clone(), tracked.clone());
                return Err(Error::Alike { path, tracked });
            }
            self.check_stages(path)?;
            let is_folder = self.workspace.locate(path).is_dir();
            let ignored = self.rules.ignored(path, is_folder)?;
            // What is never data has been refused by its place.
            if let Some(IgnorePattern {
                place: Some((file, _)),
                ..
            }) = ignored
            {
                let path = path.clone();
                return Err(Error::Ignored { path, file });
            }
        }
        self.check_git(paths)
    }

    /// Looks at the path alone.
    fn check_place(&self, path: &RepoPath) -> Result<(), Error> {
        if path.is_root() {
            return Err(Error::Root);
        }
        let state = path.as_str().split('/').find(|part| STATE.contains(part));
        if let Some(folder) = state {
            let (path, folder) = (path.clone(), folder.to_owned());
            return Err(Error::State { path, folder });
        }
        if let Some(role) = project_role(path) {
            let path = path.clone();
            return Err(Error::ProjectFile { path, role });
        }
        refuse_behind_link(self.workspace, path)
    }

    fn check_presence(&self, path: &RepoPath) -> Result<(), Error> {
        let location = self.workspace.locate(path);
        let path = path.clone();
        if !fs::exists(&location)? {
            let is_tracked = self.data.contains_key(&path);
            return Err(Error::Absent { path, is_tracked });
        }
        let target = fs::absent_as_none(location.metadata());
        match target.map_err(failed("cannot read", &location))? {
            Some(_) => Ok(()),
            None if is_object_link(&location) => Err(store::Error::Lost { path: location }.into()),
            None => Err(Error::Dangling { path }),
        }
    }

    /// What was made here would pass for what its source has.
    fn check_source(&self, path: &RepoPath) -> Result<(), Error> {
        if self.absent.contains(path) {
            let path = path.clone();
            return Err(Error::Undownloaded { path });
        }
        Ok(())
    }

    /// Looks for other tracked paths, old or new, that it lies in or that lie in it.
    fn check_company(&self, path: &RepoPath, new: &BTreeSet<RepoPath>) -> Result<(), Error> {
        let mut above = path.ancestors().skip(1);
        let together = above.find_map(|folder| new.get(folder));
        let mut imports = self.absent.iter().filter(|import| *import != path);
        let import = imports.find(|import| import.overlaps(path));
        let import_around = import.filter(|import| path.is_within(import));
        let around = tracked_around(self.data, path).filter(|tracked| *tracked != path);
        if let Some(tracked) = around.or(together).or(import_around) {
            let (path, tracked) = (path.clone(), tracked.clone());
            return Err(Error::Inside { path, tracked });
        }
        if let Some(tracked) = tracked_below(self.data, path).next().or(import) {
            let (path, tracked) = (path.clone(), tracked.clone());
            return Err(Error::Around { path, tracked });
        }
        Ok(())
    }

    fn check_stages(&self, path: &RepoPath) -> Result<(), Error> {
        let Some(pipeline) = &self.pipeline else {
            return Ok(());
        };
        if let Some((stage, out)) = pipeline.out_overlapping(path)
            && let Some(out) = out.path.inside()
        {
            return Err(Error::Out {
                path: path.clone(),
                out: out.clone(),
                stage: stage.name.clone(),
            });
        }
        let mut stages = pipeline.stages.iter();
        match stages.find(|stage| stage.file.is_within(path)) {
            Some(stage) => Err(Error::HoldsPipeline {
                path: path.clone(),
                file: stage.file.clone(),
            }),
            None => Ok(()),
        }
    }

    /// What git has a copy of must go from there first, or each would have its own version.
    fn check_git(&self, paths: &BTreeSet<RepoPath>) -> Result<(), Error> {
        let Some(repo) = self.workspace.repo()? else {
            return Ok(());
        };
        match repo.tracked_among(paths.iter())?.pop_first() {
            Some(path) => Err(Error::InGit { path }),
            None => Ok(()),
        }
    }
}

/// Returns what a file is for that makes the project what it is.
fn project_role(path: &RepoPath) -> Option<&'static str> {
    Some(match path.name() {
        LOCK_FILE if path.parent().is_root() => "the record of all data",
        PIPELINE_FILE | DVC_FILE => "a pipeline file",
        ".gitignore" | ".gitattributes" | ".gitmodules" => "a file of git's own",
        ".mlpipeignore" | ".dvcignore" => "a list of what is not data",
        _ => return None,
    })
}

fn is_link(path: &Path) -> Result<bool, fs::Error> {
    let metadata = fs::absent_as_none(path.symlink_metadata());
    let metadata = metadata.map_err(failed("cannot read", path))?;
    Ok(metadata.is_some_and(|metadata| metadata.is_symlink()))
}

/// Refuses what is not in the project but behind a link in it.
pub(super) fn refuse_behind_link(workspace: &Workspace, path: &RepoPath) -> Result<(), Error> {
    // The nearest comes first, and the path itself may be a link.
    let mut above: Vec<&str> = path.ancestors().skip(1).collect();
    above.reverse();
    for folder in above {
        let folder = RepoPath::parse(folder)?;
        if is_link(&workspace.locate(&folder))? {
            let (path, link) = (path.clone(), folder);
            return Err(Error::BehindLink { path, link });
        }
    }
    Ok(())
}

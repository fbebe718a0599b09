//! The parsed form of the pipeline files, kept beside the index: reading YAML is what a run over
//! many unchanged stages would spend its time on. May be lost at any time.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::source::{self, Entry, Snapshot, Worktree};
use crate::pipeline::{self, DVC_FILE, PIPELINE_FILE, Pipeline};
use crate::store::{Index, Stamp};
use crate::workspace::Workspace;

const FILE: &str = "parsed";

/// All that a parsed form was made of. While none of it differs, the form holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Sources {
    /// The program that read it, which another may not understand.
    program: Option<Stamp>,
    /// Where the project was: paths that lead out of it mean something else elsewhere.
    root: Option<Digest>,
    /// The files that were read; `None` for one that was looked for and absent.
    files: BTreeMap<RepoPath, Option<Digest>>,
    /// The folders that were searched for pipeline files.
    folders: BTreeMap<RepoPath, Folder>,
}

/// A folder as it was when it was searched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Folder {
    /// `None` where the next change might not show.
    stamp: Option<Stamp>,
    /// The folders and pipeline files in it, sorted.
    names: Vec<String>,
}

/// Whether what was kept still holds.
enum Verdict {
    Holds,
    /// It does, but the folders look otherwise, so that each look costs more than it has to.
    HoldsAfterSearch(BTreeMap<RepoPath, Folder>),
    Fails,
}

/// A pipeline that was looked at and is yet to be used.
pub(super) struct Loaded {
    pub(super) pipeline: Pipeline,
    sources: Sources,
}

impl Loaded {
    /// Returns the pipeline, if nothing that it was made of has changed meanwhile.
    pub(super) fn if_current(self, workspace: &Workspace) -> Option<Pipeline> {
        let is_current = !matches!(self.sources.check(workspace), Verdict::Fails);
        is_current.then_some(self.pipeline)
    }
}

/// Loads the pipeline, from its parsed form where that still holds.
pub(super) fn load(workspace: &Workspace) -> Result<Loaded, pipeline::Error> {
    let path = workspace.state(FILE);
    let program = program_stamp();
    let root = Some(Digest::of(workspace.root().as_os_str().as_bytes()));
    if let Some((sources, rest)) = read(&path).as_deref().and_then(split)
        && sources.program == program
        && program.is_some()
        && sources.root == root
    {
        let verdict = sources.check(workspace);
        if !matches!(verdict, Verdict::Fails)
            && let Some(pipeline) = Pipeline::restore(rest, workspace.root())
        {
            let mut sources = sources;
            if let Verdict::HoldsAfterSearch(folders) = verdict {
                sources.folders = folders;
                write(workspace, &sources, rest);
            }
            return Ok(Loaded { pipeline, sources });
        }
    }
    let witness = Witness {
        worktree: &workspace.worktree,
        root: workspace.root(),
        sources: Mutex::default(),
    };
    let pipeline = Pipeline::load(&witness)?;
    let sources = witness.sources.into_inner();
    let sources = Sources {
        program,
        root,
        ..sources.unwrap_or_else(PoisonError::into_inner)
    };
    write(workspace, &sources, &pipeline.store());
    Ok(Loaded { pipeline, sources })
}

impl Sources {
    fn check(&self, workspace: &Workspace) -> Verdict {
        let is_same = |(path, digest): (&RepoPath, &Option<Digest>)| {
            digest_of(&workspace.locate(path), &workspace.index).is_ok_and(|now| now == *digest)
        };
        if !self.files.iter().all(is_same) {
            return Verdict::Fails;
        }
        let mut searched = BTreeMap::new();
        for (path, folder) in &self.folders {
            let stamp = stamp_of(&workspace.locate(path));
            if stamp.is_some() && stamp == folder.stamp {
                continue;
            }
            match list(workspace, path) {
                Some(names) if names == folder.names => drop(searched.insert(path.clone(), stamp)),
                _ => return Verdict::Fails,
            }
        }
        if searched.values().all(Option::is_none) {
            return Verdict::Holds;
        }
        let mut folders = self.folders.clone();
        for (path, stamp) in searched {
            folders.entry(path).or_default().stamp = stamp;
        }
        Verdict::HoldsAfterSearch(folders)
    }
}

/// Watches what a reader looks at.
struct Witness<'a> {
    worktree: &'a Worktree,
    root: &'a Path,
    sources: Mutex<Sources>,
}

impl Snapshot for Witness<'_> {
    fn name(&self) -> &str {
        self.worktree.name()
    }

    fn root(&self) -> &Path {
        self.root
    }

    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, source::Error> {
        let bytes = self.worktree.read(path)?;
        let digest = bytes.as_deref().map(Digest::of);
        self.note(|sources| sources.files.extend([(path.clone(), digest)]));
        Ok(bytes)
    }

    fn list(
        &self,
        folder: &RepoPath,
        wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Vec<RepoPath>, source::Error> {
        self.enter(folder);
        let found = self.worktree.list(folder, &mut |entry| {
            let is_wanted = wanted(entry);
            if is_of_interest(entry) {
                self.note(|sources| {
                    let folder = sources.folders.entry(entry.folder.clone()).or_default();
                    folder.names.push(entry.name.to_owned());
                });
            }
            if is_wanted && entry.is_folder {
                self.enter(&entry.path());
            }
            is_wanted
        });
        self.note(|sources| {
            let folders = sources.folders.values_mut();
            folders.for_each(|folder| folder.names.sort());
        });
        found
    }

    fn label(&self, path: &RepoPath) -> String {
        self.worktree.label(path)
    }
}

impl Witness<'_> {
    /// Notes how a folder looks before it is searched: what changes meanwhile then shows.
    fn enter(&self, folder: &RepoPath) {
        let stamp = stamp_of(&folder.on_disk(self.root));
        self.note(|sources| sources.folders.entry(folder.clone()).or_default().stamp = stamp);
    }

    fn note(&self, change: impl FnOnce(&mut Sources)) {
        change(&mut self.sources.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn is_of_interest(entry: &Entry<'_>) -> bool {
    entry.is_folder || matches!(entry.name, PIPELINE_FILE | DVC_FILE)
}

/// Lists what is of interest in one folder, sorted.
fn list(workspace: &Workspace, folder: &RepoPath) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let listing = workspace.worktree.list(folder, &mut |entry| {
        names.extend(is_of_interest(entry).then(|| entry.name.to_owned()));
        false
    });
    listing.ok()?;
    names.sort();
    Some(names)
}

/// Returns the digest of a file; `None` where there is none.
fn digest_of(path: &Path, index: &Index) -> io::Result<Option<Digest>> {
    let Some(metadata) = fs::absent_as_none(path.metadata())? else {
        return Ok(None);
    };
    let (digest, _) = index.digest(path, &metadata)?;
    Ok(Some(digest))
}

/// Returns how a file or folder looks; `None` where its next change might not show.
fn stamp_of(path: &Path) -> Option<Stamp> {
    let stamp = Stamp::of(&path.metadata().ok()?);
    (!stamp.is_fresh()).then_some(stamp)
}

fn program_stamp() -> Option<Stamp> {
    let program = std::env::current_exe().ok()?;
    Some(Stamp::of(&program.metadata().ok()?))
}

/// Reads what was kept, without its digest; `None` if it is absent or damaged.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = fs::read(path).ok()??;
    let (content, digest) = bytes.split_last_chunk::<32>()?;
    let length = (Digest::of(content).as_bytes() == digest).then_some(content.len())?;
    bytes.truncate(length);
    Some(bytes)
}

fn split(bytes: &[u8]) -> Option<(Sources, &[u8])> {
    postcard::take_from_bytes(bytes).ok()
}

/// Keeps a parsed form. Failing costs only time, later.
fn write(workspace: &Workspace, sources: &Sources, pipeline: &[u8]) {
    if sources.program.is_none() || !workspace.state("").is_dir() {
        return;
    }
    let mut bytes = postcard::to_stdvec(sources).expect("invariant: plain data");
    bytes.extend(pipeline);
    bytes.extend(Digest::of(&bytes).as_bytes());
    let _unsaved = fs::write_replaceable(&workspace.state(FILE), &bytes);
}

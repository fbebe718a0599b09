//! `Donor`: another git repository at some commit, of mlpipe's, of DVC's, or of neither.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::base::source::Snapshot;
use crate::config::Settings;
use crate::dvc::{DVC_FOLDER, Lack, Shelf};
use crate::imports::error::{Error, Said};
use crate::pipeline::{self, Content, Lock, Pipeline};
use crate::registry::{Registry, Selector};
use crate::remote::{self, Depot, Want};
use crate::scm::{Repo, Revision};
use crate::store::{Cache, Entry, EntryKind, FileContent, Meter, Tree};

/// Why content of a project of ours cannot be had.
const NOWHERE: &str = "it is neither in that project's cache nor at its remote";

/// A repository to take from.
pub(crate) struct Donor {
    url: String,
    repo: Repo,
    /// Dropped last: all else is in it.
    place: Place,
}

/// Where the repository is on disk.
enum Place {
    /// It was there.
    Here(PathBuf),
    /// It was cloned, without its files.
    Clone(TempDir),
}

/// A donor at one commit.
pub(crate) struct Stock<'d> {
    donor: &'d Donor,
    revision: Revision,
    /// The full name of the commit.
    pub(crate) commit: String,
    /// What mlpipe has recorded.
    ours: BTreeMap<RepoPath, Content>,
    cache: Cache,
    settings: Settings,
    /// What must be somewhere for a while.
    scratch: TempDir,
    /// What DVC has recorded.
    dvc: Option<Shelf>,
    pipeline: Pipeline,
}

impl Donor {
    /// Opens the repository at `url`: a folder seen from `folder`, or anything that git clones.
    pub(crate) fn open(url: &str, folder: &Path) -> Result<Self, Error> {
        let local = folder.join(url);
        let place = match local.canonicalize() {
            Ok(root) if root.is_dir() => Place::Here(root),
            _ => Place::Clone(clone(url)?),
        };
        let repo = Repo::open(place.root())?;
        let url = url.to_owned();
        Ok(Self { url, repo, place })
    }

    /// Finds the commit of an artifact's version or stage.
    pub(crate) fn find(&self, artifact: &str, selector: &Selector) -> Result<String, Error> {
        Ok(Registry::read(&self.repo)?.find(artifact, selector)?.0)
    }

    /// Looks at a revision of it; the default branch's last commit where none is named.
    pub(crate) fn at(&self, rev: Option<&str>) -> Result<Stock<'_>, Error> {
        let root = self.place.root();
        let rev = rev.unwrap_or("HEAD");
        let revision = self.repo.revision(rev)?;
        if let Place::Clone(_) = self.place {
            bring_settings(&revision, root)?;
        }
        let settings = Settings::load(root)?;
        let scratch = tempfile::tempdir().map_err(failed("cannot write", &std::env::temp_dir()))?;
        let (place, links) = (settings.cache.dir.clone(), settings.cache.types.clone());
        let roster = scratch.path().join("roster");
        let cache = Cache::open(place, links, root.to_owned(), roster);
        let pipeline = match Pipeline::load(&revision) {
            Err(pipeline::Error::NoPipeline { .. }) => Pipeline::default(),
            loaded => loaded?,
        };
        let lock = Lock::load(&revision)?;
        let mut ours = lock.data;
        for entry in lock.stages.values() {
            let outs = entry.outs.iter();
            ours.extend(
                outs.filter_map(|(path, content)| Some((path.inside()?.clone(), *content))),
            );
        }
        let config = RepoPath::parse(&format!("{DVC_FOLDER}/config"))?;
        let dvc = match revision.read(&config)? {
            Some(_) => Some(Shelf::open(&revision, root, &pipeline)?),
            None => None,
        };
        Ok(Stock {
            donor: self,
            commit: self.repo.commit_name(rev)?,
            revision,
            ours,
            cache,
            settings,
            scratch,
            dvc,
            pipeline,
        })
    }
}

impl Place {
    fn root(&self) -> &Path {
        match self {
            Self::Here(root) => root,
            Self::Clone(folder) => folder.path(),
        }
    }
}

/// Clones a repository without its files. Git itself does it, which knows the user's keys.
fn clone(url: &str) -> Result<TempDir, Error> {
    let failed = |said: String| Error::Clone {
        url: remote::shown(url),
        source: Said(said),
    };
    let folder = tempfile::tempdir().map_err(|error| failed(error.to_string()))?;
    let output = Command::new("git")
        .args(["clone", "--quiet", "--no-checkout", "--", url])
        .arg(folder.path())
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("git cannot be run: {error}")))?;
    if output.status.success() {
        return Ok(folder);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(failed(last.unwrap_or("git does not say why").to_owned()))
}

/// Puts the settings of a commit in place, by which its remotes are found.
fn bring_settings(revision: &Revision, root: &Path) -> Result<(), Error> {
    let name = ".mlpipe/config.yaml";
    match revision.read(&RepoPath::parse(name)?)? {
        Some(bytes) => fs::write_atomic(&root.join(name), &bytes)?,
        // Those of another commit are none of this one.
        None => fs::remove(&root.join(name))?,
    }
    Ok(())
}

impl Stock<'_> {
    /// Returns where an artifact is.
    pub(crate) fn artifact(&self, name: &str) -> Result<&RepoPath, Error> {
        let artifacts = &self.pipeline.artifacts;
        if let Some(found) = artifacts.iter().find(|artifact| artifact.name == name) {
            return Ok(&found.path);
        }
        Err(Error::NoArtifact {
            url: self.donor.url.clone(),
            name: name.to_owned(),
            rev: self.revision.name().to_owned(),
            help: did_you_mean(
                name,
                artifacts.iter().map(|artifact| artifact.name.as_str()),
            ),
        })
    }

    /// Brings what is at `path` into `cache`, verified: a file, or all that git and the records have
    /// in a folder.
    pub(crate) fn bring(
        &self,
        path: &RepoPath,
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Content, Error> {
        let mut entries: BTreeMap<String, EntryKind> = BTreeMap::new();
        for (inner, kind) in self.git_files(path, cache, meter)? {
            entries.insert(inner, kind);
        }
        for tracked in self.known().filter(|tracked| tracked.overlaps(path)) {
            for (inner, kind) in self.tracked(tracked, path, cache, meter)? {
                entries.insert(inner, kind);
            }
        }
        if entries.is_empty() {
            return Err(self.nothing_at(path)?);
        }
        if let Some(EntryKind::File(file)) = entries.get("") {
            return Ok((*file).into());
        }
        let entries = entries.into_iter().map(|(path, kind)| Entry { path, kind });
        let tree = Tree::new(entries.collect());
        cache.store_manifest(&tree)?;
        Ok(tree.content())
    }

    /// Returns the paths that have records, each once.
    fn known(&self) -> impl Iterator<Item = &RepoPath> {
        let others = self.dvc.iter().flat_map(Shelf::paths);
        let others = others.filter(|path| !self.ours.contains_key(*path));
        self.ours.keys().chain(others)
    }

    /// Brings what git has at a path.
    fn git_files(
        &self,
        path: &RepoPath,
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Vec<(String, EntryKind)>, Error> {
        let files = match self.revision.read(path)? {
            Some(_) => vec![path.clone()],
            None => self.revision.list(path, &mut |_| true)?,
        };
        let mut bundle = cache.bundle(files.len(), meter)?;
        let mut entries = Vec::new();
        for file in files {
            let bytes = self.revision.read(&file)?.unwrap_or_default();
            let kind = EntryKind::File(FileContent {
                digest: bundle.push(&bytes)?,
                size: bytes.len() as u64,
                executable: false,
            });
            entries.push((inner_of(&file, path), kind));
        }
        bundle.finish()?;
        Ok(entries)
    }

    /// Brings what a record has of a path: all of it, where it lies below, or a part, where the path
    /// lies in it.
    fn tracked(
        &self,
        tracked: &RepoPath,
        path: &RepoPath,
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Vec<(String, EntryKind)>, Error> {
        let is_wanted = |inner: &str| {
            inner.is_empty() || tracked.join(inner).is_ok_and(|file| file.is_within(path))
        };
        let entries = match self.ours.get(tracked) {
            Some(content) => self.ours(tracked, content, &is_wanted, cache, meter)?,
            None => self.dvcs(tracked, &is_wanted, cache, meter)?,
        };
        let place = |entry: Entry| {
            let file = match entry.path.as_str() {
                "" => tracked.clone(),
                inner => tracked.join(inner)?,
            };
            Ok((inner_of(&file, path), entry.kind))
        };
        entries.into_iter().map(place).collect()
    }

    fn ours(
        &self,
        tracked: &RepoPath,
        content: &Content,
        is_wanted: &dyn Fn(&str) -> bool,
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Vec<Entry>, Error> {
        let entries = if content.files.is_some() {
            let Some(tree) = self.manifest(content, cache, meter)? else {
                return Err(self.no_content(tracked.as_str(), NOWHERE));
            };
            let entries = tree.entries().iter().filter(|entry| is_wanted(&entry.path));
            entries.cloned().collect()
        } else {
            vec![Entry {
                path: String::new(),
                kind: EntryKind::File(content.into()),
            }]
        };
        let files: Vec<FileContent> = entries
            .iter()
            .filter_map(|entry| match &entry.kind {
                EntryKind::File(file) => Some(*file),
                EntryKind::Link(_) | EntryKind::EmptyFolder => None,
            })
            .collect();
        let lacking = cache.take_over(&self.cache, &files, meter)?;
        let lacking = self.fetch(&lacking, cache, meter)?;
        let Some(first) = lacking.first() else {
            return Ok(entries);
        };
        let is_first =
            |entry: &&Entry| matches!(&entry.kind, EntryKind::File(file) if file.digest == *first);
        let inner = entries
            .iter()
            .find(is_first)
            .map_or("", |entry| &entry.path);
        let path = format!("{tracked}/{inner}");
        Err(self.no_content(path.trim_end_matches('/'), NOWHERE))
    }

    /// Finds the list of a folder's files: in the project's cache, here, or at its remote.
    fn manifest(
        &self,
        content: &Content,
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Option<Tree>, Error> {
        for known in [&self.cache, cache] {
            if let Some(tree) = known.manifest(content)? {
                return Ok(Some(tree));
            }
        }
        let want = Want {
            digest: content.sha256,
            size: None,
        };
        if let Some(depot) = self.depot()? {
            depot.fetch(&[want], cache, meter)?;
        }
        Ok(cache.manifest(content)?)
    }

    /// Fetches files from the project's remote; returns those that it does not have whole.
    fn fetch(
        &self,
        files: &[FileContent],
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Vec<Digest>, Error> {
        let wants = files.iter().map(|file| Want {
            digest: file.digest,
            size: Some(file.size),
        });
        let wants: Vec<Want> = wants.collect();
        if wants.is_empty() {
            return Ok(Vec::new());
        }
        match self.depot()? {
            Some(depot) => Ok(depot.fetch(&wants, cache, meter)?.into_failed()),
            None => Ok(wants.into_iter().map(|want| want.digest).collect()),
        }
    }

    /// Opens the project's default remote, if it has one.
    fn depot(&self) -> Result<Option<Depot>, Error> {
        let remote = match self.settings.remote(None) {
            Err(remote::Error::NoRemote { .. }) => return Ok(None),
            remote => remote?,
        };
        // Nothing is written there, so it does not matter what the project is called.
        let state = self.scratch.path().join("remotes");
        let own = (Digest::of(b""), state.as_path());
        let root = self.donor.place.root();
        Ok(Some(Depot::open(
            remote,
            root,
            own,
            &CancelToken::default(),
        )?))
    }

    fn dvcs(
        &self,
        tracked: &RepoPath,
        is_wanted: &dyn Fn(&str) -> bool,
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Vec<Entry>, Error> {
        let Some(shelf) = &self.dvc else {
            return Ok(Vec::new());
        };
        match shelf.bring(tracked, is_wanted, cache, meter)? {
            Ok(entries) => Ok(entries),
            Err((path, Lack::Missing)) => Err(self.no_content(
                path.trim_end_matches('/'),
                "it is neither in DVC's cache nor in its remote",
            )),
            Err((path, Lack::Corrupt(places))) => {
                let why = format!("it is corrupt in {}", places.join(" and "));
                Err(self.no_content(path.trim_end_matches('/'), &why))
            }
        }
    }

    fn no_content(&self, path: &str, why: &str) -> Error {
        Error::NoContent {
            url: self.donor.url.clone(),
            path: path.to_owned(),
            why: why.to_owned(),
        }
    }

    fn nothing_at(&self, path: &RepoPath) -> Result<Error, Error> {
        let files = self.revision.list(&RepoPath::root(), &mut |_| true)?;
        let names: BTreeSet<&str> = files
            .iter()
            .chain(self.known())
            .map(RepoPath::as_str)
            .collect();
        Ok(Error::NoPath {
            url: self.donor.url.clone(),
            path: path.clone(),
            rev: self.revision.name().to_owned(),
            help: did_you_mean(path.as_str(), names),
        })
    }
}

/// Returns the path of a file in a folder; empty where both are one.
fn inner_of(file: &RepoPath, folder: &RepoPath) -> String {
    if file == folder {
        return String::new();
    }
    if folder.is_root() {
        return file.as_str().to_owned();
    }
    file.as_str()[folder.as_str().len() + 1..].to_owned()
}

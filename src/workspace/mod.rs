//! `Workspace`: a project on disk; finds its root and opens what lies in `.mlpipe`.

mod journal;
mod kept;
mod ledger;
mod lost;
mod parsed;
mod scout;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::fs::{self, failed};
use crate::base::lockfile::{self, FileLock, Presence};
use crate::base::path::{PathError, RepoPath};
use crate::base::source::Worktree;
use crate::config::{self, STATE_FOLDER, Settings, Sharing};
use crate::pipeline::{
    self, Content, DVC_FILE, LOCK_FILE, Lock, LockError, PIPELINE_FILE, Pipeline, Source,
};
use crate::scm::{self, Repo, Revision};
use crate::store::{
    self, Cache, Index, Meter, Restored, RunCache, Spot, Standing, Tree, project_name,
};

pub(crate) use kept::{Kept, flat_name, keep, keep_files};
pub(crate) use ledger::Ledger;
pub(crate) use scout::{Unreached, UrlState};

/// What git sees of the state folder: nothing but this file and the settings. A clone knows by them
/// where the project is.
const STATE_IGNORE: &str = "/*\n!/.gitignore\n!/config.yaml\n";

/// What stands there where nobody has said so, as on a branch that is older than the project: git
/// does not see the file, and can put its own in the place of it when it switches back.
const HIDDEN_IGNORE: &str = "/*\n!/config.yaml\n";

/// An opened project.
pub(crate) struct Workspace {
    root: PathBuf,
    settings: Settings,
    /// The files as they are now.
    pub(crate) worktree: Worktree,
    /// The content of outs.
    pub(crate) cache: Cache,
    /// What earlier runs made.
    pub(crate) runs: RunCache,
    index: Index,
    supplier: OnceLock<Supplier>,
    previewed: Mutex<Previewed>,
    scout: OnceLock<scout::Scout>,
}

/// What somebody has looked at, for whoever comes to use it: reading it twice is what a run over many
/// unchanged stages would spend its time on.
#[derive(Default)]
struct Previewed {
    pipeline: Option<parsed::Loaded>,
    ledger: Option<ledger::State>,
}

/// Brings content into the cache from elsewhere; says whether it is there then.
type Supplier = Box<dyn Fn(&Workspace, &Content) -> bool + Send + Sync>;

/// Why there is no project to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No folder from here up is a project.
    #[error("there is no mlpipe project in `{}` or above it", path.display())]
    NoProject {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// The lock of the project was not taken.
    #[error(transparent)]
    Lock(#[from] lockfile::Error),
    /// Git's folder cannot be read or written.
    #[error(transparent)]
    Git(#[from] scm::Error),
    /// A file of settings is wrong.
    #[error(transparent)]
    Settings(#[from] config::Error),
}

impl Workspace {
    /// Opens the project that `folder` lies in.
    pub(crate) fn find(folder: &Path) -> Result<Self, Error> {
        Self::open(&Self::find_root(folder)?)
    }

    /// Finds the folder of the project that `folder` lies in: the nearest one with `.mlpipe`, else
    /// the outermost folder of the repository with a pipeline or a lock, for a project may have many.
    pub(crate) fn find_root(folder: &Path) -> Result<PathBuf, Error> {
        let folder = folder
            .canonicalize()
            .map_err(failed("cannot open the folder", folder))?;
        let is_project = |path: &&Path| path.join(STATE_FOLDER).is_dir();
        let has_pipeline = |path: &&Path| {
            [PIPELINE_FILE, DVC_FILE, LOCK_FILE]
                .iter()
                .any(|name| path.join(name).is_file())
        };
        let top = folder
            .ancestors()
            .position(|path| path.join(".git").exists());
        let inside = folder
            .ancestors()
            .take(top.map_or(usize::MAX, |top| top + 1));
        let root = folder.ancestors().find(is_project);
        match root.or_else(|| inside.filter(has_pipeline).last()) {
            Some(root) => Ok(root.to_owned()),
            None => Err(Error::NoProject { path: folder }),
        }
    }

    /// Opens the project at `root`.
    fn open(root: &Path) -> Result<Self, Error> {
        let settings = Settings::load(root)?;
        let cache = &settings.cache.dir;
        let user = (!is_own_cache(root, cache)).then(|| root.to_owned());
        Ok(Self {
            root: root.to_owned(),
            worktree: Worktree::new(root),
            cache: Cache::open(
                cache.clone(),
                settings.cache.types.clone(),
                root.to_owned(),
                root.join(STATE_FOLDER).join("roster"),
            )
            .used_by(user)
            .shared_with_group(settings.cache.sharing == Sharing::Group),
            runs: RunCache::new(cache.join("run-log"), project_name(root)),
            index: Index::open(root.join(STATE_FOLDER).join("index"), root.to_owned()),
            settings,
            supplier: OnceLock::new(),
            previewed: Mutex::default(),
            scout: OnceLock::new(),
        })
    }

    /// Makes `root` a project: its state folder, hidden from git.
    pub(crate) fn init(root: &Path) -> Result<Self, Error> {
        let root = root
            .canonicalize()
            .map_err(failed("cannot open the folder", root))?;
        let workspace = Self::open(&root)?;
        workspace.ensure_state_folder()?;
        let ignore = workspace.state(".gitignore");
        if fs::read(&ignore)?.as_deref() == Some(HIDDEN_IGNORE.as_bytes()) {
            fs::write_atomic(&ignore, STATE_IGNORE.as_bytes())?;
        }
        Ok(workspace)
    }

    /// Keeps those apart who edit files of the project at `root` that people write, settings too.
    pub(crate) fn guard_edits(root: &Path) -> Result<FileLock, fs::Error> {
        make_state_folder(root)?;
        FileLock::hold(&root.join(STATE_FOLDER).join("edit"))
    }

    /// Opens the project whose folder this is.
    pub(crate) fn at(root: &Path) -> Result<Self, Error> {
        let found = Self::find_root(root)?;
        if found != root {
            let path = root.to_owned();
            return Err(Error::NoProject { path });
        }
        Self::open(root)
    }

    /// Returns the other projects that use this one's cache, and the registrations of such that
    /// cannot be read.
    pub(crate) fn cache_mates(&self) -> Result<(Vec<PathBuf>, Vec<String>), store::Error> {
        let (mut mates, mut damaged) = (BTreeSet::new(), Vec::new());
        for project in self.cache.projects()? {
            match project.path {
                Some(path) => drop(mates.insert(path)),
                None => damaged.push(project.name.to_string()),
            }
        }
        // A cache in a project's state folder is that project's.
        let cache = self.settings.cache.dir.canonicalize().ok();
        let state = cache.as_deref().and_then(Path::parent);
        let state = state.filter(|state| state.ends_with(STATE_FOLDER));
        mates.extend(state.and_then(Path::parent).map(Path::to_owned));
        mates.remove(&self.root);
        Ok((mates.into_iter().collect(), damaged))
    }

    /// Lets content come from elsewhere that the cache lacks and a run could restore. The first one that
    /// is named counts.
    pub(crate) fn supply_by(
        &self,
        supplier: impl Fn(&Workspace, &Content) -> bool + Send + Sync + 'static,
    ) {
        self.supplier.get_or_init(|| Box::new(supplier));
    }

    /// Returns whether the cache has this content, or can be given it.
    pub(crate) fn can_restore(&self, content: &Content) -> Result<bool, store::Error> {
        if self.cache.presence(content)? == store::Presence::Whole {
            return Ok(true);
        }
        let supplier = self.supplier.get();
        Ok(supplier.is_some_and(|supply| supply(self, content)))
    }

    /// Has somebody told whom it waits for, where another process has the cache for itself.
    #[must_use]
    pub(crate) fn telling(mut self, waiting: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.cache = self.cache.telling(Box::new(waiting));
        self
    }

    /// Returns the cache of the main worktree of git's, where this is a linked one with a cache of its
    /// own.
    pub(crate) fn cache_of_main(&self) -> Option<PathBuf> {
        let main = self.repo().ok()??.main_root()?;
        let cache = main.join(STATE_FOLDER).join("cache");
        let is_own = is_own_cache(&self.root, &self.settings.cache.dir);
        (is_own && cache.is_dir()).then_some(cache)
    }

    /// Returns the settings that it was opened with.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the project's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where a path of the project is on disk.
    pub(crate) fn locate(&self, path: &RepoPath) -> PathBuf {
        path.on_disk(&self.root)
    }

    /// Returns where a dep or an out is on disk.
    pub(crate) fn locate_any(&self, path: &AnyPath) -> PathBuf {
        path.on_disk(&self.root)
    }

    /// Returns a path in the state folder.
    pub(crate) fn state(&self, inner: &str) -> PathBuf {
        self.root.join(STATE_FOLDER).join(inner)
    }

    /// Returns how a place in the state folder is called in messages: relative to the root.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// Opens the git repository around the project; `None` where there is none.
    pub(crate) fn repo(&self) -> Result<Option<Repo>, scm::Error> {
        match Repo::open(&self.root) {
            Ok(repo) => Ok(Some(repo)),
            Err(scm::Error::NoRepository { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a revision of the project.
    pub(crate) fn revision(&self, name: &str) -> Result<Revision, scm::Error> {
        Repo::open(&self.root)?.revision(name)
    }

    /// Returns the path that `text` means to somebody in `folder`.
    pub(crate) fn path_from(&self, folder: &Path, text: &str) -> Result<RepoPath, PathError> {
        let folder = folder.canonicalize().unwrap_or_else(|_| self.root.clone());
        if Path::new(text).is_absolute() {
            return RepoPath::from_disk(&self.root, Path::new(text));
        }
        RepoPath::from_disk(&self.root, &folder)?.join(text)
    }

    /// Returns what is at `path` now.
    pub(crate) fn measure(&self, path: &AnyPath) -> Result<Option<Content>, store::Error> {
        // Nearly always it is a file that has not changed, for which one short look is enough.
        if let Some(content) = path.inside().and_then(|path| self.index.recall(path)) {
            return Ok(Some(content));
        }
        store::measure(&self.locate_any(path), &self.index)
    }

    /// Looks at what is at `path`, where `wanted` is to be put.
    pub(crate) fn stand_at(
        &self,
        path: &AnyPath,
        wanted: &Content,
    ) -> Result<Standing, store::Error> {
        store::stand_at(&self.locate_any(path), wanted, &self.index)
    }

    /// Like [`Self::measure`], for whoever records it: a link to an object that is gone is an error.
    pub(crate) fn measure_whole(&self, path: &AnyPath) -> Result<Option<Content>, store::Error> {
        store::measure_whole(&self.locate_any(path), &self.index)
    }

    /// Returns the manifest of the folder that is at `path` now.
    pub(crate) fn tree(&self, path: &AnyPath) -> Result<Option<Tree>, store::Error> {
        store::measure_folder(&self.locate_any(path), &self.index)
    }

    /// Puts what is at `path` into the cache; returns what it is, or `None` if nothing is there.
    pub(crate) fn store(
        &self,
        path: &AnyPath,
        meter: &Meter,
    ) -> Result<Option<Content>, store::Error> {
        self.cache.store(&self.locate_any(path), &self.index, meter)
    }

    /// Like [`Self::store`]; also returns the manifest of a folder.
    pub(crate) fn store_and_list(
        &self,
        path: &AnyPath,
        meter: &Meter,
    ) -> Result<Option<(Content, Option<Tree>)>, store::Error> {
        let location = self.locate_any(path);
        self.cache.store_and_list(&location, &self.index, meter)
    }

    /// Puts `content` to `path` from the cache, replacing what is there. The caller has saved that.
    pub(crate) fn restore(
        &self,
        content: &Content,
        path: &AnyPath,
        meter: &Meter,
    ) -> Result<Restored, store::Error> {
        let location = self.locate_any(path);
        self.cache.restore(content, &location, &self.index, meter)
    }

    /// Like [`Self::restore`]; but what is held at the spot stays as it is.
    pub(crate) fn restore_around(
        &self,
        content: &Content,
        (path, spot): (&AnyPath, Spot<'_>),
        meter: &Meter,
    ) -> Result<Restored, store::Error> {
        let (location, index) = (self.locate_any(path), &self.index);
        self.cache
            .restore_around(content, (&location, spot), index, meter)
    }

    /// Makes what is at `path`, which is `content`, anew of the cache's objects, where that is done in
    /// another way now.
    pub(crate) fn relink(
        &self,
        content: &Content,
        path: &AnyPath,
        meter: &Meter,
    ) -> Result<Restored, store::Error> {
        let location = self.locate_any(path);
        self.cache.relink(content, &location, &self.index, meter)
    }

    /// Returns whether the folder at `location` holds something that is not part of its content.
    pub(crate) fn has_uncounted(&self, location: &Path) -> Result<bool, store::Error> {
        store::has_uncounted(location, &self.index)
    }

    /// Keeps what has been measured for the next time. Failing costs only time, then.
    pub(crate) fn save_index(&self) -> Result<(), fs::Error> {
        self.index.save()
    }

    /// Like [`Self::save_index`], for whoever has done what was asked: where it cannot be written, measuring
    /// again costs time and nothing else, so it is no failure.
    pub(crate) fn try_save_index(&self) {
        let _unsaved = self.save_index();
    }

    /// Loads the pipeline of the worktree.
    pub(crate) fn load_pipeline(&self) -> Result<Pipeline, pipeline::Error> {
        let previewed = self.previewed().pipeline.take();
        match previewed.and_then(|loaded| loaded.if_current(self)) {
            Some(pipeline) => Ok(pipeline),
            None => Ok(parsed::load(self)?.pipeline),
        }
    }

    /// Looks at the pipeline, which somebody is about to load.
    pub(crate) fn preview_pipeline<T>(
        &self,
        look: impl FnOnce(&Pipeline) -> T,
    ) -> Result<T, pipeline::Error> {
        let loaded = parsed::load(self)?;
        let seen = look(&loaded.pipeline);
        self.previewed().pipeline = Some(loaded);
        Ok(seen)
    }

    /// Looks at `data.lock`, and what has been recorded since, which somebody is about to load.
    pub(crate) fn preview_lock<T>(&self, look: impl FnOnce(&Lock) -> T) -> Result<T, LockError> {
        let ledger = Ledger::open(self)?;
        let seen = ledger.peek(look);
        self.previewed().ledger = Some(ledger.into_state());
        Ok(seen)
    }

    /// Loads the pipeline and the lock, at the same time where that pays.
    pub(crate) fn load_both(
        &self,
    ) -> (
        Result<Pipeline, pipeline::Error>,
        Result<Ledger<'_>, LockError>,
    ) {
        if !ledger::is_big(self) {
            return (self.load_pipeline(), Ledger::open(self));
        }
        thread::scope(|scope| {
            let ledger = scope.spawn(|| Ledger::open(self));
            let pipeline = self.load_pipeline();
            let ledger = ledger.join();
            (pipeline, ledger.unwrap_or_else(|_| Ledger::open(self)))
        })
    }

    fn previewed(&self) -> MutexGuard<'_, Previewed> {
        self.previewed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads `data.lock`, and what runs have recorded since it was written.
    pub(crate) fn load_lock(&self) -> Result<Lock, LockError> {
        Ledger::open(self).map(Ledger::into_lock)
    }

    /// Says that this process is at work here, beside others that are; waits while one of them has
    /// to be alone.
    pub(crate) fn enter(
        &self,
        cancel: &CancelToken,
        waiting: impl FnMut(&str),
    ) -> Result<Presence, Error> {
        self.ensure_state_folder()?;
        Ok(Presence::enter(
            &self.state("lock"),
            &holder(),
            cancel,
            waiting,
        )?)
    }

    /// Like [`Self::enter`], but waits until no other process is at work here.
    pub(crate) fn enter_alone(
        &self,
        cancel: &CancelToken,
        waiting: impl FnMut(&str),
    ) -> Result<Presence, Error> {
        self.ensure_state_folder()?;
        Ok(Presence::enter_alone(
            &self.state("lock"),
            &holder(),
            cancel,
            waiting,
        )?)
    }

    /// Returns the stage or command dependency of this project that has called us, if one has.
    pub(crate) fn calling_stage(&self) -> Option<String> {
        let root = std::env::var_os("MLPIPE_ROOT")?;
        let stage = std::env::var("MLPIPE_STAGE").ok()?;
        (*self.root == *root).then_some(stage)
    }

    /// Like [`Self::calling_stage`], or of another project that uses the same cache.
    pub(crate) fn stage_using_cache(&self) -> Option<String> {
        self.calling_stage().or_else(|| {
            let root = std::env::var_os("MLPIPE_ROOT")?;
            let stage = std::env::var("MLPIPE_STAGE").ok()?;
            let other = Settings::load(Path::new(&root)).ok()?;
            let place = |settings: &Settings| settings.cache.dir.canonicalize().ok();
            (place(&other)? == place(&self.settings)?).then_some(stage)
        })
    }

    /// Writes a lock that has taken the place of [`Self::load_lock`]'s. For whoever is alone here.
    pub(crate) fn replace_lock(&self, lock: &Lock) -> Result<(), fs::Error> {
        ledger::replace(self, lock)
    }

    /// Changes the records of tracked data, be stages running meanwhile.
    pub(crate) fn update_data(
        &self,
        change: impl FnOnce(&mut BTreeMap<RepoPath, Content>),
    ) -> Result<(), LockError> {
        ledger::update_data(self, |lock| {
            let before: BTreeSet<RepoPath> = lock.data.keys().cloned().collect();
            change(&mut lock.data);
            // What is no more tracked came from nowhere; what was never downloaded has only a source.
            let (data, sources) = (&lock.data, &mut lock.sources);
            sources.retain(|path, _| data.contains_key(path) || !before.contains(path));
        })
    }

    /// Records where tracked data came from.
    pub(crate) fn update_sources(
        &self,
        change: impl FnOnce(&mut BTreeMap<RepoPath, Source>),
    ) -> Result<(), LockError> {
        ledger::update_data(self, |lock| change(&mut lock.sources))
    }

    /// Records where data came from that is not downloaded, or not any more.
    pub(crate) fn record_absent(&self, path: &RepoPath, source: &Source) -> Result<(), LockError> {
        ledger::update_data(self, |lock| {
            lock.data.remove(path);
            lock.sources.insert(path.clone(), source.clone());
        })
    }

    /// Keeps the short moments apart in which processes change what they share: the lock, its
    /// journal, who runs what, and the `.gitignore` files.
    pub(crate) fn guard(&self) -> Result<FileLock, fs::Error> {
        FileLock::hold(&self.state("guard"))
    }

    fn ensure_state_folder(&self) -> Result<(), Error> {
        make_state_folder(&self.root)?;
        Ok(scm::hide_unfinished(&self.root)?)
    }
}

/// Returns whether the cache lies in the project's state folder. It is moved and copied with the
/// project, and others who use it know whose it is without a registration.
fn is_own_cache(root: &Path, cache: &Path) -> bool {
    cache == root.join(STATE_FOLDER).join("cache")
        && cache.canonicalize().map_or(true, |real| real == cache)
}

fn make_state_folder(root: &Path) -> Result<(), fs::Error> {
    let ignore = root.join(STATE_FOLDER).join(".gitignore");
    if fs::exists(&ignore)? {
        return Ok(());
    }
    fs::write_atomic(&ignore, HIDDEN_IGNORE.as_bytes())
}

/// Returns how this process is called in messages to others.
fn holder() -> String {
    format!("pid {}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGE: &str = "stages:\n  a: {cmd: echo}\n";

    fn write(workspace: &Workspace, file: &str, text: &str) {
        let path = workspace.root().join(file);
        fs::write_atomic(&path, text.as_bytes()).expect("writes");
    }

    #[test]
    fn what_was_looked_at_is_loaded_as_it_is_by_then() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let workspace = Workspace::init(folder.path()).expect("makes");
        write(&workspace, PIPELINE_FILE, STAGE);
        for edit in [None, Some(format!("{STAGE}  b: {{cmd: echo}}\n"))] {
            let count = workspace.preview_pipeline(|pipeline| pipeline.stages.len());
            assert_eq!(count.expect("loads"), 1);
            if let Some(text) = &edit {
                write(&workspace, PIPELINE_FILE, text);
            }
            let pipeline = workspace.load_pipeline().expect("loads");
            assert_eq!(pipeline.stages.len(), 1 + usize::from(edit.is_some()));
        }
    }

    #[test]
    fn a_lock_that_was_looked_at_is_read_again_once_it_is_another() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let workspace = Workspace::init(folder.path()).expect("makes");
        let text = |stage: &str| format!("schema: 1\nstages:\n  {stage}:\n    cmd: echo\n");
        for (before, after) in [("a", "a"), ("a", "b")] {
            write(&workspace, LOCK_FILE, &text(before));
            let count = workspace.preview_lock(|lock| lock.stages.len());
            assert_eq!(count.expect("loads"), 1);
            write(&workspace, LOCK_FILE, &text(after));
            let lock = workspace.load_lock().expect("loads");
            let names: Vec<&str> = lock
                .stages
                .keys()
                .map(pipeline::StageName::as_str)
                .collect();
            assert_eq!(names, [after]);
        }
        write(&workspace, LOCK_FILE, &text("a"));
        assert!(workspace.preview_lock(|_| ()).is_ok());
        write(&workspace, LOCK_FILE, "<<<<<<< ours\n");
        assert!(workspace.load_lock().is_err());
    }

    #[test]
    fn a_big_lock_is_read_beside_the_pipeline() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let workspace = Workspace::init(folder.path()).expect("makes");
        write(&workspace, PIPELINE_FILE, STAGE);
        let mut text = "schema: 1\nstages:\n".to_owned();
        for number in 0..30_000 {
            text += &format!("  s{number:05}:\n    cmd: echo\n");
        }
        write(&workspace, LOCK_FILE, &text);
        assert!(ledger::is_big(&workspace));
        let (pipeline, ledger) = workspace.load_both();
        assert_eq!(pipeline.expect("loads").stages.len(), 1);
        let count = ledger.expect("loads").peek(|lock| lock.stages.len());
        assert_eq!(count, 30_000);
    }
}

//! `Ledger`: the lock on disk, shared by all processes that are at work in a project.
//!
//! What a stage's run recorded goes to the end of a journal at once, at a cost that does not grow
//! with the lock; now and then, and at the end of a run, the journal is folded into `data.lock`. A
//! kill loses nothing: whoever opens the ledger next reads the journal as well. Where the user has
//! checked out another branch's lock meanwhile, its entries win over the journal's.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::digest::Digest;
use crate::base::fs;
use crate::pipeline::{LOCK_FILE, Lock, LockError, StageEntry, StageName};
use crate::store::Stamp;
use crate::workspace::Workspace;
use crate::workspace::journal::{JOURNAL, Journal, Record, stamp};

/// How often a long run brings `data.lock` up to date, unless that itself takes long.
const REST: Duration = Duration::from_secs(2);

/// Reading a lock of this size, in bytes, takes longer than starting a thread for it.
const BIG: u64 = 1 << 19;

/// Folding may take one part in this many of a run's time.
const SHARE: u32 = 50;

/// The lock as of now.
pub(crate) struct Ledger<'a> {
    workspace: &'a Workspace,
    state: Mutex<State>,
}

pub(super) struct State {
    lock: Lock,
    /// The digest of `data.lock` when it was read, and which file that was.
    base: Option<Digest>,
    file: Option<Stamp>,
    read: Option<Journal>,
    folded: Instant,
    rest: Duration,
    /// Whether this process has changed `data.lock`.
    is_changed: bool,
}

impl<'a> Ledger<'a> {
    /// Reads the lock and the journal.
    pub(crate) fn open(workspace: &'a Workspace) -> Result<Self, LockError> {
        let previewed = workspace.previewed().ledger.take();
        let state = match previewed {
            Some(mut state) => {
                state.refresh(workspace)?;
                state
            }
            None => State::read(workspace)?,
        };
        Ok(Self {
            workspace,
            state: Mutex::new(state),
        })
    }

    /// Returns the whole lock.
    pub(crate) fn into_lock(self) -> Lock {
        self.into_state().lock
    }

    pub(super) fn into_state(self) -> State {
        let state = self.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a stage's record, be it made by another process meanwhile.
    pub(crate) fn latest(&self, stage: &StageName) -> Result<Option<StageEntry>, LockError> {
        let mut state = self.state();
        state.refresh(self.workspace)?;
        Ok(state.lock.stages.get(stage).cloned())
    }

    /// Looks at the lock as this process knows it.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&Lock) -> T) -> T {
        look(&self.state().lock)
    }

    /// Records what a stage's run made.
    pub(crate) fn record(&self, stage: &StageName, entry: StageEntry) -> Result<(), LockError> {
        // In this order everywhere: whoever has the guard may look at the state.
        let guard = self.workspace.guard()?;
        let mut state = self.state();
        if state.refresh(self.workspace).is_err() {
            // Somebody has left a lock that cannot be read, as a merge with conflicts does. What has
            // been run is recorded all the same; folding will tell.
            let (journal, _) = Journal::read(&journal_path(self.workspace))?;
            state.read = journal;
        }
        let record = Record::new(stage, entry, &state.lock);
        let path = journal_path(self.workspace);
        state.read = Some(Journal::append(&path, state.read.as_ref(), &record)?);
        drop(guard);
        record.apply(&mut state.lock);
        Ok(())
    }

    /// Returns whether `data.lock` is far enough behind to be worth writing.
    pub(crate) fn is_behind(&self) -> bool {
        let state = self.state();
        state.read.is_some() && state.folded.elapsed() > state.rest
    }

    /// Writes `data.lock`, with the records of those stages only that `is_known`; returns whether
    /// this process has changed it, now or before.
    pub(crate) fn fold(&self, is_known: impl Fn(&StageName) -> bool) -> Result<bool, LockError> {
        let begin = Instant::now();
        let _guard = self.workspace.guard()?;
        let mut state = self.state();
        // The user may have pulled or checked out another lock: what has been recorded of stages that
        // it has nothing new of goes on top of that.
        state.refresh(self.workspace)?;
        let before = state.lock.stages.len();
        state.lock.stages.retain(|stage, _| is_known(stage));
        let has_news = state.read.is_some() || before != state.lock.stages.len();
        if has_news {
            let text = state.lock.to_text();
            let digest = Some(Digest::of(text.as_bytes()));
            if digest != state.base {
                state.is_changed = true;
                let path = lock_path(self.workspace);
                fs::write_atomic(&path, text.as_bytes())?;
                state.file = stamp(&path)?;
            }
            state.base = digest;
        }
        fs::remove(&journal_path(self.workspace))?;
        state.read = None;
        state.folded = Instant::now();
        state.rest = REST.max(begin.elapsed() * SHARE);
        Ok(state.is_changed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes the records of tracked data and where they came from. Those of stages stay as they are, in
/// the journal too.
pub(super) fn update_data(
    workspace: &Workspace,
    change: impl FnOnce(&mut Lock),
) -> Result<(), LockError> {
    let _guard = workspace.guard()?;
    let path = lock_path(workspace);
    let bytes = fs::read_regular(&path)?;
    let mut lock = bytes.map_or_else(|| Ok(Lock::default()), |bytes| Lock::read(&bytes))?;
    change(&mut lock);
    Ok(fs::write_if_changed(&path, lock.to_text().as_bytes())?)
}

/// Writes `lock` in place of all that is recorded.
pub(super) fn replace(workspace: &Workspace, lock: &Lock) -> Result<(), fs::Error> {
    let _guard = workspace.guard()?;
    fs::write_if_changed(&lock_path(workspace), lock.to_text().as_bytes())?;
    fs::remove(&journal_path(workspace))
}

/// Returns whether the lock is of a size that makes reading it take long.
pub(super) fn is_big(workspace: &Workspace) -> bool {
    let found = lock_path(workspace).metadata();
    found.is_ok_and(|found| found.len() > BIG)
}

impl State {
    fn read(workspace: &Workspace) -> Result<Self, LockError> {
        let mut state = Self {
            lock: Lock::default(),
            base: None,
            file: None,
            read: None,
            folded: Instant::now(),
            rest: REST,
            is_changed: false,
        };
        state.reload(workspace)?;
        Ok(state)
    }

    /// Reads everything anew.
    fn reload(&mut self, workspace: &Workspace) -> Result<(), LockError> {
        // In this order: a journal that is folded in between is read twice rather than never.
        let (read, records) = Journal::read(&journal_path(workspace))?;
        let path = lock_path(workspace);
        let file = stamp(&path)?;
        let bytes = fs::read_regular(&path)?;
        let base = bytes.as_deref().map(Digest::of);
        let mut lock = bytes.map_or_else(|| Ok(Lock::default()), |bytes| Lock::read(&bytes))?;
        for record in records {
            record.apply(&mut lock);
        }
        // Only now: a lock that cannot be read must not pass for one that was.
        (self.lock, self.base, self.file) = (lock, base, file);
        self.read = read;
        Ok(())
    }

    /// Reads what others have recorded or written since; only that, where all they did was to record.
    fn refresh(&mut self, workspace: &Workspace) -> Result<(), LockError> {
        let path = journal_path(workspace);
        if stamp(&lock_path(workspace))? != self.file {
            return self.reload(workspace);
        }
        let Some(journal) = &mut self.read else {
            return match stamp(&path)? {
                None => Ok(()),
                Some(_) => self.reload(workspace),
            };
        };
        if journal.is_current(&path)? {
            return Ok(());
        }
        let Some(records) = journal.read_on(&path)? else {
            return self.reload(workspace);
        };
        for record in records {
            record.apply(&mut self.lock);
        }
        Ok(())
    }
}

fn journal_path(workspace: &Workspace) -> PathBuf {
    workspace.state(JOURNAL)
}

fn lock_path(workspace: &Workspace) -> PathBuf {
    workspace.root().join(LOCK_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(cmd: &str) -> StageEntry {
        StageEntry {
            cmd: vec![cmd.to_owned()],
            ..StageEntry::default()
        }
    }

    fn project() -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let workspace = Workspace::init(folder.path()).expect("makes");
        (folder, workspace)
    }

    fn cmd_of(ledger: &Ledger<'_>, stage: &str) -> Option<String> {
        let entry = ledger.latest(&StageName::new(stage)).expect("reads");
        entry.map(|entry| entry.cmd[0].clone())
    }

    #[test]
    fn what_one_process_records_the_other_sees_before_and_after_it_is_folded() {
        let (_folder, workspace) = project();
        let (one, other) = (
            Ledger::open(&workspace).expect("opens"),
            Ledger::open(&workspace).expect("opens"),
        );
        one.record(&StageName::new("a"), entry("1"))
            .expect("records");
        assert_eq!(cmd_of(&other, "a").as_deref(), Some("1"));
        other
            .record(&StageName::new("b"), entry("2"))
            .expect("records");
        assert!(one.fold(|_| true).expect("folds"));
        assert_eq!(cmd_of(&other, "b").as_deref(), Some("2"));
        other
            .record(&StageName::new("c"), entry("3"))
            .expect("records");
        assert_eq!(cmd_of(&one, "c").as_deref(), Some("3"));
        assert!(other.fold(|stage| stage.as_str() != "a").expect("folds"));
        let lock = workspace.load_lock().expect("reads");
        let names: Vec<&str> = lock.stages.keys().map(StageName::as_str).collect();
        assert_eq!(names, ["b", "c"]);
    }

    #[test]
    fn records_survive_a_kill_and_a_torn_one_is_dropped() {
        let (_folder, workspace) = project();
        let ledger = Ledger::open(&workspace).expect("opens");
        for stage in ["a", "b"] {
            ledger
                .record(&StageName::new(stage), entry(stage))
                .expect("records");
        }
        drop(ledger);
        let path = journal_path(&workspace);
        let bytes = fs::read(&path).expect("reads").expect("is there");
        fs::write_replaceable(&path, &bytes[..bytes.len() - 3]).expect("writes");
        let lock = workspace.load_lock().expect("reads");
        assert_eq!(lock.stages.len(), 1);
    }

    #[test]
    fn a_lock_that_was_pulled_meanwhile_keeps_its_other_records() {
        let (_folder, workspace) = project();
        let ledger = Ledger::open(&workspace).expect("opens");
        ledger
            .record(&StageName::new("a"), entry("1"))
            .expect("records");
        let mut pulled = Lock::default();
        pulled.stages.insert(StageName::new("z"), entry("pulled"));
        fs::write_atomic(&lock_path(&workspace), pulled.to_text().as_bytes()).expect("writes");
        assert!(ledger.fold(|_| true).expect("folds"));
        assert_eq!(workspace.load_lock().expect("reads").stages.len(), 2);
    }

    /// Lays the records of one process over the lock that another branch may have.
    fn laid_over(recorded: &[&str], other: Option<&str>) -> Option<String> {
        let (_folder, workspace) = project();
        let stage = StageName::new("a");
        let ledger = Ledger::open(&workspace).expect("opens");
        for cmd in recorded {
            ledger.record(&stage, entry(cmd)).expect("records");
        }
        let mut lock = Lock::default();
        if let Some(cmd) = other {
            lock.stages.insert(stage, entry(cmd));
        }
        fs::write_atomic(&lock_path(&workspace), lock.to_text().as_bytes()).expect("writes");
        cmd_of(&Ledger::open(&workspace).expect("opens"), "a")
    }

    #[test]
    fn a_record_is_laid_only_over_what_it_replaces() {
        let records = ["1", "2", "3"];
        assert_eq!(laid_over(&records, None).as_deref(), Some("3"));
        assert_eq!(laid_over(&records, Some("other")).as_deref(), Some("other"));
        // A kill between the two parts of folding leaves the journal of what is in the lock.
        for folded in records {
            assert_eq!(laid_over(&records, Some(folded)).as_deref(), Some("3"));
        }
    }
}

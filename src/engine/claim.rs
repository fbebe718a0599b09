//! `Claim`: the right to do something to a stage, which nobody else has meanwhile: no process that
//! is at work beside this one, and no command that a killed one has left running.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::fs;
use crate::base::lockfile::LOOK_AGAIN;
use crate::base::process_identity::{identify, is_running, kill_identified, kill_readers};
use crate::engine::aside::{Aside, Journal};
use crate::engine::error::Failure;
use crate::engine::event::Event;
use crate::engine::slot::{
    Durability, Found, Line, Occupant, Slot, find_occupied, remove_abandoned,
};
use crate::pipeline::{Dep, Stage};
use crate::workspace::{Ledger, Workspace};

/// How long killed processes get to vanish.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives out claims to the workers of one run.
pub(crate) struct Claims<'a> {
    workspace: &'a Workspace,
    ledger: &'a Ledger<'a>,
    /// Identifies this process.
    owner: String,
    slots: Mutex<Slots>,
}

/// The slots of this process.
#[derive(Default)]
struct Slots {
    free: Vec<Slot>,
    made: usize,
}

/// Held while a stage is worked on, in a slot. Its command inherits the slot's lock, so that the lock
/// is held as long as the command lives, even if mlpipe is killed.
pub(crate) struct Claim<'a> {
    /// There until the claim is given back.
    slot: Option<Slot>,
    /// Whether outs lie aside of which only the note knows.
    has_aside: bool,
    slots: &'a Mutex<Slots>,
}

impl<'a> Claims<'a> {
    /// Prepares to give out claims; what was recorded by killed runs is in `ledger`.
    pub(crate) fn new(workspace: &'a Workspace, ledger: &'a Ledger<'a>) -> Self {
        Self {
            workspace,
            ledger,
            owner: identify(process::id()),
            slots: Mutex::default(),
        }
    }

    /// Takes the claim, waiting while another process works on something that the stage reads or
    /// writes; `None` if the user cancelled meanwhile.
    pub(crate) fn take(
        &self,
        stage: &Stage,
        cancel: &CancelToken,
        tell: &dyn Fn(Event),
    ) -> Result<Option<Claim<'_>>, Failure> {
        let occupant = self.occupant(stage);
        let mut told = None;
        let mut patience = Patience::default();
        loop {
            // Told only when others may go on: whoever listens may want the guard.
            let events = RefCell::new(Vec::new());
            let outcome = self.try_take(&occupant, &|event| events.borrow_mut().push(event));
            events.into_inner().into_iter().for_each(tell);
            let found = match outcome? {
                Ok(claim) => return Ok(Some(claim)),
                Err(found) => found,
            };
            if cancel.is_cancelled() {
                return Ok(None);
            }
            if !is_running(&found.occupant.owner) {
                patience.spend(self.workspace, &found)?;
            }
            let holder = format!("pid {}, stage {}", found.occupant.pid, found.occupant.stage);
            if told.as_ref() != Some(&holder) {
                tell(Event::Blocked {
                    stage: stage.name.clone(),
                    holder: holder.clone(),
                });
                told = Some(holder);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Ends the commands that killed runs have left at work and undoes what they had begun: nobody
    /// would record what they make, and they would write over what others make.
    pub(crate) fn recover(&self, tell: &dyn Fn(Event)) -> Result<(), Failure> {
        let mut patience = Patience::default();
        while let Some(found) = self.find_orphan(tell)? {
            patience.spend(self.workspace, &found)?;
            thread::sleep(LOOK_AGAIN);
        }
        let _guard = self.workspace.guard()?;
        Ok(remove_abandoned(self.workspace)?)
    }

    /// Undoes what dead processes have left; returns one whose command is still at work.
    fn find_orphan(&self, tell: &dyn Fn(Event)) -> Result<Option<Found>, Failure> {
        let _guard = self.workspace.guard()?;
        for found in find_occupied(self.workspace)? {
            if !is_running(&found.occupant.owner) && !self.end(&found, tell)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Takes the claim if nobody is in the way, else returns who is.
    fn try_take(
        &self,
        occupant: &Occupant,
        tell: &dyn Fn(Event),
    ) -> Result<Result<Claim<'_>, Found>, Failure> {
        let _guard = self.workspace.guard()?;
        match self.find_conflict(occupant, tell)? {
            Some(found) => Ok(Err(found)),
            None => self.occupy(occupant.clone()).map(Ok),
        }
    }

    fn occupant(&self, stage: &Stage) -> Occupant {
        let deps = stage.deps.iter().filter_map(|dep| match dep {
            Dep::Path { path, .. } => Some(path.clone()),
            Dep::Glob { pattern, .. } => Some(pattern.prefix().clone().into()),
            Dep::Command { .. } | Dep::Url { .. } => None,
        });
        let params = stage
            .params
            .iter()
            .map(|reference| AnyPath::from(reference.file.clone()));
        Occupant {
            owner: self.owner.clone(),
            pid: process::id(),
            stage: stage.name.clone(),
            reads: deps.chain(params).collect(),
            writes: stage.outs.iter().map(|out| out.path.clone()).collect(),
        }
    }

    /// Returns who is in the way. Those who are no more get out of it.
    fn find_conflict(
        &self,
        own: &Occupant,
        tell: &dyn Fn(Event),
    ) -> Result<Option<Found>, Failure> {
        for found in find_occupied(self.workspace)? {
            // The scheduler keeps stages of one run apart.
            let is_own = found.occupant.owner == self.owner;
            if is_own || !own.conflicts_with(&found.occupant, self.workspace.root()) {
                continue;
            }
            if is_running(&found.occupant.owner) || !self.end(&found, tell)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn occupy(&self, occupant: Occupant) -> Result<Claim<'_>, Failure> {
        let mut slot = self.free_slot()?;
        slot.write(&Line::Stage(occupant), Durability::Kill)?;
        Ok(Claim {
            slot: Some(slot),
            has_aside: false,
            slots: &self.slots,
        })
    }

    fn free_slot(&self) -> Result<Slot, fs::Error> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.free.pop() {
            return Ok(slot);
        }
        slots.made += 1;
        // The time of its start tells the process from a later one of the same number.
        let process = self.owner.splitn(3, ' ').take(2).collect::<Vec<_>>();
        let name = format!("{}-{}", process.join("-"), slots.made);
        Slot::open(self.workspace, &name)
    }

    /// Ends the command of a dead process and undoes what it had begun; false while the command is
    /// still at work.
    fn end(&self, found: &Found, tell: &dyn Fn(Event)) -> Result<bool, Failure> {
        let stage = &found.occupant.stage;
        let lock = found.lock_path();
        // Nobody has noted the group of a command that had just been started.
        if found.group.as_deref().is_some_and(kill_identified) || kill_readers(&lock) {
            let stage = stage.clone();
            tell(Event::Orphaned { stage });
        }
        if !found.is_over()? {
            return Ok(false);
        }
        if let Some(journal) = &found.aside {
            let recorded = self.ledger.latest(stage)?;
            Aside::recover(self.workspace, journal.clone(), recorded.as_ref(), tell)?;
        }
        found.remove()?;
        Ok(true)
    }
}

/// How long commands that were killed may take to vanish.
#[derive(Default)]
struct Patience(Option<Instant>);

impl Patience {
    /// Begins with the first orphan; an error once it is used up.
    fn spend(&mut self, workspace: &Workspace, found: &Found) -> Result<(), Failure> {
        let begin = *self.0.get_or_insert_with(Instant::now);
        if begin.elapsed() < PATIENCE {
            return Ok(());
        }
        let path = workspace.shown(&found.lock_path());
        Err(Failure::Orphan { path })
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        let slots = self.slots.get_mut().unwrap_or_else(PoisonError::into_inner);
        slots.free.drain(..).for_each(Slot::close);
    }
}

impl Claim<'_> {
    /// Returns what the command reads from: nothing, through the lock.
    pub(crate) fn input(&self) -> io::Result<File> {
        self.slot().input()
    }

    /// Notes which process group runs the command.
    pub(crate) fn note_group(&mut self, group: u32) -> Result<(), fs::Error> {
        let line = Line::Group(identify(group));
        self.slot_mut().write(&line, Durability::Kill)
    }

    /// Notes what is about to be set aside.
    pub(super) fn note_aside(
        &mut self,
        journal: &Journal,
        durability: Durability,
    ) -> Result<(), fs::Error> {
        let line = Line::Aside(journal.clone());
        self.has_aside = true;
        self.slot_mut().write(&line, durability)
    }

    /// Notes that nothing lies aside any more.
    pub(super) fn forget_aside(&mut self) {
        self.has_aside = false;
    }

    fn slot(&self) -> &Slot {
        self.slot
            .as_ref()
            .expect("invariant: a claim has its slot until it is dropped")
    }

    fn slot_mut(&mut self) -> &mut Slot {
        self.slot
            .as_mut()
            .expect("invariant: a claim has its slot until it is dropped")
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Where outs still lie aside, something went wrong: the note stays, and once this process is
        // gone the next one that comes by puts them back.
        if let Some(mut slot) = self.slot.take()
            && !self.has_aside
            && slot.clear().is_ok()
        {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.free.push(slot);
        }
    }
}

impl Occupant {
    /// Whether one writes what the other reads or writes in the project at `root` and outside of it.
    fn conflicts_with(&self, other: &Self, root: &Path) -> bool {
        let meet = |some: &[AnyPath], others: &[AnyPath]| {
            some.iter()
                .any(|path| others.iter().any(|other| path.overlaps(other, root)))
        };
        self.stage == other.stage
            || meet(&self.writes, &other.writes)
            || meet(&self.writes, &other.reads)
            || meet(&self.reads, &other.writes)
    }
}

//! `Dispatcher`: starts workers while slots are free, hears of what becomes of stages, records it.
//! One thread owns the state of a run.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::base::cancel::CancelToken;
use crate::base::path::RepoPath;
use crate::engine::aside::Aside;
use crate::engine::claim::Claims;
use crate::engine::consent::{Answer, Ask, Consent, Question};
use crate::engine::crew::Crew;
use crate::engine::error::{Error, Failure};
use crate::engine::event::{Event, Outcome, Reporter};
use crate::engine::log::log_path;
use crate::engine::memo::Memo;
use crate::engine::record::StageRun;
use crate::engine::repro::ReproOptions;
use crate::engine::run::{Processed, Worker};
use crate::engine::scheduler::Scheduler;
use crate::engine::selection::{Downstream, Policy, RunPolicy};
use crate::engine::supply::{Grant, Supply};
use crate::pipeline::{Out, Pipeline, Stage, StageEntry, StageIndex};
use crate::scm::ignore_out;
use crate::workspace::{Ledger, Workspace};

/// How often a wish to stop is noticed while workers are silent.
const TICK: Duration = Duration::from_millis(50);

/// How many events, with up to some 64 KiB of output each, may wait to be shown; workers that have
/// more to tell wait too.
const BACKLOG: usize = 64;

/// What workers tell the owner.
enum Message<'a> {
    Event(Event),
    Question {
        question: Question,
        reply: SyncSender<Answer>,
    },
    Finished {
        stage: StageIndex,
        result: Box<Result<Processed<'a>, Failure>>,
        time: Duration,
    },
}

/// What becomes of a run after one of its stages.
#[derive(Clone, Copy, PartialEq)]
enum Course {
    /// What needs the stage can go on.
    GoOn,
    /// What needs it is skipped; the user wants it so.
    Skip,
    /// It failed.
    Fail,
    /// Nothing more is to be done.
    Stop,
}

impl Course {
    fn after(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Declined => Self::Skip,
            Outcome::Stopped => Self::Stop,
            outcome if outcome.is_success() => Self::GoOn,
            _ => Self::Fail,
        }
    }
}

/// Has the owner of the run ask the user: no two workers ask at once.
fn ask_owner(owner: &SyncSender<Message<'_>>, cancel: &CancelToken, question: Question) -> Answer {
    let (reply, answer) = mpsc::sync_channel(1);
    drop(owner.send(Message::Question { question, reply }));
    loop {
        match answer.recv_timeout(TICK) {
            Ok(answer) => return answer,
            // An owner that gave up does not answer.
            Err(RecvTimeoutError::Timeout) if !cancel.is_cancelled() => {}
            Err(_) => return Answer::Quit,
        }
    }
}

/// What every worker may look at.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) pipeline: &'a Pipeline,
    pub(super) ledger: &'a Ledger<'a>,
    pub(super) claims: &'a Claims<'a>,
    pub(super) environment: &'a [(OsString, OsString)],
    /// What was found out at the start.
    pub(super) start: &'a Memo,
    /// Cached outs that git tracks.
    pub(super) tracked: &'a BTreeSet<RepoPath>,
    pub(super) cancel: &'a CancelToken,
    /// What there is of the machine.
    pub(super) supply: &'a Supply,
    pub(super) policy: Policy,
}

/// The one owner of the state of a run.
pub(super) struct Dispatcher<'a> {
    pub(super) shared: Shared<'a>,
    pub(super) pipeline: &'a Pipeline,
    pub(super) reporter: &'a mut dyn Reporter,
    /// Puts questions to the user.
    pub(super) ask: &'a mut Ask<'a>,
    /// How it went with the stages that are through.
    pub(super) runs: Vec<StageRun>,
    /// Whether the user wants to be asked no more, and nothing more to be done.
    pub(super) has_quit: bool,
    /// The stages whose commands have run.
    pub(super) ran: BTreeSet<StageIndex>,
}

impl<'a> Dispatcher<'a> {
    /// Does what the stages need that are `pending`.
    pub(super) fn run(
        &mut self,
        options: &ReproOptions,
        pending: &BTreeSet<StageIndex>,
    ) -> Result<(), Error> {
        let (supply, stages) = (self.shared.supply, &self.pipeline.stages);
        let demand = |stage: StageIndex| supply.demand(&stages[stage]);
        let mut scheduler = Scheduler::new(&self.pipeline.graph, pending, supply.amounts(), demand);
        let (sender, receiver) = mpsc::sync_channel(BACKLOG);
        thread::scope(|scope| {
            let crew = Crew::new(scope);
            let outcome = self.drive(&crew, options, &mut scheduler, &sender, &receiver);
            if outcome.is_err() {
                // Workers still run; they end by themselves, and what they made is not recorded.
                self.shared.cancel.escalate();
                self.shared.cancel.escalate();
            }
            drop(sender);
            // Whoever has something left to say must not wait for ever to be heard.
            while receiver.recv().is_ok() {}
            outcome
        })?;
        for stage in scheduler.untouched() {
            self.finish(stage, Outcome::Stopped, Duration::ZERO);
        }
        Ok(())
    }

    /// Starts stages while there is enough for them and hears of what becomes of them.
    fn drive<'scope>(
        &mut self,
        crew: &Crew<'scope, '_>,
        options: &ReproOptions,
        scheduler: &mut Scheduler,
        sender: &SyncSender<Message<'a>>,
        receiver: &Receiver<Message<'a>>,
    ) -> Result<(), Error>
    where
        'a: 'scope,
    {
        loop {
            if self.shared.cancel.is_cancelled() {
                scheduler.stop();
            }
            while let Some(stage) = scheduler.start_next() {
                let devices = scheduler.devices(stage);
                let member = &self.pipeline.stages[stage];
                let grant = self.shared.supply.grant(member, devices);
                let work = self.work(stage, grant, sender);
                crew.take_up(work, scheduler.running());
            }
            if scheduler.running() == 0 {
                return Ok(());
            }
            match receiver.recv_timeout(TICK) {
                Ok(message) => self.hear(message, options, scheduler)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Does what a worker's message asks for.
    fn hear(
        &mut self,
        message: Message<'a>,
        options: &ReproOptions,
        scheduler: &mut Scheduler,
    ) -> Result<(), Error> {
        match message {
            Message::Event(event) => self.reporter.report(&event),
            Message::Question { question, reply } => {
                let answer = self.answer(&question);
                // A worker that waits no more has seen that all is to end.
                let _ended = reply.send(answer);
            }
            Message::Finished {
                stage,
                result,
                time,
            } => {
                let course = self.conclude(stage, *result, time)?;
                if course == Course::GoOn {
                    scheduler.succeed(stage);
                } else {
                    self.skip_dependants(scheduler, stage);
                }
                let is_fatal = course == Course::Fail && !options.keep_going;
                if is_fatal || course == Course::Stop {
                    scheduler.stop();
                }
            }
        }
        Ok(())
    }

    /// Returns what is to be done with a stage, on another thread.
    fn work(
        &self,
        index: StageIndex,
        grant: Grant,
        sender: &SyncSender<Message<'a>>,
    ) -> impl FnOnce() + Send + use<'a> {
        let mut shared = self.shared;
        if shared.policy.downstream == Downstream::Forced && self.follows_a_run(index) {
            shared.policy.run = RunPolicy::Forced;
        }
        let (sender, events, questions) = (sender.clone(), sender.clone(), sender.clone());
        let cancel = shared.cancel;
        move || {
            let begin = Instant::now();
            // The owner outlives its workers: sending cannot fail while anybody listens.
            let tell = move |event| drop(events.send(Message::Event(event)));
            let ask = move |question| ask_owner(&questions, cancel, question);
            let worker = Worker {
                shared,
                grant,
                tell: Box::new(tell),
                ask: Box::new(ask),
            };
            // A panic must reach the owner too, or it would wait for this stage for ever.
            let process = AssertUnwindSafe(|| worker.process(index));
            let result = panic::catch_unwind(process).unwrap_or(Err(Failure::Worker));
            let time = begin.elapsed();
            drop(sender.send(Message::Finished {
                stage: index,
                result: Box::new(result),
                time,
            }));
        }
    }

    /// Records what a stage made: first in the lock, then on the screen.
    fn conclude(
        &mut self,
        index: StageIndex,
        result: Result<Processed<'a>, Failure>,
        time: Duration,
    ) -> Result<Course, Error> {
        let stage = &self.pipeline.stages[index];
        let Processed {
            outcome,
            entry,
            aside,
            claim,
        } = match result {
            Ok(processed) => processed,
            Err(failure) => return Ok(self.fail(index, failure, time)),
        };
        if let Some(entry) = entry
            && let Err(failure) = self.record(stage, entry)
        {
            // A full disk, say: as if the command had failed.
            if let (Some(aside), Some(mut claim)) = (aside, claim) {
                aside.put_back(&mut claim)?;
            }
            return Ok(self.fail(index, failure, time));
        }
        let kept = aside.as_ref().map(Aside::discard).transpose()?;
        if let Some(mut claim) = claim {
            claim.forget_aside();
        }
        for event in kept.unwrap_or_default() {
            self.reporter.report(&event);
        }
        let course = Course::after(&outcome);
        if matches!(outcome, Outcome::Ran { .. }) {
            self.ran.insert(index);
        }
        self.finish(index, outcome, time);
        if self.shared.ledger.is_behind() {
            self.shared.ledger.fold(|_| true)?;
        }
        Ok(course)
    }

    fn fail(&mut self, index: StageIndex, failure: Failure, time: Duration) -> Course {
        let log = log_path(self.shared.workspace, &self.pipeline.stages[index].name);
        let log = Some(log).filter(|log| failure.is_of_command() && log.exists());
        self.finish(index, Outcome::Failed { failure, log }, time);
        // Outs are put in place each for itself.
        let is_alone = self.shared.policy.run == RunPolicy::CheckOut;
        if is_alone { Course::GoOn } else { Course::Fail }
    }

    fn answer(&mut self, question: &Question) -> Answer {
        if self.shared.policy.consent == Consent::Given {
            return Answer::Yes;
        }
        if self.has_quit || self.shared.cancel.is_cancelled() {
            return Answer::Quit;
        }
        let answer = (self.ask)(question);
        self.has_quit = answer == Answer::Quit;
        if answer == Answer::All {
            self.shared.policy.consent = Consent::Given;
        }
        answer
    }

    /// Returns whether a stage that this one needs has run just now.
    fn follows_a_run(&self, index: StageIndex) -> bool {
        let mut needed = self.pipeline.graph.upstream(index).iter();
        needed.any(|needed| self.ran.contains(needed))
    }

    /// Records what a stage made; only then the outs of before may go.
    fn record(&self, stage: &Stage, entry: StageEntry) -> Result<(), Failure> {
        self.hide_outs_from_git(stage)?;
        Ok(self.shared.ledger.record(&stage.name, entry)?)
    }

    fn hide_outs_from_git(&self, stage: &Stage) -> Result<(), Failure> {
        let _guard = self.shared.workspace.guard()?;
        for path in stage.outs.iter().filter_map(Out::cached_path) {
            ignore_out(self.shared.workspace.root(), path)?;
        }
        Ok(())
    }

    fn skip_dependants(&mut self, scheduler: &mut Scheduler, failed: StageIndex) {
        let upstream = &self.pipeline.stages[failed].name;
        for stage in scheduler.fail(failed) {
            let outcome = Outcome::Skipped {
                upstream: upstream.clone(),
            };
            self.finish(stage, outcome, Duration::ZERO);
        }
    }

    fn finish(&mut self, index: StageIndex, outcome: Outcome, time: Duration) {
        let stage = self.pipeline.stages[index].name.clone();
        self.runs.push(StageRun::new(&stage, &outcome, time));
        self.reporter.report(&Event::Finished {
            stage,
            outcome,
            time,
        });
    }
}

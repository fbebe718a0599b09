//! One stage from look to record: ask, set outs aside, execute.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::base::path::RepoPath;
use crate::base::process::{Exit, Script};
use crate::engine::absence::Made;
use crate::engine::aside::Aside;
use crate::engine::claim::Claim;
use crate::engine::consent::{Answer, Consent, Question};
use crate::engine::decide::{Decision, Examination, OutState, Reason, examine, observe_outs};
use crate::engine::dispatch::Shared;
use crate::engine::error::Failure;
use crate::engine::event::{Event, Outcome};
use crate::engine::incomplete::{known, refuse_incomplete, refuse_incomplete_outs};
use crate::engine::inputs::{Gauge, Inputs, NOTHING_EXPECTED};
use crate::engine::log::Log;
use crate::engine::recording::Origin;
use crate::engine::selection::{CommitPolicy, Missing, RunPolicy};
use crate::engine::supply::Grant;
use crate::pipeline::{
    self, Dep, Lock, Out, ParamFiles, Stage, StageEntry, StageIndex, StageName, tracked_around,
};
use crate::workspace::Workspace;

/// How long the names of logs are, in bytes; file systems take a little more.
const LONGEST_NAME: usize = 200;

/// Works on one stage.
pub(super) struct Worker<'a> {
    pub(super) shared: Shared<'a>,
    /// What the stage has of the machine meanwhile.
    pub(super) grant: Grant,
    /// Hands an event to the owner of the run.
    pub(super) tell: Box<dyn Fn(Event) + Send + 'a>,
    /// Has the owner ask the user.
    pub(super) ask: Box<dyn Fn(Question) -> Answer + Send + 'a>,
}

/// A stage that is through: how it went, and its record if that is new.
pub(super) struct Processed<'a> {
    pub(super) outcome: Outcome,
    pub(super) entry: Option<StageEntry>,
    /// The outs of before, which may go only when the record is in the lock.
    pub(super) aside: Option<Aside<'a>>,
    /// Keeps others from the stage until then.
    pub(super) claim: Option<Claim<'a>>,
}

impl Processed<'_> {
    /// Makes the end of a stage whose outs of before are not lying aside.
    fn done(outcome: Outcome, entry: Option<StageEntry>) -> Self {
        Self {
            outcome,
            entry,
            aside: None,
            claim: None,
        }
    }
}

/// What is known of a stage before it is looked at.
#[derive(Clone, Copy)]
struct Look<'a> {
    index: StageIndex,
    recorded: Option<&'a StageEntry>,
    made: Option<&'a Made>,
}

impl<'a> Worker<'a> {
    /// Looks at a stage and does what it needs.
    pub(super) fn process(&self, index: StageIndex) -> Result<Processed<'a>, Failure> {
        let Shared {
            cancel, pipeline, ..
        } = self.shared;
        let stage = &pipeline.stages[index];
        let Some(mut claim) = self.shared.claims.take(stage, cancel, &*self.tell)? else {
            return Ok(Processed::done(Outcome::Stopped, None));
        };
        let recorded = self.shared.ledger.latest(&stage.name)?;
        let made = self.made_before(index)?;
        let look = Look {
            index,
            recorded: recorded.as_ref(),
            made: made.as_ref(),
        };
        let mut processed = self.process_claimed(stage, look, &mut claim)?;
        processed.claim = Some(claim);
        Ok(processed)
    }

    fn process_claimed(
        &self,
        stage: &Stage,
        look: Look<'_>,
        claim: &mut Claim<'_>,
    ) -> Result<Processed<'a>, Failure> {
        let Look { recorded, made, .. } = look;
        let params = ParamFiles::new(&self.shared.workspace.worktree);
        let examination = examine(
            stage,
            recorded,
            self.shared.policy.run,
            &self.gauge(&params, made),
        )?;
        let Examination {
            inputs,
            outs,
            decision,
        } = examination;
        let done = |outcome, entry| Ok(Processed::done(outcome, entry));
        match decision {
            Decision::Unchanged { recache } => {
                if self.shared.policy.commit == CommitPolicy::Cache {
                    self.recache(&recache)?;
                }
                if self.shared.policy.run == RunPolicy::Never && !recache.is_empty() {
                    return done(Outcome::Adopted, None);
                }
                done(Outcome::Unchanged, None)
            }
            Decision::Leave { path } => done(Outcome::Left { path }, None),
            Decision::Adopt { reasons } => {
                self.refuse_missing_deps(stage, &inputs)?;
                if self.shared.policy.consent == Consent::Asked {
                    refuse_incomplete_outs(self.shared.workspace, &outs)?;
                }
                if reasons.iter().any(Reason::is_of_inputs)
                    && let Some(outcome) = self.refusal(stage, &reasons)
                {
                    return done(outcome, None);
                }
                let origin = if stage.frozen {
                    Origin::Hand
                } else {
                    refuse_tracked(stage, self.shared.tracked)?;
                    Origin::Workspace
                };
                let entry = self.record(stage, &inputs, origin)?;
                done(Outcome::Adopted, Some(entry))
            }
            Decision::Restore {
                entry,
                source,
                reasons,
            } => {
                if self.shared.policy.run == RunPolicy::CheckOut {
                    self.check_out(stage, &outs)?;
                    return done(Outcome::Restored { source, reasons }, None);
                }
                if self.restore(stage, &entry, &outs)? {
                    return done(Outcome::Restored { source, reasons }, Some(entry));
                }
                self.run_if_wanted(stage, look, inputs, reasons, claim)
            }
            Decision::Run { reasons } => self.run_if_wanted(stage, look, inputs, reasons, claim),
        }
    }

    /// Runs a stage's command, unless the user says no.
    fn run_if_wanted(
        &self,
        stage: &Stage,
        look: Look<'_>,
        inputs: Inputs,
        reasons: Vec<Reason>,
        claim: &mut Claim<'_>,
    ) -> Result<Processed<'a>, Failure> {
        if let Some(outcome) = self.refusal(stage, &reasons) {
            return Ok(Processed::done(outcome, None));
        }
        let inputs = self.fetch(stage, inputs, look.made)?;
        // The user may have taken long to answer, and have edited something meanwhile; and some outs
        // may have been restored before a bad object turned up.
        let params = ParamFiles::new(&self.shared.workspace.worktree);
        let outs = observe_outs(stage, look.recorded, &self.gauge(&params, None))?;
        self.refuse_missing_deps(stage, &inputs)?;
        self.refuse_incomplete(look.index, &inputs)?;
        self.run(stage, &inputs, &outs, reasons, claim)
    }

    /// Returns what the stages before one have on record, where that counts for what is absent.
    fn made_before(&self, index: StageIndex) -> Result<Option<Made>, Failure> {
        let Shared {
            pipeline, ledger, ..
        } = self.shared;
        if self.shared.policy.missing == Missing::Absent {
            return Ok(None);
        }
        let record = |stage: StageIndex| ledger.latest(&pipeline.stages[stage].name);
        let made = Made::before(pipeline, index, record)?;
        Ok(Some(ledger.peek(|lock| made.with_data(&lock.data))))
    }

    /// Puts deps in place that counted as recorded until now, for a command reads them.
    fn fetch(&self, stage: &Stage, inputs: Inputs, made: Option<&Made>) -> Result<Inputs, Failure> {
        let Some(made) = made else { return Ok(inputs) };
        let Shared {
            workspace,
            pipeline,
            ..
        } = self.shared;
        made.fetch(stage, &inputs, pipeline, workspace)?;
        let params = ParamFiles::new(&workspace.worktree);
        Inputs::measure(stage, &self.gauge(&params, None))
    }

    fn run(
        &self,
        stage: &Stage,
        before: &Inputs,
        outs: &[OutState],
        reasons: Vec<Reason>,
        claim: &mut Claim<'_>,
    ) -> Result<Processed<'a>, Failure> {
        if self.shared.cancel.is_cancelled() {
            return Ok(Processed::done(Outcome::Stopped, None));
        }
        refuse_tracked(stage, self.shared.tracked)?;
        if let Some(shortage) = &self.grant.shortage {
            return Err(pipeline::Error::Problem(shortage.problem("it")).into());
        }
        if let Some(wish) = self.grant.note.clone() {
            let stage = stage.name.clone();
            self.tell(Event::Alone { stage, wish });
        }
        self.tell(Event::Started {
            stage: stage.name.clone(),
            reasons: reasons.clone(),
        });
        self.make_folders(stage)?;
        let aside = Aside::take(self.shared.workspace, &stage.name, outs, claim)?;
        let result = self
            .attempt(stage, claim, &aside)
            .and_then(|()| self.conclude(stage, before));
        match result {
            Ok(entry) => {
                let outcome = Outcome::Ran { reasons };
                Ok(Processed {
                    aside: Some(aside),
                    ..Processed::done(outcome, Some(entry))
                })
            }
            Err(failure) => {
                aside.put_back(claim)?;
                Err(failure)
            }
        }
    }

    /// Asks the user, where that is wanted; returns how the stage ends if the answer is no.
    fn refusal(&self, stage: &Stage, reasons: &[Reason]) -> Option<Outcome> {
        if self.shared.policy.consent == Consent::Given {
            return None;
        }
        let question = Question {
            stage: stage.name.clone(),
            reasons: reasons.to_vec(),
        };
        match (self.ask)(question) {
            Answer::Yes | Answer::All => None,
            Answer::No => Some(Outcome::Declined),
            Answer::Quit => Some(Outcome::Stopped),
        }
    }

    /// Makes the folders that outs go to.
    pub(super) fn make_folders(&self, stage: &Stage) -> Result<(), fs::Error> {
        let outs = stage.outs.iter();
        let mut places = outs.map(|out| self.shared.workspace.locate_any(&out.path));
        places.try_for_each(|place| fs::make_folder(fs::parent(&place)))
    }

    /// Runs the scripts one after the other, all within the stage's time; all that they print goes
    /// to the log as well.
    pub(super) fn execute(
        &self,
        stage: &Stage,
        claim: &mut Claim<'_>,
        log: &mut Log,
    ) -> Result<(), Failure> {
        let log_path = log_path(self.shared.workspace, &stage.name);
        let timeout = stage.attempts.timeout;
        let end = timeout.and_then(|time| Instant::now().checked_add(time));
        let folder = self.shared.workspace.locate(&stage.wdir);
        fs::make_folder(&folder)?;
        let mut environment = self.shared.environment.to_vec();
        for name in ["MLPIPE_STAGE", "DVC_STAGE"] {
            environment.push((name.into(), stage.name.as_str().into()));
        }
        environment.extend_from_slice(&self.grant.environment);
        for cmd in &stage.cmd {
            let input = Some(
                claim
                    .input()
                    .map_err(failed("cannot share the lock of", &log_path))?,
            );
            let script = Script {
                text: cmd,
                folder: &folder,
                environment: &environment,
                input,
            };
            let shell = |source| Failure::Shell {
                folder: stage.wdir.clone(),
                source,
            };
            let running = script.start().map_err(shell)?.end_at(end);
            claim.note_group(running.group())?;
            let mut log_error = None;
            let exit = running.wait(self.shared.cancel, &mut |lines| {
                log_error = log_error.take().or(log.write(&lines.lasting()).err());
                self.tell(Event::Output {
                    stage: stage.name.clone(),
                    lines,
                });
            });
            let cmd = cmd.clone();
            match (exit.map_err(shell)?, timeout) {
                (Exit::Success, _) => {}
                (Exit::TimedOut, Some(timeout)) => return Err(Failure::TimedOut { cmd, timeout }),
                (exit, _) => return Err(Failure::Exit { cmd, exit }),
            }
            if let Some(error) = log_error {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Parameters are read afresh each time: they may be edited while a long run goes on.
    pub(super) fn gauge<'b>(
        &'b self,
        params: &'b ParamFiles<'b>,
        made: Option<&'b Made>,
    ) -> Gauge<'b> {
        let Shared {
            workspace,
            environment,
            cancel,
            start,
            ..
        } = self.shared;
        Gauge {
            workspace,
            params,
            environment,
            cancel,
            // Each look may come after a stage that has changed what commands print.
            memo: None,
            start: Some(start),
            urls: self.shared.policy.urls,
            expected: NOTHING_EXPECTED,
            made,
        }
    }

    pub(super) fn tell(&self, event: Event) {
        (self.tell)(event);
    }

    fn refuse_incomplete(&self, index: StageIndex, inputs: &Inputs) -> Result<(), Failure> {
        let Shared {
            workspace,
            pipeline,
            ledger,
            ..
        } = self.shared;
        let stage = &pipeline.stages[index];
        ledger.peek(|lock| {
            let before = pipeline.graph.upstream(index).iter();
            let before = before.map(|needed| &pipeline.stages[*needed].name);
            refuse_incomplete(workspace, stage, inputs, known(lock, before))
        })
    }

    fn refuse_missing_deps(&self, stage: &Stage, inputs: &Inputs) -> Result<(), Failure> {
        let ledger = self.shared.ledger;
        ledger.peek(|lock| refuse_missing_deps(stage, inputs, lock))
    }
}

/// A command is not even started when a dep is missing.
pub(crate) fn refuse_missing_deps(
    stage: &Stage,
    inputs: &Inputs,
    lock: &Lock,
) -> Result<(), Failure> {
    for dep in &stage.deps {
        let (path, origin) = match dep {
            Dep::Url { url, origin } if inputs.urls.get(url) == Some(&None) => {
                let problem = origin.problem(format!("there is nothing at `{url}`"));
                let (url, problem) = (url.clone(), Box::new(problem));
                return Err(Failure::UrlMissing { url, problem });
            }
            Dep::Path { path, origin } if inputs.deps.get(path) == Some(&None) => (path, origin),
            Dep::Glob { pattern, origin }
                if !inputs
                    .deps
                    .keys()
                    .filter_map(AnyPath::inside)
                    .any(|dep| pattern.matches(dep)) =>
            {
                (&pattern.path().clone().into(), origin)
            }
            _ => continue,
        };
        let problem = Box::new(origin.problem(format!("`{path}` does not exist")));
        let path = path.clone();
        let inside = path.inside();
        let tracked = inside.and_then(|dep| tracked_around(&lock.data, dep));
        let imported = inside.and_then(|dep| tracked_around(&lock.sources, dep));
        return Err(match (tracked, imported) {
            (Some(tracked), _) => Failure::DataMissing {
                tracked: tracked.clone(),
                path,
                problem,
            },
            (None, Some(import)) => Failure::Undownloaded {
                import: import.clone(),
                path,
                problem,
            },
            (None, None) => Failure::DepMissing { path, problem },
        });
    }
    Ok(())
}

/// An out is in git or in the cache, not in both; `tracked` are those in git.
pub(crate) fn refuse_tracked(stage: &Stage, tracked: &BTreeSet<RepoPath>) -> Result<(), Failure> {
    let is_tracked = |out: &&Out| out.cached_path().is_some_and(|path| tracked.contains(path));
    match stage.outs.iter().find(is_tracked) {
        None => Ok(()),
        Some(out) => Err(Failure::OutTracked {
            path: out.path.clone(),
        }),
    }
}

/// Returns where the output of a stage's last run is.
pub(crate) fn log_path(workspace: &Workspace, stage: &StageName) -> PathBuf {
    let mut name = String::new();
    for character in stage.as_str().chars() {
        if matches!(character, '%' | '/') || character.is_control() {
            name += &format!("%{:02X}", u32::from(character));
        } else {
            name.push(character);
        }
    }
    if name.len() > LONGEST_NAME {
        let digest = Digest::of(name.as_bytes()).short();
        name.truncate(name.floor_char_boundary(LONGEST_NAME));
        name += &format!("…{digest}");
    }
    workspace.state(&format!("logs/{name}.log"))
}

//! One stage from look to record: ask, set outs aside, run.

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::engine::absence::Made;
use crate::engine::aside::Aside;
use crate::engine::claim::Claim;
use crate::engine::consent::{Answer, Consent, Question};
use crate::engine::decide::{Decision, Examination, OutState, Reason, examine, observe_outs};
use crate::engine::dispatch::Shared;
use crate::engine::error::Failure;
use crate::engine::event::{Event, Outcome};
use crate::engine::incomplete::{known, refuse_incomplete, refuse_incomplete_outs};
use crate::engine::inputs::{Gauge, Inputs};
use crate::engine::recording::Origin;
use crate::engine::refusal::{refuse_missing_deps, refuse_tracked};
use crate::engine::selection::{CommitPolicy, Missing, RunPolicy};
use crate::engine::supply::Grant;
use crate::pipeline::{self, ParamFiles, Stage, StageEntry, StageIndex};

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
        let policy = self.shared.policy.run;
        let examination = examine(stage, recorded, policy, &self.gauge(&params, made))?;
        let Examination {
            inputs,
            outs,
            decision,
        } = examination;
        match decision {
            Decision::Unchanged { recache } => self.leave(&recache),
            Decision::Hold { reasons } => Ok(Processed::done(Outcome::Held { reasons }, None)),
            Decision::Leave { path } => Ok(Processed::done(Outcome::Left { path }, None)),
            Decision::Adopt { reasons } => self.adopt(stage, &inputs, &outs, &reasons),
            Decision::Restore {
                entry,
                source,
                reasons,
            } => {
                let entry = match policy {
                    RunPolicy::CheckOut => {
                        self.check_out(stage, &outs)?;
                        None
                    }
                    _ if self.restore(stage, &entry, &outs)? => Some(entry),
                    _ => return self.run_if_wanted(stage, look, inputs, reasons, claim),
                };
                Ok(Processed::done(
                    Outcome::Restored { source, reasons },
                    entry,
                ))
            }
            Decision::Run { reasons } => self.run_if_wanted(stage, look, inputs, reasons, claim),
        }
    }

    /// Leaves a stage as it is, but for outs that the cache has lost.
    fn leave(&self, lost: &[AnyPath]) -> Result<Processed<'a>, Failure> {
        let policy = self.shared.policy;
        if policy.commit == CommitPolicy::Cache {
            self.recache(lost)?;
        }
        let has_recorded = policy.run == RunPolicy::Never && !lost.is_empty();
        let outcome = if has_recorded {
            Outcome::Adopted
        } else {
            Outcome::Unchanged
        };
        Ok(Processed::done(outcome, None))
    }

    /// Records what is there, unless the user says no.
    fn adopt(
        &self,
        stage: &Stage,
        inputs: &Inputs,
        outs: &[OutState],
        reasons: &[Reason],
    ) -> Result<Processed<'a>, Failure> {
        self.refuse_missing_deps(stage, inputs)?;
        if self.shared.policy.consent == Consent::Asked {
            refuse_incomplete_outs(self.shared.workspace, outs)?;
        }
        if reasons.iter().any(Reason::is_of_inputs)
            && let Some(outcome) = self.refusal(stage, reasons)
        {
            return Ok(Processed::done(outcome, None));
        }
        let origin = if stage.frozen {
            Origin::Hand
        } else {
            refuse_tracked(stage, self.shared.tracked)?;
            Origin::Workspace
        };
        let entry = self.record(stage, inputs, origin)?;
        Ok(Processed::done(Outcome::Adopted, Some(entry)))
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
        self.refuse_to_run(look.index, &inputs)?;
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
            policy,
            ..
        } = self.shared;
        // Without a memo: each look may come after a stage that has changed what commands print.
        Gauge {
            start: Some(start),
            made,
            ..Gauge::new(workspace, params, environment, cancel, policy.urls)
        }
    }

    pub(super) fn tell(&self, event: Event) {
        (self.tell)(event);
    }

    /// A command is not even started where it cannot have what it needs, or its outs are git's.
    fn refuse_to_run(&self, index: StageIndex, inputs: &Inputs) -> Result<(), Failure> {
        let Shared {
            workspace,
            pipeline,
            ledger,
            ..
        } = self.shared;
        let stage = &pipeline.stages[index];
        self.refuse_missing_deps(stage, inputs)?;
        ledger.peek(|lock| {
            let before = pipeline.graph.upstream(index).iter();
            let before = before.map(|needed| &pipeline.stages[*needed].name);
            refuse_incomplete(workspace, stage, inputs, known(lock, before))
        })?;
        refuse_tracked(stage, self.shared.tracked)?;
        match &self.grant.shortage {
            Some(shortage) => Err(pipeline::Error::Problem(shortage.problem("it")).into()),
            None => Ok(()),
        }
    }

    fn refuse_missing_deps(&self, stage: &Stage, inputs: &Inputs) -> Result<(), Failure> {
        let ledger = self.shared.ledger;
        ledger.peek(|lock| refuse_missing_deps(stage, inputs, lock))
    }
}

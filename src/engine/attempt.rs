//! The attempts of a stage: its command runs until it succeeds or has failed as often as it may.

use std::ffi::OsString;
use std::time::Instant;

use crate::base::fs::{self, failed};
use crate::base::process::{Exit, Script};
use crate::engine::aside::Aside;
use crate::engine::claim::Claim;
use crate::engine::error::Failure;
use crate::engine::event::{Event, Retry};
use crate::engine::log::{Log, log_path};
use crate::engine::run::Worker;
use crate::pipeline::Stage;

impl Worker<'_> {
    /// Runs the command, again after each failure of its own, from the same start: what an attempt
    /// had begun to write is taken away. One log has all attempts.
    pub(super) fn attempt(
        &self,
        stage: &Stage,
        claim: &mut Claim<'_>,
        aside: &Aside<'_>,
    ) -> Result<(), Failure> {
        let mut log = Log::begin(log_path(self.shared.workspace, &stage.name))?;
        let of = stage.attempts.retries.saturating_add(1);
        let mut attempt = 1;
        loop {
            let Err(failure) = self.execute(stage, claim, &mut log) else {
                return Ok(());
            };
            if attempt == of || !failure.is_of_command() || self.shared.cancel.is_cancelled() {
                return Err(failure);
            }
            let delay = stage.attempts.delay_after(attempt);
            attempt += 1;
            self.tell(Event::Retrying(Retry {
                stage: stage.name.clone(),
                attempt,
                of,
                cause: failure.to_string(),
                delay,
            }));
            if !self.shared.cancel.pause(delay) {
                return Err(failure);
            }
            aside.clear()?;
            self.make_folders(stage)?;
            log.write(&format!("--- attempt {attempt} of {of} ---\n"))?;
        }
    }

    /// Runs the scripts one after the other, all within the stage's time.
    fn execute(&self, stage: &Stage, claim: &mut Claim<'_>, log: &mut Log) -> Result<(), Failure> {
        let timeout = stage.attempts.timeout;
        let end = timeout.and_then(|time| Instant::now().checked_add(time));
        let environment = self.environment_of(stage);
        for cmd in &stage.cmd {
            let exit = self.run_script(stage, (cmd, &environment, end), claim, log)?;
            let cmd = cmd.clone();
            match (exit, timeout) {
                (Exit::Success, _) => {}
                (Exit::TimedOut, Some(timeout)) => return Err(Failure::TimedOut { cmd, timeout }),
                (exit, _) => return Err(Failure::Exit { cmd, exit }),
            }
        }
        Ok(())
    }

    /// Runs a script until it ends, at that moment at the latest; all that it prints goes to the log as
    /// well.
    fn run_script(
        &self,
        stage: &Stage,
        (text, environment, end): (&str, &[(OsString, OsString)], Option<Instant>),
        claim: &mut Claim<'_>,
        log: &mut Log,
    ) -> Result<Exit, Failure> {
        let folder = &self.shared.workspace.locate(&stage.wdir);
        fs::make_folder(folder)?;
        let input = claim
            .input()
            .map_err(failed("cannot share the lock of", log.path()))?;
        let script = Script {
            text,
            folder,
            environment,
            input: Some(input),
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
        match (exit.map_err(shell)?, log_error) {
            // What was printed before counts for more where the command failed itself.
            (Exit::Success, Some(error)) => Err(error.into()),
            (exit, _) => Ok(exit),
        }
    }

    /// Returns what the stage's commands find in their environment.
    fn environment_of(&self, stage: &Stage) -> Vec<(OsString, OsString)> {
        let mut environment = self.shared.environment.to_vec();
        for name in ["MLPIPE_STAGE", "DVC_STAGE"] {
            environment.push((name.into(), stage.name.as_str().into()));
        }
        environment.extend_from_slice(&self.grant.environment);
        environment
    }
}

//! The attempts of a stage: its command runs until it succeeds or has failed as often as it may.

use crate::engine::aside::Aside;
use crate::engine::claim::Claim;
use crate::engine::error::Failure;
use crate::engine::event::Event;
use crate::engine::log::Log;
use crate::engine::run::{Worker, log_path};
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
            self.tell(Event::Retrying {
                stage: stage.name.clone(),
                attempt,
                of,
                cause: failure.to_string(),
                delay,
            });
            if !self.shared.cancel.pause(delay) {
                return Err(failure);
            }
            aside.clear()?;
            self.make_folders(stage)?;
            log.write(&format!("--- attempt {attempt} of {of} ---\n"))?;
        }
    }
}

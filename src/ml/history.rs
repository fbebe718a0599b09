//! The course of a training as a table, a row every few batches. The last row of an epoch has its
//! validation as well, the others leave that empty.

use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::ml::batch::{Answer, Tally};
use crate::ml::error::Error;
use crate::ml::event::Score;
use crate::ml::report::significant;

/// A row is the mean of this many batches; a single batch's would be mostly noise.
const BATCHES_PER_ROW: usize = 5;

/// The rows so far, and the batches since the last one.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct History {
    rows: String,
    step: usize,
    batches: usize,
    tally: Tally,
}

impl History {
    /// Takes the answer on an image with `label` into account.
    pub(crate) fn add(&mut self, answer: &Answer, label: u16) {
        self.tally.add(answer, label);
    }

    /// Ends a batch; with the last one of an epoch a row ends as well, but for its validation.
    pub(crate) fn end_batch(&mut self, epoch: usize, last: bool) {
        self.step += 1;
        self.batches += 1;
        if last || self.batches == BATCHES_PER_ROW {
            let score = self.tally.score();
            let (loss, accuracy) = (significant(score.loss), significant(score.accuracy));
            let step = self.step;
            let end = if last { "" } else { ",,\n" };
            write!(self.rows, "{step},{epoch},{loss},{accuracy}{end}")
                .expect("invariant: text takes what is written");
            self.batches = 0;
            self.tally = Tally::default();
        }
    }

    /// Ends an epoch, whose last batch has ended, with how its validation went.
    pub(crate) fn end_epoch(&mut self, validation: Score) {
        let (loss, accuracy) = (
            significant(validation.loss),
            significant(validation.accuracy),
        );
        writeln!(self.rows, ",{loss},{accuracy}").expect("invariant: text takes what is written");
    }

    /// Writes the table to `path`.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = format!(
            "step,epoch,loss,accuracy,validation_loss,validation_accuracy\n{}",
            self.rows
        );
        Ok(fs::write_atomic(path, text.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_after_some_batches_and_with_the_epoch() {
        let mut history = History::default();
        for batch in 1..=7 {
            history.add(&Answer::new(&[1.0, 1.0], 0), 0);
            history.end_batch(1, batch == 7);
        }
        history.end_epoch(Score {
            accuracy: 0.5,
            loss: 0.75,
        });
        assert_eq!(history.rows, "5,1,0.693147,1,,\n7,1,0.693147,1,0.75,0.5\n");
    }
}

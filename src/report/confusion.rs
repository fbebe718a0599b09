//! `Confusion`: how often each class was taken for each other, in whole examples.

use crate::base::human::thousands;
use crate::plots::{MOST_CLASSES, Tally};

/// Beyond this a sum of counts is no longer exact.
const MOST_EXAMPLES: f64 = 9_007_199_254_740_992.0;

/// Counts of (actual, predicted) pairs over all labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confusion {
    /// The labels, numbers in their order, else by the alphabet.
    pub(crate) labels: Vec<String>,
    /// One row for each actual label, one column for each predicted one. All of them together are no
    /// more than 2^53.
    pub(crate) counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Takes over what was counted of actual and predicted classes, or says why that cannot be.
    pub(crate) fn of(tally: &Tally) -> Result<Self, String> {
        let labels = tally.classes();
        if labels.len() > MOST_CLASSES {
            let (found, most) = (thousands(labels.len()), thousands(MOST_CLASSES));
            return Err(format!("it has {found} classes, more than {most}"));
        }
        let cells = tally.table(&labels, &labels);
        if cells.iter().flatten().sum::<f64>() > MOST_EXAMPLES {
            return Err("its counts add up to more than can be counted".to_owned());
        }
        let row = |row: Vec<f64>| row.into_iter().map(whole).collect();
        let counts: Result<Vec<Vec<u64>>, String> = cells.into_iter().map(row).collect();
        Ok(Self {
            counts: counts?,
            labels,
        })
    }
}

/// Returns a count as a whole number; shares of examples are drawn, but not reported.
fn whole(count: f64) -> Result<u64, String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are at least 0 and at most 2^53"
    )]
    if count.fract() == 0.0 {
        Ok(count as u64)
    } else {
        Err(format!("`count` is no whole number: `{count}`"))
    }
}

//! `Incomparable` and `agrees`: when predictions say nothing of a metric.

use std::fmt;

use crate::base::human::{count, thousands};
use crate::base::path::RepoPath;
use crate::metrics::pairing::Mismatch;

/// Why the predictions of two sides cannot be compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Incomparable {
    /// A side has no such file.
    Absent {
        /// The side's name.
        side: String,
    },
    /// A side's lock tells of the file, but neither the side nor the cache has it.
    NotCached {
        /// The side's name.
        side: String,
    },
    /// A side's file cannot be read; what is wrong with it is told by itself.
    Unreadable {
        /// The side's name.
        side: String,
    },
    /// The test set is recorded with another hash.
    TestSet {
        /// What was declared as the test set.
        path: RepoPath,
    },
    /// A side's lock does not tell of the test set.
    UnknownTestSet {
        /// What was declared as the test set.
        path: RepoPath,
        /// The side's name.
        side: String,
    },
    /// The examples are not the same.
    Examples(Mismatch),
    /// A side's value of the metric is not what its predictions give.
    Contradicted {
        /// The side's name.
        side: String,
        /// What they give.
        computed: f64,
    },
}

/// Says that a metric is not what the predictions of a side give.
pub(crate) fn contradiction(side: &str, computed: impl fmt::Display) -> String {
    format!("the predictions of {} say {computed}", said(side))
}

/// Names a side in a sentence.
fn said(side: &str) -> &str {
    match side {
        "workspace" => "the workspace",
        revision => revision,
    }
}

impl fmt::Display for Incomparable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { side } => write!(out, "{} has no such file", said(side)),
            Self::NotCached { side } => {
                write!(out, "that of {} is not in the cache", said(side))
            }
            Self::Unreadable { side } => write!(out, "that of {} cannot be read", said(side)),
            Self::Contradicted { side, computed } => out.write_str(&contradiction(side, computed)),
            Self::TestSet { path } => write!(out, "another test set: `{path}` differs"),
            Self::UnknownTestSet { path, side } => {
                write!(
                    out,
                    "data.lock of {} has no `{path}`, the test set",
                    said(side)
                )
            }
            Self::Examples(Mismatch::Examples {
                only_base,
                only_here,
            }) => write!(
                out,
                "other examples: {} only in the base, {} only here",
                thousands(*only_base),
                thousands(*only_here)
            ),
            Self::Examples(Mismatch::Ids) => {
                out.write_str("nothing tells which examples are the same: a side has no ids")
            }
            Self::Examples(Mismatch::Labels {
                changed,
                count: all,
            }) => {
                write!(
                    out,
                    "other labels: of {} of {}",
                    thousands(*changed),
                    count(*all, "example")
                )
            }
        }
    }
}

impl Incomparable {
    /// Returns what to do about it, where something helps.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NotCached { side } => Some(format!(
                "`mlpipe repro` at {side} makes it again, and then it stays in the cache"
            )),
            Self::Examples(Mismatch::Ids) => Some(
                "write an `id` for each example, or as many rows in the same order on both sides"
                    .to_owned(),
            ),
            Self::TestSet { .. } | Self::Examples(_) => Some(
                "`mlpipe repro` at the base with this test set makes both comparable".to_owned(),
            ),
            _ => None,
        }
    }
}

/// Returns whether `written`, a number of a metrics file, is `computed`, as far as it is written:
/// within a millionth, or half of its last digit if it has at least three behind the point.
pub(super) fn agrees(written: f64, computed: f64) -> bool {
    let text = format!("{written}");
    let decimals = text.split_once('.').map_or(0, |(_, digits)| digits.len());
    let last_digit = (0.1_f64).powi(i32::try_from(decimals.clamp(3, 15)).unwrap_or(15));
    // A little more than half: what was rounded is a float as well.
    let tolerance = (0.500_001 * last_digit).max(1e-6);
    (written - computed).abs() <= tolerance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_as_far_as_they_are_written() {
        let share = 0.982_345_678;
        for written in [share, 0.982_345_6, 0.982_3, 0.982] {
            assert!(agrees(written, share), "{written}");
        }
        for written in [0.9824, 0.983, 0.98, 1.0, 98.2345, f64::NAN] {
            assert!(!agrees(written, share), "{written}");
        }
        assert!(agrees(1.0, 1.0) && !agrees(1.0, 0.999));
    }
}

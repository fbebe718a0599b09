//! What predictions say of a change, in words.

use crate::metrics::{Finding, Incomparable, Significance, contradiction};
use crate::statistics::{Confidence, Interval};

/// What is said of a change in a cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EvidenceText {
    /// The interval, or why there is none.
    pub(crate) text: String,
    /// `significant` or `within noise`; empty where there is no interval.
    pub(crate) word: &'static str,
    /// What the word means.
    pub(crate) significance: Option<Significance>,
}

impl EvidenceText {
    /// Says it, with as many decimals as `delta` has; `None` where predictions say nothing.
    pub(crate) fn of(finding: Option<&Finding>, delta: &str) -> Option<Self> {
        let plain = |text: String| Self {
            text,
            word: "",
            significance: None,
        };
        let change = match finding? {
            Finding::Contradicted { side, computed } => {
                return Some(plain(contradicted(side, *computed)));
            }
            Finding::Backed(backed) => backed.change.as_ref()?,
        };
        let tested = match change {
            Ok(tested) => tested,
            Err(Incomparable::Contradicted { side, computed }) => {
                return Some(plain(contradicted(side, *computed)));
            }
            Err(_) => return Some(plain("not comparable".to_owned())),
        };
        let confidence = Confidence::default();
        let Some(Interval { low, high }) = tested.interval(confidence) else {
            return Some(plain("too few examples to tell".to_owned()));
        };
        let decimals = decimals(delta, [low, high]);
        let (low, high) = (signed(low, decimals), signed(high, decimals));
        let significance = tested.significance(confidence);
        Some(Self {
            text: format!("95 % CI [{low}, {high}]"),
            word: match significance {
                Significance::Better | Significance::Worse => "significant",
                Significance::Noise => "within noise",
            },
            significance: Some(significance),
        })
    }
}

fn contradicted(side: &str, computed: f64) -> String {
    contradiction(side, written(computed, 6))
}

/// As many digits behind the point as the difference has, or more, so that no end that is not 0 looks
/// like it.
fn decimals(delta: &str, ends: [f64; 2]) -> usize {
    let of_delta = delta.rsplit_once('.').map_or(4, |(_, digits)| digits.len());
    let looks_like_zero = |decimals: usize| {
        let hidden = |end: &f64| {
            let text = signed(*end, decimals);
            *end != 0.0 && text.chars().all(|digit| !('1'..='9').contains(&digit))
        };
        ends.iter().any(hidden)
    };
    (of_delta..12)
        .find(|decimals| !looks_like_zero(*decimals))
        .unwrap_or(of_delta)
}

/// Writes a number with its sign.
pub(crate) fn signed(number: f64, decimals: usize) -> String {
    let sign = if number < 0.0 { '−' } else { '+' };
    format!("{sign}{}", written(number.abs(), decimals))
}

fn written(number: f64, decimals: usize) -> String {
    format!("{number:.decimals$}")
}

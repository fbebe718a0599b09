//! What predictions say of a metric, as text and as JSON.

use serde_json::{Map, Value, json};

use crate::base::path::RepoPath;
use crate::cli::ui::style::{DIM, DONE, FAILED, paint};
use crate::cli::ui::table::Form;
use crate::metrics::{Backed, Backing, Finding, Incomparable, Significance};
use crate::statistics::{Confidence, Interval};

/// Returns what predictions mean for a change; `None` where they say nothing of it.
pub(crate) fn significance(finding: Option<&Finding>) -> Option<Significance> {
    match finding? {
        Finding::Backed(backed) => match backed.change.as_ref()? {
            Ok(tested) => Some(tested.significance(Confidence::default())),
            Err(_) => None,
        },
        Finding::Contradicted { .. } => None,
    }
}

/// Says in a cell of a table what predictions say of a change, with as many decimals as `delta`.
pub(crate) fn cell(finding: Option<&Finding>, delta: &str, form: Form) -> String {
    let Some(finding) = finding else {
        return String::new();
    };
    let change = match finding {
        Finding::Contradicted { side, computed } => {
            return format!("the predictions of {side} say {}", written(*computed, 6));
        }
        Finding::Backed(backed) => &backed.change,
    };
    let tested = match change {
        None => return String::new(),
        Some(Err(_)) => return "not comparable".to_owned(),
        Some(Ok(tested)) => tested,
    };
    let confidence = Confidence::default();
    let (word, style) = match tested.significance(confidence) {
        Significance::Better => ("significant", DONE),
        Significance::Worse => ("significant", FAILED),
        Significance::Noise => ("within noise", DIM),
    };
    let word = match form {
        Form::Text => paint(style, word),
        _ => word.to_owned(),
    };
    match tested.interval(confidence) {
        Some(Interval { low, high }) => {
            let decimals = decimals(delta, [low, high]);
            let (low, high) = (signed(low, decimals), signed(high, decimals));
            format!("95 % CI [{low}, {high}]  {word}")
        }
        None => "too few examples to tell".to_owned(),
    }
}

/// Says in a cell where a single value lies.
pub(crate) fn interval_cell(finding: Option<&Finding>) -> String {
    match finding {
        Some(Finding::Backed(backed)) => {
            let interval = backed
                .share
                .and_then(|share| share.interval(Confidence::default()));
            interval.map_or(String::new(), |Interval { low, high }| {
                format!("[{}, {}]", written(low, 4), written(high, 4))
            })
        }
        Some(contradicted) => cell(Some(contradicted), "", Form::Text),
        None => String::new(),
    }
}

/// Adds what predictions say of a change to its JSON.
pub(crate) fn add_json(finding: Option<&Finding>, entry: &mut Map<String, Value>) {
    match finding {
        None => {}
        Some(Finding::Contradicted { side, computed }) => {
            entry.insert(
                "contradicted".to_owned(),
                json!({"side": side, "predictions": computed}),
            );
        }
        Some(Finding::Backed(backed)) => add_change(backed, entry),
    }
}

fn add_change(backed: &Backed, entry: &mut Map<String, Value>) {
    let confidence = Confidence::default();
    let fields = match &backed.change {
        None => return,
        Some(Err(why)) => json!({"comparable": false, "reason": why.to_string()}),
        Some(Ok(tested)) => json!({
            "comparable": true,
            "confidence": confidence.share(),
            "interval": tested.interval(confidence).map(|interval| [interval.low, interval.high]),
            "p_value": tested.p_value(),
            "test": tested.test.name(),
            "n": tested.count,
            "significant": tested.significance(confidence) != Significance::Noise,
        }),
    };
    entry.extend(fields.as_object().cloned().unwrap_or_default());
}

/// Says why predictions cannot be compared, and what helps.
pub(crate) fn notes(backing: &Backing) -> String {
    let note = |(path, why): &(RepoPath, Incomparable)| {
        let hint = why
            .hint()
            .map_or(String::new(), |hint| format!("  hint: {hint}\n"));
        format!("note: `{path}` shows no significance: {why}\n{hint}")
    };
    backing.obstacles.iter().map(note).collect()
}

/// As many digits behind the point as the difference has, or more, so that no end that is not 0 looks
/// like it.
fn decimals(delta: &str, ends: [f64; 2]) -> usize {
    let of_delta = delta.rsplit_once('.').map_or(4, |(_, digits)| digits.len());
    let looks_like_zero = |decimals: usize| {
        let hidden = |end: &f64| {
            *end != 0.0
                && signed(*end, decimals)
                    .chars()
                    .all(|c| !('1'..='9').contains(&c))
        };
        ends.iter().any(hidden)
    };
    (of_delta..12)
        .find(|decimals| !looks_like_zero(*decimals))
        .unwrap_or(of_delta)
}

fn signed(number: f64, decimals: usize) -> String {
    let sign = if number < 0.0 { '−' } else { '+' };
    format!("{sign}{}", written(number.abs(), decimals))
}

fn written(number: f64, decimals: usize) -> String {
    format!("{number:.decimals$}")
}

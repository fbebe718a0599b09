//! What predictions say of a metric, as text and as JSON.

use serde_json::{Map, Value, json};

use crate::base::path::RepoPath;
use crate::cli::error::Exit;
use crate::cli::ui;
use crate::cli::ui::style::{DIM, DONE, FAILED, paint};
use crate::cli::ui::table::Form;
use crate::metrics::{Backed, Backing, Finding, Incomparable, Significance};
use crate::report::EvidenceText;
use crate::statistics::{Confidence, Interval};

/// Says in a cell of a table what predictions say of a change, with as many decimals as `delta`.
pub(crate) fn cell(finding: Option<&Finding>, delta: &str, form: Form) -> String {
    let Some(evidence) = EvidenceText::of(finding, delta) else {
        return String::new();
    };
    let style = match evidence.significance {
        Some(Significance::Better) => DONE,
        Some(Significance::Worse) => FAILED,
        Some(Significance::Noise) | None => DIM,
    };
    let EvidenceText { text, word, .. } = evidence;
    match form {
        _ if word.is_empty() => text,
        Form::Text => format!("{text}  {}", paint(style, word)),
        _ => format!("{text}  {word}"),
    }
}

/// Tells of files of predictions that could not be read, which changes the exit code.
pub(crate) fn tell_faults(backing: Backing, exit: Exit) -> Exit {
    let is_fine = backing.faults.is_empty();
    for fault in backing.faults {
        ui::eprint(&ui::diagnostics::render(&fault.into()));
    }
    if is_fine { exit } else { Exit::Error }
}

/// Says in a cell where a single value lies.
pub(crate) fn interval_cell(finding: Option<&Finding>) -> String {
    match finding {
        Some(Finding::Backed(backed)) => {
            let interval = backed
                .share
                .and_then(|share| share.interval(Confidence::default()));
            interval.map_or(String::new(), |Interval { low, high }| {
                format!("[{low:.4}, {high:.4}]")
            })
        }
        Some(contradicted) => cell(Some(contradicted), "", Form::Text),
        None => String::new(),
    }
}

/// Says for programs where a single value lies; `None` where nobody knows.
pub(crate) fn interval_json(finding: Option<&Finding>) -> Option<Value> {
    let Finding::Backed(backed) = finding? else {
        return None;
    };
    let (share, confidence) = (backed.share?, Confidence::default());
    let Interval { low, high } = share.interval(confidence)?;
    Some(json!({
        "confidence": confidence.share(),
        "interval": [low, high],
        "method": "Wilson",
        "n": share.count,
    }))
}

/// Adds what predictions say of a change to its JSON.
pub(crate) fn add_json(finding: Option<&Finding>, entry: &mut Map<String, Value>) {
    match finding {
        None => {}
        Some(Finding::Contradicted { side, computed }) => {
            add_contradiction(side, *computed, entry);
        }
        Some(Finding::Backed(backed)) => add_change(backed, entry),
    }
}

fn add_contradiction(side: &str, computed: f64, entry: &mut Map<String, Value>) {
    let contradiction = json!({"side": side, "predictions": computed});
    entry.insert("contradicted".to_owned(), contradiction);
}

fn add_change(backed: &Backed, entry: &mut Map<String, Value>) {
    let confidence = Confidence::default();
    let fields = match &backed.change {
        None => return,
        Some(Err(Incomparable::Contradicted { side, computed })) => {
            return add_contradiction(side, *computed, entry);
        }
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

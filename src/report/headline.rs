//! The verdict in one sentence: what a reader must know who reads nothing else.

use crate::base::value::Value;
use crate::metrics::{Backing, Difference, Finding, Significance};
use crate::report::evidence::{EvidenceText, signed};
use crate::report::model::{GateRow, Row};
use crate::statistics::{Confidence, Interval};

/// Returns the metric that people ask for first: the first accuracy, else the first number.
pub(crate) fn main_metric(metrics: &[Difference]) -> Option<&Difference> {
    let has_number = |one: &&Difference| one.new.as_ref().and_then(Value::as_number).is_some();
    let mut candidates = metrics.iter().filter(has_number);
    let main = candidates.clone().find(|one| is_accuracy(one));
    main.or_else(|| candidates.next())
}

/// Says how the main metric moved and how the gates were met.
pub(crate) fn headline(
    metrics: &[Difference],
    has_base: bool,
    backing: &Backing,
    gates: &[GateRow],
) -> String {
    let moved = main_metric(metrics).map_or_else(
        || "no metrics".to_owned(),
        |main| movement(main, has_base, backing.get(&main.path, &main.key)),
    );
    if gates.is_empty() {
        return moved;
    }
    format!("{moved} · {}", gates_text(gates))
}

fn movement(main: &Difference, has_base: bool, finding: Option<&Finding>) -> String {
    let row = Row::of_metric(main, None);
    let key = &main.key;
    match (has_base, main.delta()) {
        (true, Some(delta)) if delta != 0.0 => {
            let change = if is_accuracy(main) && is_share(main) {
                percentage_points(delta, finding)
            } else {
                in_words(row.delta.clone(), finding, &row.delta)
            };
            format!("{key} {} → {} ({change})", row.old, row.new)
        }
        (true, Some(_)) => format!("{key} {}, unchanged", row.new),
        (true, None) => format!("{key} {}, new", row.new),
        (false, _) => format!("{key} {}", row.new),
    }
}

fn gates_text(gates: &[GateRow]) -> String {
    let count = |verdict: &str| gates.iter().filter(|gate| gate.verdict == verdict).count();
    let (failed, warned) = (count("fail"), count("warn"));
    let all = gates.len();
    if failed > 0 {
        return format!("{failed} of {all} gates FAIL: {}", names(gates, "fail"));
    }
    let others = [
        (warned, "to look at"),
        (count("info"), "only told"),
        (count("incomparable"), "incomparable"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let others = others.map(|(count, word)| format!(", {count} {word}"));
    let passed = count("pass");
    format!("{passed} of {all} gates pass{}", others.collect::<String>())
}

/// Names the first gates of a verdict.
fn names(gates: &[GateRow], verdict: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for gate in gates.iter().filter(|gate| gate.verdict == verdict) {
        if !names.contains(&gate.metric.as_str()) {
            names.push(&gate.metric);
        }
    }
    let shown = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 3 {
        format!("{shown}, …")
    } else {
        shown
    }
}

fn is_accuracy(one: &Difference) -> bool {
    one.key.rsplit('.').next() == Some("accuracy")
}

/// Whether both sides are shares of one, so that their difference is in percentage points.
fn is_share(difference: &Difference) -> bool {
    let sides = [&difference.old, &difference.new];
    let mut numbers = sides.into_iter().flatten().filter_map(Value::as_number);
    numbers.all(|number| (0.0..=1.0).contains(&number))
}

/// A change of a share with its interval, all in percentage points.
fn percentage_points(delta: f64, finding: Option<&Finding>) -> String {
    let change = format!("{} pp", signed(delta * 100.0, 2));
    let Some(Finding::Backed(backed)) = finding else {
        return change;
    };
    let Some(Ok(tested)) = &backed.change else {
        return change;
    };
    let Some(Interval { low, high }) = tested.interval(Confidence::default()) else {
        return change;
    };
    let (low, high) = (signed(low * 100.0, 2), signed(high * 100.0, 2));
    let word = match tested.significance(Confidence::default()) {
        Significance::Noise => ", within noise",
        Significance::Better | Significance::Worse => "",
    };
    format!("{change}, 95 % CI {low} … {high}{word}")
}

/// A change with what predictions say of it.
fn in_words(change: String, finding: Option<&Finding>, delta: &str) -> String {
    match EvidenceText::of(finding, delta) {
        Some(evidence) if evidence.significance.is_some() => {
            format!("{change}, {} {}", evidence.text, evidence.word)
        }
        _ => change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gates_that_are_kept_pass() {
        let row = |verdict: &&str| GateRow {
            metric: "m".to_owned(),
            limit: String::new(),
            base: String::new(),
            here: String::new(),
            verdict: (*verdict).to_owned(),
            reason: String::new(),
        };
        let text = |verdicts: &[&str]| gates_text(&verdicts.iter().map(row).collect::<Vec<_>>());
        assert_eq!(text(&["pass", "pass"]), "2 of 2 gates pass");
        assert_eq!(
            text(&["pass", "info", "warn", "incomparable", "info"]),
            "1 of 5 gates pass, 1 to look at, 2 only told, 1 incomparable"
        );
        assert_eq!(text(&["pass", "info", "fail"]), "1 of 3 gates FAIL: m");
    }
}

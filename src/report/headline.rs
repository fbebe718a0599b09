//! The verdict in one sentence: what a reader must know who reads nothing else.

use crate::base::value::Value;
use crate::metrics::Difference;
use crate::report::model::{GateRow, Row};

/// Returns the metric that people ask for first: the first accuracy, else the first number.
pub(crate) fn main_metric(metrics: &[Difference]) -> Option<&Difference> {
    let has_number = |one: &&Difference| one.new.as_ref().and_then(Value::as_number).is_some();
    let mut candidates = metrics.iter().filter(has_number);
    let main = candidates.clone().find(is_accuracy);
    main.or_else(|| candidates.next())
}

/// Says how the main metric moved and how the gates were met.
pub(crate) fn headline(metrics: &[Difference], has_base: bool, gates: &[GateRow]) -> String {
    let moved = main_metric(metrics).map_or_else(
        || "no metrics".to_owned(),
        |main| movement(main, has_base),
    );
    if gates.is_empty() {
        return moved;
    }
    format!("{moved} · {}", gates_text(gates))
}

fn movement(main: &Difference, has_base: bool) -> String {
    let row = Row::of_metric(main, None);
    let key = &main.key;
    match (has_base, main.delta()) {
        (true, Some(delta)) if delta != 0.0 => {
            let share = if is_accuracy(&main) && is_share(main) {
                percentage_points(delta)
            } else {
                row.delta
            };
            format!("{key} {} → {} ({share})", row.old, row.new)
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
    match (failed, warned) {
        (0, 0) => format!("{all} of {all} gates pass"),
        (0, warned) => format!("{} of {all} gates pass, {warned} to look at", all - warned),
        (failed, _) => format!("{failed} of {all} gates FAIL: {}", names(gates, "fail")),
    }
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

fn is_accuracy(one: &&Difference) -> bool {
    one.key.rsplit('.').next() == Some("accuracy")
}

/// Whether both sides are shares of one, so that their difference is in percentage points.
fn is_share(difference: &Difference) -> bool {
    let sides = [&difference.old, &difference.new];
    let mut numbers = sides.into_iter().flatten().filter_map(Value::as_number);
    numbers.all(|number| (0.0..=1.0).contains(&number))
}

fn percentage_points(delta: f64) -> String {
    let sign = if delta < 0.0 { '−' } else { '+' };
    format!("{sign}{:.2} pp", delta.abs() * 100.0)
}

//! Reads the JSON of a report that somebody else made, as the job of a fork: data to show, in which
//! nothing is believed that could be more than text.

use crate::report::build::{charts, reproduce};
use crate::report::mermaid::{OUTCOME_CLASSES, is_short};
use crate::report::model::Report;
use crate::report::trend::{Trend, sparkline};

/// The most bytes that a report may have.
const LONGEST: usize = 4 << 20;

/// The most characters of one text, and the most items of one list.
const LONGEST_TEXT: usize = 20_000;
const LONGEST_LIST: usize = 10_000;

/// Why a report is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is larger than any of ours.
    #[error("the report is larger than any that mlpipe writes: {0}")]
    TooLarge(&'static str),
    /// It is no JSON, or has other fields.
    #[error("the report is not what `mlpipe report --json` prints")]
    NoReport(#[from] serde_json::Error),
    /// A field says what it never says.
    #[error("the report has no meaning: {0}")]
    Senseless(&'static str),
}

/// Reads a report. What our templates write as it is, and not escaped, is made anew from what they
/// escape, or left out.
pub(crate) fn read_report(bytes: &[u8]) -> Result<Report, Unreadable> {
    if bytes.len() > LONGEST {
        return Err(Unreadable::TooLarge("its file"));
    }
    let value: serde_json::Value = serde_json::from_slice(bytes)?;
    measure(&value)?;
    let mut report: Report = serde_json::from_value(value)?;
    if !["pass", "warn", "fail", "none"].contains(&report.verdict.as_ref()) {
        return Err(Unreadable::Senseless("its verdict is none of ours"));
    }
    let base = report.base.as_ref().map(|base| &base.commit);
    if !report
        .head
        .iter()
        .chain(base)
        .all(|commit| is_commit(commit))
    {
        return Err(Unreadable::Senseless("a commit is no hash"));
    }
    for trend in &mut report.trends {
        check_trend(trend)?;
        trend.sparkline = sparkline(&trend.values);
    }
    report.reproduce = reproduce(report.head.as_deref());
    report.charts = charts(&report.trends);
    if !is_flowchart(&report.graph) {
        report.graph.clear();
    }
    Ok(report)
}

fn measure(value: &serde_json::Value) -> Result<(), Unreadable> {
    use serde_json::Value::{Array, Object, String};
    match value {
        String(text) if text.chars().count() > LONGEST_TEXT => Err(Unreadable::TooLarge("a text")),
        Array(items) if items.len() > LONGEST_LIST => Err(Unreadable::TooLarge("a list")),
        Array(items) => items.iter().try_for_each(measure),
        Object(fields) => fields.values().try_for_each(measure),
        _ => Ok(()),
    }
}

fn is_commit(text: &str) -> bool {
    (4..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn check_trend(trend: &Trend) -> Result<(), Unreadable> {
    let is_whole = trend.commits.len() == trend.values.len();
    if !is_whole || !trend.commits.iter().all(|commit| is_commit(commit)) {
        return Err(Unreadable::Senseless("a trend is not of commits"));
    }
    Ok(())
}

/// Returns whether a text is what [`crate::report::flowchart`] writes: stages and arrows, no links, no
/// directives, and nothing that ends its block.
fn is_flowchart(text: &str) -> bool {
    let Some(lines) = text.strip_suffix(OUTCOME_CLASSES) else {
        return text.is_empty();
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_stage = |text: &str| text.strip_prefix('s').is_some_and(is_number);
    let is_arrow = |line: &str| {
        let ends = line.split_once(" --> ");
        ends.is_some_and(|(from, to)| is_stage(from) && is_stage(to))
    };
    let is_box = |line: &str| {
        let Some((stage, rest)) = line.split_once("[\"") else {
            return false;
        };
        let Some((label, class)) = rest.split_once("\"]") else {
            return false;
        };
        let classes = ["", ":::ran", ":::restored", ":::failed", ":::unchanged"];
        let is_plain = |character: char| !character.is_control() && !"\"`<>\\%".contains(character);
        is_stage(stage) && label.chars().all(is_plain) && classes.contains(&class)
    };
    let mut lines = lines.lines();
    lines.next() == Some("flowchart LR")
        && is_short(text)
        && lines.all(|line| {
            let line = line.strip_prefix("  ").unwrap_or_default();
            is_arrow(line) || is_box(line)
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::report::Dialect;
    use crate::report::{Templates, render};

    fn sound() -> Value {
        json!({
            "verdict": "pass", "headline": "accuracy 0.98", "head": "abc1234", "base": null,
            "gates": [], "metrics": [], "unchanged_metrics": 0, "same": [], "params": [],
            "data": [], "code": [], "models": [], "stages": [], "run": "",
            "trends": [{"path": "m.json", "key": "accuracy", "commits": ["abc1", "abc2", "abc3"],
                "values": [0.5, null, 0.7], "sparkline": "](evil)"}],
            "confusions": [], "graph": "", "charts": [{"title": "x", "mermaid": "```\n# evil"}],
            "reproduce": "`rm -rf /`", "notes": [], "left_out": [],
        })
    }

    fn read(value: &Value) -> Result<Report, Unreadable> {
        read_report(value.to_string().as_bytes())
    }

    #[test]
    fn what_is_not_escaped_is_made_anew() {
        let report = read(&sound()).expect("sound");
        assert_eq!(report.trends[0].sparkline, "▁·█");
        assert_eq!(
            report.reproduce,
            "git switch --detach abc1234 && mlpipe repro"
        );
        let text = render(&report, &Templates::default(), Dialect::Github).expect("renders");
        assert!(!text.contains("evil") && !text.contains("rm -rf"), "{text}");
    }

    #[test]
    fn other_fields_and_other_words_are_refused() {
        for (key, value) in [
            ("extra", json!(1)),
            ("verdict", json!("best")),
            ("head", json!("main; rm -rf /")),
            ("base", json!({"name": "main", "commit": "<b>"})),
            ("metrics", json!([{"path": "m.json"}])),
            ("notes", json!(["x".repeat(LONGEST_TEXT + 1)])),
            ("left_out", json!(vec!["x"; LONGEST_LIST + 1])),
            (
                "trends",
                json!([{"path": "", "key": "", "commits": [], "values": [1.0], "sparkline": ""}]),
            ),
        ] {
            let mut report = sound();
            report[key] = value;
            assert!(read(&report).is_err(), "{key}");
        }
        assert!(read_report(b"{").is_err());
        assert!(read_report(&vec![b' '; LONGEST + 1]).is_err());
    }

    #[test]
    fn only_our_flowcharts_are_drawn() {
        let chart = |lines: &str| format!("flowchart LR\n{lines}{OUTCOME_CLASSES}");
        assert!(is_flowchart(""));
        assert!(is_flowchart(&chart(
            "  s0[\"a#quot;b\"]:::ran\n  s1[\"b\"]\n  s0 --> s1\n"
        )));
        for lines in [
            "  click s0 \"https://evil.example\"\n",
            "  s0[\"a`b\"]\n",
            "  s0[\"a\"] --> s1\n",
            "```\n",
            "%%{init: {}}%%\n",
            "  s0[\"<img src=x>\"]\n",
            "  s0[\"a\"]:::evil\n",
        ] {
            assert!(!is_flowchart(&chart(lines)), "{lines}");
        }
        assert!(!is_flowchart("pie\n"));
    }
}

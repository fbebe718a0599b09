//! What a checkup found, as a table and as JSON.

use serde_json::json;

use crate::base::human;
use crate::base::shown::Shown;
use crate::cli::ui::style::{CHANGED, DIM, DONE, FAILED, paint};
use crate::cli::ui::table::{Column, aligned};
use crate::doctor::{Finding, State, Topic};

/// All that was found.
pub(crate) struct Checkup {
    findings: Vec<Finding>,
}

impl Checkup {
    /// Takes what was found, in its order.
    pub(crate) fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// Returns how bad the worst of it is.
    pub(crate) fn worst(&self) -> State {
        let states = self.findings.iter().map(|finding| finding.state);
        states.max().unwrap_or(State::Fine)
    }

    /// Writes the findings as JSON.
    pub(crate) fn json(&self) -> String {
        let report = json!({
            "verdict": self.worst(),
            "warnings": self.count(State::Warning),
            "failures": self.count(State::Failure),
            "checks": self.findings,
        });
        format!("{report:#}\n")
    }

    /// Writes a line for each finding, and below what to do; or only of those that will go wrong.
    pub(crate) fn table(&self, only_failures: bool) -> String {
        let is_told = |finding: &&Finding| !only_failures || finding.state == State::Failure;
        let told: Vec<&Finding> = self.findings.iter().filter(is_told).collect();
        if told.is_empty() {
            return String::new();
        }
        let column = |name| Column {
            name,
            is_number: false,
        };
        let columns = [
            column(""),
            column("topic"),
            column("check"),
            column("found"),
        ];
        let mut last: Option<Topic> = None;
        let rows = told.iter().map(|finding| {
            let topic = if last.replace(finding.topic) == Some(finding.topic) {
                ""
            } else {
                finding.topic.as_str()
            };
            vec![
                mark(finding.state).to_owned(),
                topic.to_owned(),
                Shown(&finding.name).to_string(),
                Shown(&finding.found).to_string(),
            ]
        });
        let rows: Vec<Vec<String>> = rows.collect();
        let table = coloured(&aligned(&columns, &rows));
        format!("{table}{}{}", hints(&told), self.summary())
    }

    fn summary(&self) -> String {
        let (failures, warnings) = (self.count(State::Failure), self.count(State::Warning));
        let mut parts = Vec::new();
        if failures > 0 {
            parts.push(paint(FAILED, &human::count(failures, "failure")));
        }
        if warnings > 0 {
            parts.push(paint(CHANGED, &human::count(warnings, "warning")));
        }
        if parts.is_empty() {
            parts.push(paint(DONE, "all is well"));
        }
        format!("\n{}\n", parts.join(", "))
    }

    fn count(&self, state: State) -> usize {
        let those = self
            .findings
            .iter()
            .filter(|finding| finding.state == state);
        those.count()
    }
}

fn mark(state: State) -> &'static str {
    match state {
        State::Fine => "✔",
        State::Note => "·",
        State::Warning => "!",
        State::Failure => "✘",
    }
}

/// Colours the mark at the beginning of each line; done last, for colours take no room.
fn coloured(text: &str) -> String {
    let styles = [
        (State::Fine, DONE),
        (State::Note, DIM),
        (State::Warning, CHANGED),
        (State::Failure, FAILED),
    ];
    let colour = |line: &str| {
        let rest = |state| line.strip_prefix(mark(state));
        let found = styles.iter().find_map(|(state, style)| {
            Some(format!("{}{}", paint(*style, mark(*state)), rest(*state)?))
        });
        found.unwrap_or_else(|| line.to_owned()) + "\n"
    };
    text.lines().map(colour).collect()
}

/// Says what to do, the worst first.
fn hints(findings: &[&Finding]) -> String {
    let mut advised: Vec<(&Finding, &str)> = findings
        .iter()
        .filter_map(|finding| Some((*finding, finding.hint.as_deref()?)))
        .collect();
    advised.sort_by_key(|(finding, _)| std::cmp::Reverse(finding.state));
    let line = |(finding, hint): &(&Finding, &str)| {
        let name = Shown(&finding.name);
        format!("{} {name}: {hint}\n", mark(finding.state))
    };
    let lines: String = advised.iter().map(line).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("\n{}", coloured(&lines))
    }
}

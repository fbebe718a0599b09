//! What came of gates, as a table, as markdown and as JSON.

use serde_json::json;

use crate::base::human;
use crate::base::shown::Shown;
use crate::base::value::Value;
use crate::cli::ui::style::{CHANGED, DONE, FAILED, paint};
use crate::cli::ui::table::{Column, Fitting, Form, fitted, markdown, unbounded, widest};
use crate::cli::ui::value_json;
use crate::metrics::{Effect, Judgement, NumberPair, show_value};

/// All that was judged.
pub(crate) struct Verdicts<'a> {
    /// What the base is called; `None` where there is none.
    pub(crate) base: Option<&'a str>,
    /// The base's commit, shortened.
    pub(crate) commit: Option<String>,
    /// What came of each gate.
    pub(crate) judgements: Vec<Judgement>,
    /// What was in the way.
    pub(crate) notes: Vec<String>,
    /// Files here that could not be read, or are not there.
    pub(crate) errors: Vec<String>,
}

impl Verdicts<'_> {
    /// Writes only what failed; nothing where nothing did.
    pub(crate) fn failures(&self, form: Form) -> String {
        let failed = |one: &&Judgement| one.effect == Effect::Fail;
        let failed: Vec<&Judgement> = self.judgements.iter().filter(failed).collect();
        if failed.is_empty() {
            return String::new();
        }
        self.rows(&failed, form) + &self.summary(form) + "\n"
    }

    /// Writes a row for each gate, and what they come to.
    pub(crate) fn table(&self, form: Form) -> String {
        let all: Vec<&Judgement> = self.judgements.iter().collect();
        let mut text = format!("{}{}\n", self.rows(&all, form), self.summary(form));
        for note in &self.notes {
            text += &match form {
                Form::Markdown => format!("\nNote: {}\n", crate::report::escape(note)),
                _ => format!("note: {}\n", Shown(note)),
            };
        }
        text
    }

    fn rows(&self, judgements: &[&Judgement], form: Form) -> String {
        let column = |name, is_number| Column { name, is_number };
        let mut columns = vec![
            column("gate", false),
            column("limit", false),
            column(self.base.unwrap_or("base"), true),
            column("here", true),
            column("change", true),
            column("verdict", false),
        ];
        if form == Form::Markdown {
            columns.push(column("why", false));
        }
        let rows = |place| -> Vec<Vec<String>> {
            let words = judgements.iter().map(|one| one.verdict.word().len());
            let width = words.max().unwrap_or(0);
            judgements
                .iter()
                .map(|one| row(one, place, width))
                .collect()
        };
        if judgements.is_empty() {
            return String::new();
        }
        if form == Form::Markdown {
            return markdown(&columns, &rows(Reason::Apart)) + "\n";
        }
        let table = unbounded(&columns, &rows(Reason::Beside));
        match super::width_of_terminal() {
            Some(width) if widest(&table) > width => {
                columns.push(column("why", false));
                fitted(&Fitting {
                    columns: &columns,
                    rows: &rows(Reason::Below),
                    shares_first: false,
                    ends_with_notes: true,
                })
            }
            _ => table,
        }
    }

    /// Says how many gates came out how, and against what.
    fn summary(&self, form: Form) -> String {
        let count = |effect| {
            let those = self.judgements.iter().filter(|one| one.effect == effect);
            those.count()
        };
        let parts = [
            (count(Effect::Fail), "failed"),
            (count(Effect::Warn), "to look at"),
            (count(Effect::Info), "only told"),
            (count(Effect::None), "passed"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let base = match (self.base, &self.commit) {
            (Some(base), Some(commit)) => {
                let base = match form {
                    Form::Markdown => crate::report::escape(base),
                    _ => Shown(base).to_string(),
                };
                format!(" · against {base} @ {commit}")
            }
            _ => " · without a base".to_owned(),
        };
        let gates = human::count(self.judgements.len(), "gate");
        format!("{gates}: {}{base}", parts.join(", "))
    }

    /// Writes the same for programs.
    pub(crate) fn json(&self) -> String {
        let value = |value: &Option<Value>| value.as_ref().map_or(json!(null), value_json);
        let gates = self.judgements.iter().map(|one| {
            json!({
                "gate": one.gate,
                "file": one.file.as_ref().map(ToString::to_string),
                "key": one.key,
                "checked": one.checked,
                "limit": one.limit,
                "level": one.level,
                "base": value(&one.base),
                "here": value(&one.here),
                "change": one.change.filter(|change| change.is_finite()),
                "verdict": one.verdict,
                "effect": one.effect,
                "reason": one.reason,
            })
        });
        let base = self
            .base
            .map(|name| json!({"name": name, "commit": self.commit}));
        let failed = self.judgements.iter().any(|one| one.effect == Effect::Fail);
        let all = json!({
            "passed": !failed && self.errors.is_empty(),
            "base": base,
            "gates": gates.collect::<Vec<_>>(),
            "notes": self.notes,
            "errors": self.errors,
        });
        format!("{all:#}\n")
    }
}

/// Where the reason of a verdict stands.
#[derive(Clone, Copy, PartialEq)]
enum Reason {
    /// In the cell of the verdict, for colours take room in any but the last.
    Beside,
    /// On a line of its own, with the key that it is about.
    Below,
    /// In a cell of its own, without colours.
    Apart,
}

/// Makes the row of a gate; beside its reason the verdict's word takes `width`.
fn row(one: &Judgement, place: Reason, width: usize) -> Vec<String> {
    let key = one.key.as_ref().filter(|_| one.checked > 1);
    let gate = match key {
        Some(key) if place != Reason::Below => format!("{} ({key})", one.gate),
        _ => one.gate.clone(),
    };
    let [old, new, change] = numbers(one);
    let cells = [gate, one.limit.clone(), old, new, change];
    let cells = cells.iter().map(|cell| Shown(cell).to_string());
    let (word, reason) = (one.verdict.word(), Shown(&one.reason));
    let style = match one.effect {
        Effect::None => DONE,
        Effect::Info | Effect::Warn => CHANGED,
        Effect::Fail => FAILED,
    };
    let last = match (place, key) {
        (Reason::Apart, _) => vec![word.to_owned(), reason.to_string()],
        (Reason::Below, Some(key)) => vec![paint(style, word), format!("{}: {reason}", Shown(key))],
        (Reason::Below, None) => vec![paint(style, word), reason.to_string()],
        (Reason::Beside, _) => vec![format!(
            "{}   {reason}",
            paint(style, &format!("{word:width$}"))
        )],
    };
    cells.chain(last).collect()
}

/// Writes the base's value, the value here and, of numbers, the change.
fn numbers(one: &Judgement) -> [String; 3] {
    if let Some(pair) = NumberPair::of(one.base.as_ref(), one.here.as_ref(), None) {
        return [pair.old, pair.new, pair.delta];
    }
    let show = |value: &Option<Value>| match value {
        Some(value) => show_value(value, None),
        None => "–".to_owned(),
    };
    [show(&one.base), show(&one.here), String::new()]
}

//! Makes a report fit into what one comment of a forge holds: the least important parts go first,
//! and the report says which.

use crate::base::problem::Problem;
use crate::report::dialect::Budget;
use crate::report::model::Report;

/// A part that can be left out: its name, and how. Returns whether there was anything to leave out.
type Part = (&'static str, fn(&mut Report) -> bool);

/// The parts, least important first. Verdict, gates and the names of changed metrics always stay.
const PARTS: &[Part] = &[
    ("charts", |report| drop_all(&mut report.charts)),
    ("unchanged metrics", |report| drop_all(&mut report.same)),
    ("the graph", |report| drop_text(&mut report.graph)),
    ("confusion matrices", |report| {
        let rows = |table: &mut super::ConfusionTable| drop_all(&mut table.rows);
        any(report.confusions.iter_mut().map(rows))
    }),
    ("names of data files", |report| {
        let names = |data: &mut super::DataChange| drop_all(&mut data.examples);
        any(report.data.iter_mut().map(names))
    }),
    ("tables by class", |report| drop_all(&mut report.confusions)),
    ("files of code", |report| {
        let files = |code: &mut super::CodeChange| drop_all(&mut code.files);
        any(report.code.iter_mut().map(files))
    }),
    ("shapes of models", |report| drop_all(&mut report.models)),
    ("stages", |report| drop_all(&mut report.stages)),
    ("code", |report| drop_all(&mut report.code)),
    ("data", |report| drop_all(&mut report.data)),
    ("most params", |report| halve(&mut report.params)),
    ("most metrics", |report| halve(&mut report.metrics)),
    ("most params", |report| cut(&mut report.params, 20)),
    ("most metrics", |report| cut(&mut report.metrics, 20)),
    ("most notes", |report| cut(&mut report.notes, 5)),
    ("most gates", |report| cut(&mut report.gates, 40)),
    ("most gates", |report| cut(&mut report.gates, 10)),
];

/// Puts what matters most first, so that it is not what is cut.
fn sort_by_weight(report: &mut Report) {
    report
        .gates
        .sort_by_key(|gate| match gate.verdict.as_str() {
            "fail" => 0,
            "warn" => 1,
            "pass" => 3,
            _ => 2,
        });
    report.metrics.sort_by_key(|row| {
        let is_proven = row.significance == "significant";
        (!is_proven, row.verdict != "worse", row.verdict.is_empty())
    });
}

/// Renders the report so that it is within the budget; what is left out of it is gone. Where no more can be left out, as with a
/// template of the user's own, the text ends where the budget does.
pub(crate) fn fit(
    report: &mut Report,
    budget: Budget,
    render: impl Fn(&Report) -> Result<String, Problem>,
) -> Result<String, Problem> {
    let mut text = render(report)?;
    if !budget.holds(&text) {
        sort_by_weight(report);
    }
    for (name, leave_out) in PARTS {
        if budget.holds(&text) {
            return Ok(text);
        }
        if leave_out(report) {
            if !report.left_out.iter().any(|known| known == name) {
                report.left_out.push((*name).to_owned());
            }
            text = render(report)?;
        }
    }
    Ok(if budget.holds(&text) {
        text
    } else {
        cut_off(&text, budget)
    })
}

const CUT_NOTE: &str = "\n\nThe rest is too long for a comment.\n";

/// Room for what closes a block that is cut in the middle.
const CLOSING: usize = 200;

/// Cuts at the end of the last line that fits, and closes what is open there.
pub(crate) fn cut_off(text: &str, budget: Budget) -> String {
    let room = Budget {
        characters: budget.characters.saturating_sub(CUT_NOTE.len() + CLOSING),
        bytes: budget.bytes.saturating_sub(CUT_NOTE.len() + CLOSING),
    };
    let (mut characters, mut bytes) = (0, 0);
    let fits = |line: &&str| {
        characters += line.chars().count();
        bytes += line.len();
        characters <= room.characters && bytes <= room.bytes
    };
    let kept: String = text.split_inclusive('\n').take_while(fits).collect();
    let kept = kept.trim_end();
    let fences = kept.lines().filter(|line| line.starts_with("```"));
    let fence = if fences.count() % 2 == 1 { "\n```" } else { "" };
    let open = kept.matches("<details>").count();
    let closed = kept.matches("</details>").count();
    let details = "\n\n</details>".repeat(open.saturating_sub(closed).min(8));
    format!("{kept}{fence}{details}{CUT_NOTE}")
}

fn drop_all<T>(items: &mut Vec<T>) -> bool {
    let had_any = !items.is_empty();
    items.clear();
    had_any
}

fn drop_text(text: &mut String) -> bool {
    let had_any = !text.is_empty();
    text.clear();
    had_any
}

fn cut<T>(items: &mut Vec<T>, most: usize) -> bool {
    let has_more = items.len() > most;
    items.truncate(most);
    has_more
}

fn halve<T>(items: &mut Vec<T>) -> bool {
    let half = items.len() / 2;
    cut(items, half.max(20))
}

/// Goes through all of them, unlike `Iterator::any`.
fn any(done: impl Iterator<Item = bool>) -> bool {
    done.fold(false, |some, one| some | one)
}

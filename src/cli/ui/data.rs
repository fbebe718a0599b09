//! What became of tracked data, as lines and as JSON.

use serde_json::{Value, json};

use crate::base::human;
use crate::cli::error::explain_checkout;
use crate::cli::ui::diagnostics;
use crate::cli::ui::style::{CHANGED, DIM, DONE, paint};
use crate::data::{Added, Addition, CheckedOut, Outcome, State, Tracked};
use crate::pipeline::Content;

/// Up to how many unchanged paths are listed by name.
const FEW: usize = 12;

/// Writes a line a path that was recorded.
pub(crate) fn added(all: &[Added]) -> String {
    let unchanged = |added: &&Added| added.addition == Addition::Unchanged;
    let hidden = all.iter().filter(unchanged).count();
    let is_long = hidden > FEW;
    let shown = all.iter().filter(|added| !is_long || !unchanged(added));
    let width = width(shown.clone().map(|added| added.path.as_str()));
    let mut text = String::new();
    for Added {
        path,
        content,
        addition,
    } in shown
    {
        let word = format!("{:9}", word(*addition));
        let word = match addition {
            Addition::Unchanged => paint(DIM, &word),
            _ => paint(DONE, &word),
        };
        let path = path.as_str();
        text += &format!("{path:width$}  {word}  {}\n", amount(content));
    }
    if is_long {
        text += &format!("{} unchanged\n", human::count(hidden, "path"));
    }
    text
}

/// Writes what was recorded.
pub(crate) fn added_json(all: &[Added]) -> String {
    let values: Vec<Value> = all.iter().map(added_value).collect();
    format!("{:#}\n", json!(values))
}

/// Writes what was recorded as an event of a longer listing.
pub(crate) fn added_event(added: &Added) -> String {
    let mut value = added_value(added);
    value["event"] = "data".into();
    format!("{value}\n")
}

fn added_value(added: &Added) -> Value {
    let Added {
        path,
        content,
        addition,
    } = added;
    json!({
        "path": path,
        "outcome": word(*addition),
        "sha256": content.sha256,
        "size": content.size,
        "files": content.files,
    })
}

fn word(addition: Addition) -> &'static str {
    match addition {
        Addition::Added => "added",
        Addition::Updated => "updated",
        Addition::Saved => "saved",
        Addition::Unchanged => "unchanged",
    }
}

/// Writes how much content is.
pub(crate) fn amount(content: &Content) -> String {
    let size = human::size(content.size);
    match content.files {
        None => size,
        Some(files) => {
            let files = usize::try_from(files).unwrap_or(usize::MAX);
            format!("{}, {size}", human::count(files, "file"))
        }
    }
}

/// Writes what became of checked-out paths: a line for each that is well, then the errors.
pub(crate) fn checked_out(all: &[CheckedOut], quiet: bool) -> String {
    let is_same = |one: &&CheckedOut| matches!(one.outcome, Outcome::Unchanged);
    let unchanged = all.iter().filter(is_same).count();
    let is_long = unchanged > FEW;
    let width = width(all.iter().map(|one| one.path.as_str()));
    let mut text = String::new();
    for one in all.iter().filter(|one| !quiet && one.outcome.is_success()) {
        if !is_long || !is_same(&one) {
            let how = how(&one.outcome);
            text += &format!("{:width$}  {how}\n", one.path.as_str());
        }
    }
    if is_long && !quiet {
        let count = human::thousands(unchanged);
        text += &format!("{count} tracked paths unchanged\n");
    }
    for kept in all.iter().filter_map(|one| one.kept.as_ref()) {
        let (path, to) = (&kept.path, &kept.to);
        text += &format!("what was in no cache of {path} is kept as {to}\n");
    }
    for one in all {
        if let Some(error) = explain_checkout(one.path.as_str(), &one.outcome) {
            text += &diagnostics::render(&error);
        }
    }
    text
}

/// Writes what became of a checked-out path as an event.
pub(crate) fn checked_out_event(one: &CheckedOut) -> String {
    let mut value = json!({
        "event": "data",
        "path": one.path,
        "outcome": how(&one.outcome),
    });
    match &one.outcome {
        Outcome::Refused { files } | Outcome::Lost { files, .. } => value["files"] = json!(files),
        Outcome::Failed(error) => value["error"] = error.to_string().into(),
        _ => {}
    }
    if let Some(kept) = &one.kept {
        value["kept"] = json!(kept.to);
    }
    format!("{value}\n")
}

fn how(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Unchanged => "unchanged",
        Outcome::Relinked => "relinked",
        Outcome::Restored => "restored",
        Outcome::Replaced => "replaced",
        Outcome::Refused { .. } => "refused",
        Outcome::Lost { .. } => "not in the cache",
        Outcome::Failed(_) => "failed",
    }
}

/// Writes a line a tracked path that is not as recorded, and what to do about it.
pub(crate) fn status(all: &[Tracked]) -> String {
    let mut text = String::new();
    for Tracked { path, state, .. } in all {
        let todo = match state {
            State::Clean => continue,
            State::Unsaved => format!("`mlpipe add {path}` puts it there"),
            State::Modified => {
                format!("`mlpipe add {path}` records it, `mlpipe checkout {path}` takes it back")
            }
            State::Deleted => {
                format!(
                    "`mlpipe checkout {path}` brings it back, `mlpipe remove {path}` forgets it"
                )
            }
            State::Lost => "fetch it from where it was added".to_owned(),
        };
        let name = paint(CHANGED, path.as_str());
        text += &format!("{name} is {}\n  {todo}\n", state.words());
    }
    text
}

/// Writes the tracked paths that are not as recorded.
pub(crate) fn status_values(all: &[Tracked]) -> Vec<Value> {
    let changed = all.iter().filter(|one| one.state != State::Clean);
    changed
        .map(|one| json!({"data": one.path, "state": one.state.words()}))
        .collect()
}

fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names
        .map(|name| name.chars().count())
        .max()
        .unwrap_or_default()
}

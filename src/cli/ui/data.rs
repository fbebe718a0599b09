//! What became of tracked data, as lines and as JSON.

use serde_json::{Value, json};

use crate::base::human;
use crate::base::path::RepoPath;
use crate::cli::error::{explain_checkout, explain_failed_data, explain_unreadable};
use crate::cli::ui::diagnostics;
use crate::cli::ui::style::{CHANGED, DIM, DONE, FAILED, paint};
use crate::data::{
    Added, Addition, CheckedOut, Departure, Fate, Outcome, Reason, State, Tracked, Unmerged,
};
use crate::pipeline::{Content, LOCK_FILE};

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
        ..
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

/// Writes what is to be known of recorded paths: what the cache has lost because files were edited
/// through their links into it, and which files other file systems would not keep apart.
pub(crate) fn warnings(all: &[Added]) -> String {
    let mut text = String::new();
    let title = paint(CHANGED, "warning");
    let alike = |added: &Added| Some((added.path.clone(), added.alike.clone()?));
    for (path, [one, other]) in all.iter().filter_map(alike) {
        text += &format!(
            "{title}: {one} and {other} differ only in capitals: macOS and Windows keep one of them\n  \
             rename it, then `mlpipe add {path}`\n"
        );
    }
    for added in all.iter().filter(|added| !added.dropped.is_empty()) {
        let count = human::count(added.dropped.len(), "file");
        let (path, names) = (&added.path, human::first_of(&added.dropped));
        text += &format!(
            "{title}: {path} is recorded without {count} that nobody here has: {names}\n  \
             `git checkout data.lock` and `mlpipe pull {path}` bring back what was pushed\n"
        );
    }
    for added in all.iter().filter(|added| !added.written_over.is_empty()) {
        let (path, names) = (&added.path, human::first_of(&added.written_over));
        text += &format!(
            "{title}: {names} was edited through its link into the cache, which has lost the bytes \
             recorded before\n  commits that need them find them only in another copy; \
             `mlpipe unprotect {path}` before the next edit\n"
        );
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
        written_over,
        alike,
        dropped,
    } = added;
    let mut value = json!({
        "path": path,
        "outcome": word(*addition),
        "sha256": content.sha256,
        "size": content.size,
        "files": content.files,
    });
    if !written_over.is_empty() {
        value["written_over"] = json!(written_over);
    }
    if let Some(alike) = alike {
        value["alike"] = json!(alike);
    }
    if !dropped.is_empty() {
        value["dropped"] = json!(dropped);
    }
    value
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
        Outcome::Refused { files, .. } | Outcome::Lost { files, .. } => {
            value["files"] = json!(files);
        }
        Outcome::Failed(error) => value["error"] = error.to_string().into(),
        _ => {}
    }
    if let Some(kept) = &one.kept {
        value["kept"] = json!(kept.to);
    }
    format!("{value}\n")
}

/// Writes a line for what was tracked before git moved on, and is not tracked now.
pub(crate) fn departures(all: &[Departure], quiet: bool) -> String {
    let width = width(all.iter().map(|one| one.path.as_str()));
    let mut text = String::new();
    for Departure { path, fate } in all {
        let why = match fate {
            Fate::Failed(error) => {
                text += &diagnostics::render(&explain_failed_data(error));
                continue;
            }
            _ if quiet => continue,
            Fate::Removed => "not tracked here; the cache has it".to_owned(),
            Fate::Stays(reason) => format!("not tracked here, but {}", objection(path, reason)),
        };
        let name = path.as_str();
        text += &format!("{name:width$}  {} ({why})\n", fate_word(fate));
    }
    text
}

/// Says why something stays, and what to do about it.
fn objection(path: &RepoPath, reason: &Reason) -> String {
    match reason {
        Reason::Changed => format!(
            "it is not what was recorded: `mlpipe add {path}` tracks it here, else it is yours to delete"
        ),
        Reason::Unsaved => format!(
            "the cache lacks some of it: `mlpipe add {path}` saves it, else it is yours to delete"
        ),
        Reason::Company => {
            "there are files in it that are no data: move them, or delete it with them".to_owned()
        }
        Reason::Links(links) => format!(
            "{} is a link of yours, which is yours to delete",
            human::first_of(links),
        ),
        Reason::Unreadable(error) => format!("it cannot be measured: {error}"),
    }
}

/// Writes what became of such a path as an event.
pub(crate) fn departure_event(Departure { path, fate }: &Departure) -> String {
    let mut value = json!({"event": "data", "path": path, "outcome": fate_word(fate)});
    if let Fate::Stays(reason) = fate {
        value["reason"] = match reason {
            Reason::Changed => "changed",
            Reason::Unsaved => "not in the cache",
            Reason::Company => "has files that are no data",
            Reason::Links(_) => "links",
            Reason::Unreadable(_) => "unreadable",
        }
        .into();
    }
    format!("{value}\n")
}

fn fate_word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Removed => "removed",
        Fate::Stays(_) => "stays",
        Fate::Failed(_) => "failed",
    }
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

/// Writes that git waits for an answer.
pub(crate) fn unmerged(Unmerged { data }: &Unmerged) -> String {
    let data: Vec<&str> = data.iter().map(RepoPath::as_str).collect();
    let about = if data.is_empty() {
        String::new()
    } else {
        format!(": the sides differ in {}", data.join(", "))
    };
    let title = paint(FAILED, &format!("{LOCK_FILE} is in conflict"));
    let paths = if data.is_empty() {
        "PATH".to_owned()
    } else {
        data.join(" ")
    };
    // Not the other side's file as a whole: what was merged would go with this one.
    format!(
        "{title}{about}\n  what only one side changed is merged; if all else is right as it is: \
         `git add {LOCK_FILE}`, then `mlpipe checkout`\n  else `mlpipe checkout`, put the right files \
         there, `mlpipe add {paths}`, and `git add {LOCK_FILE}`; `git show :3:{LOCK_FILE}` has the other \
         side's records\n"
    )
}

/// Writes a line a tracked path that is not as recorded, and what to do about it.
pub(crate) fn status(all: &[Tracked]) -> String {
    let mut text = String::new();
    for Tracked { path, state, .. } in all {
        let todo = match state {
            State::Clean => continue,
            State::Failed(error) => {
                text += &diagnostics::render(&explain_unreadable(path, error));
                continue;
            }
            State::Outdated => format!(
                "it is as before git moved to another commit: `mlpipe checkout {path}` brings what \
                 data.lock records, `mlpipe add {path}` records what is there"
            ),
            State::Unsaved => format!("`mlpipe add {path}` puts it there"),
            State::Modified => {
                format!("`mlpipe add {path}` records it, `mlpipe checkout {path}` takes it back")
            }
            State::Deleted => {
                format!(
                    "`mlpipe checkout {path}` brings it back, `mlpipe remove {path}` forgets it"
                )
            }
            State::Undownloaded => {
                format!("`mlpipe update {path}` downloads it, `mlpipe remove {path}` forgets it")
            }
            State::Behind => format!("`mlpipe update {path}` brings what is there now"),
            State::Incomplete { files } => {
                let (count, names) = (human::count(files.len(), "file"), human::first_of(files));
                text += &incomplete(path, &count, &names);
                continue;
            }
            State::Lost => {
                "`mlpipe pull` gets it, if it is at the remote, or once it is pushed from where it was added"
                    .to_owned()
            }
        };
        let name = paint(CHANGED, path.as_str());
        text += &format!("{name} is {}\n  {todo}\n", state.words());
    }
    text
}

/// Says what nobody here has of a folder, and what to do about it.
fn incomplete(path: &RepoPath, count: &str, names: &str) -> String {
    let name = paint(CHANGED, path.as_str());
    format!(
        "{name} is incomplete: {count} missing, not in the cache: {names}\n  `mlpipe pull {path}` gets what \
         is missing, if it is at the remote, or once it is pushed from where it was added; if nobody \
         needs it any more, `mlpipe add --force {path}` records what is there without it\n"
    )
}

/// Writes the tracked paths that are not as recorded.
pub(crate) fn status_values(all: &[Tracked]) -> Vec<Value> {
    let changed = all.iter().filter(|one| !one.state.is_clean());
    let value = |one: &Tracked| {
        let mut value = json!({"data": one.path, "state": one.state.words()});
        match &one.state {
            State::Failed(error) => value["error"] = error.to_string().into(),
            State::Incomplete { files } => value["missing"] = json!(files),
            _ => {}
        }
        value
    };
    changed.map(value).collect()
}

fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names
        .map(|name| name.chars().count())
        .max()
        .unwrap_or_default()
}

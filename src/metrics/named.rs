//! Which metrics a gate names: those that are there, those that have gone, and files that may hide some.

use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::metrics::collect::Collection;
use crate::metrics::gate::Sides;
use crate::pipeline::Gate;

/// Whether a gate is about the metrics of a file.
fn is_meant(gate: &Gate, path: &RepoPath) -> bool {
    match &gate.file {
        Some(file) => file == path,
        None => path.is_within(&gate.folder),
    }
}

/// Finds the metrics of the base that a pattern names and that nobody has here: what is gone must not
/// pass. A metric that is in another file now is not gone.
pub(super) fn gone<'a>(gate: &Gate, sides: &Sides<'a>) -> Vec<(&'a RepoPath, &'a str)> {
    let Some(base) = sides.base else {
        return Vec::new();
    };
    let now = find(gate, sides.here);
    let is_gone = |(path, key): &(&RepoPath, &str)| {
        let is_here = |(other, same): &(&RepoPath, &str)| {
            same == key && (other == path || base.value(other, key).is_none())
        };
        !now.iter().any(is_here)
    };
    let before = find(gate, base);
    before.into_iter().filter(is_gone).collect()
}

/// Says which files may hide metrics that a pattern names: they are not there, or cannot be read. Of
/// a file that the base has, the base knows which.
pub(super) fn unseen(gate: &Gate, sides: &Sides<'_>) -> Vec<String> {
    let is_unknown = |path: &&RepoPath| {
        let base = sides
            .base
            .is_some_and(|base| base.files.contains_key(*path));
        is_meant(gate, path) && !base
    };
    let missing = sides.here.missing.iter().filter(is_unknown);
    let missing = missing.map(|path| format!("`{path}` is not there"));
    let unread = sides.here.unread.iter().filter(is_unknown);
    let unread = unread.map(|path| format!("`{path}` cannot be read"));
    missing.chain(unread).collect()
}

/// Finds the metrics of a side that a gate names.
pub(super) fn find<'a>(gate: &Gate, side: &'a Collection) -> Vec<(&'a RepoPath, &'a str)> {
    let files = side.files.iter().filter(|(path, _)| is_meant(gate, path));
    let metrics = files.flat_map(|(path, leaves)| leaves.iter().map(move |(key, _)| (path, key)));
    let named = metrics.filter(|(_, key)| gate.key.matches(key));
    named.map(|(path, key)| (path, key.as_str())).collect()
}

/// Says that there is no such metric, and what may have been meant.
pub(super) fn unknown(gate: &Gate, here: &Collection) -> String {
    if let Some(why) = no_number(gate, here).or_else(|| no_file(gate, here)) {
        return why;
    }
    let known = here.files.values().flatten().map(|(key, _)| key.as_str());
    let help = did_you_mean(gate.key.as_str(), known);
    let help = help.map(|help| format!("; {help}")).unwrap_or_default();
    let what = if gate.key.is_exact() {
        "there is no such metric"
    } else {
        "no metric matches"
    };
    let place = gate.file.as_ref().map(|file| format!(" in `{file}`"));
    let hidden = |paths: &[RepoPath], state: &str| -> Vec<String> {
        let meant = paths.iter().filter(|path| is_meant(gate, path));
        meant.map(|path| format!("`{path}` {state}")).collect()
    };
    let mut unknown = hidden(&here.unread, "cannot be read");
    unknown.extend(hidden(&here.missing, "is not there"));
    // The one file that is meant explains it all.
    if let (Some(_), [only]) = (&gate.file, unknown.as_slice()) {
        return only.clone();
    }
    let unknown = unknown.iter().map(|one| format!("; {one}"));
    let unknown: String = unknown.take(3).collect();
    format!("{what}{}{help}{unknown}", place.unwrap_or_default())
}

/// Says that what a gate names is there, and no metric.
fn no_number(gate: &Gate, here: &Collection) -> Option<String> {
    let files = here
        .left_out
        .iter()
        .filter(|(path, _)| is_meant(gate, path));
    let mut others = files.flat_map(|(_, others)| others);
    let (_, kind) = others.find(|(key, _)| key == gate.key.as_str())?;
    Some(match *kind {
        "nothing" => "it is null, not a number".to_owned(),
        kind => format!("it is {kind}, not a number"),
    })
}

/// Says that the file that a gate names has no metrics, or that a file stands for a metric.
fn no_file(gate: &Gate, here: &Collection) -> Option<String> {
    let files = || here.files.keys().chain(&here.missing).chain(&here.unread);
    let Some(file) = &gate.file else {
        let file = files().find(|path| path.as_str() == gate.key.as_str())?;
        return Some(format!(
            "`{file}` is a file: name a metric in it, as in `{file}:accuracy`"
        ));
    };
    if files().any(|path| path == file) {
        return None;
    }
    let help = did_you_mean(file.as_str(), files().map(RepoPath::as_str));
    let help = help.map(|help| format!("; {help}")).unwrap_or_default();
    Some(format!("no stage and no `metrics` lists `{file}`{help}"))
}

//! What would run and why, as lines.

use crate::base::human;
use crate::base::shown::Shown;
use crate::cli::error::explain_failure;
use crate::cli::ui::diagnostics;
use crate::cli::ui::style::{CHANGED, DIM, paint};
use crate::data::Tracked;
use crate::engine::{Change, FileChange, Forecast, Reason, StageStatus};
use crate::pipeline::StageName;

/// How many files of a folder are named.
const SHOWN: usize = 10;

/// What is said where nothing is to be done.
const CLEAN: &str = "everything is up to date\n";

/// Writes one block a stage that is not up to date, a line for all that are, and the tracked data that
/// is not as recorded.
pub(crate) fn render(
    stages: &[StageStatus],
    data: &[Tracked],
    write: &dyn Fn(&Reason) -> String,
) -> String {
    let changed = super::data::status(data);
    if stages.is_empty() && !data.is_empty() {
        return if changed.is_empty() {
            CLEAN.to_owned()
        } else {
            changed
        };
    }
    match (render_stages(stages, write), changed.is_empty()) {
        (text, true) => text,
        (text, false) if text == CLEAN => changed,
        (text, false) => text + &changed,
    }
}

fn render_stages(stages: &[StageStatus], write: &dyn Fn(&Reason) -> String) -> String {
    let mut text = String::new();
    let mut unchanged = 0;
    for StageStatus { stage, forecast } in stages {
        match forecast {
            Forecast::Unchanged => unchanged += 1,
            Forecast::Hold(reasons) => {
                text += &block(stage, "is frozen, and stays as it is", reasons, write);
            }
            Forecast::Cache(paths) => {
                let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
                let what = format!(
                    "is unchanged, but not in the cache: {}",
                    human::first_of(&paths)
                );
                text += &block(stage, &what, &[], write);
            }
            Forecast::Run(reasons) => {
                text += &block(stage, "would run", reasons, write);
            }
            Forecast::Restore(reasons) => {
                text += &block(stage, "would be restored, without running", reasons, write);
            }
            Forecast::Adopt => {
                text += &block(stage, "would be recorded as it is", &[], write);
            }
            Forecast::MayRun { upstream, reasons } => {
                let names: Vec<String> = upstream.iter().map(ToString::to_string).collect();
                let what = format!("may run, since {} would", names.join(", "));
                text += &block(stage, &what, reasons, write);
            }
            Forecast::Fail(failure) => {
                text += &diagnostics::render(&explain_failure(stage, failure, None));
            }
        }
    }
    match (unchanged, text.is_empty()) {
        (0, true) => "the pipeline has no stages\n".to_owned(),
        (_, true) => CLEAN.to_owned(),
        (0, false) => text,
        (count, false) => text + &paint(DIM, &format!("{count} unchanged")) + "\n",
    }
}

pub(super) fn block(
    stage: &StageName,
    what: &str,
    reasons: &[Reason],
    write: &dyn Fn(&Reason) -> String,
) -> String {
    let mut text = format!("{} {what}\n", paint(CHANGED, &stage.to_string()));
    for reason in reasons {
        text += &format!("  {}", write(reason));
    }
    text
}

/// Writes a reason with what was and what is, and the files behind it.
pub(crate) fn details(reason: &Reason, files: &[FileChange]) -> String {
    let mut text = match reason {
        Reason::Input(Change {
            fact,
            before: Some(before),
            after: Some(after),
        }) => {
            format!("{fact}  {before} → {after}\n")
        }
        other => format!("{other}\n"),
    };
    if files.is_empty() {
        return text;
    }
    text.pop();
    text += &format!("  ({} changed)\n", human::count(files.len(), "file"));
    let width = files
        .iter()
        .take(SHOWN)
        .map(|file| Shown(&file.path).columns())
        .max()
        .unwrap_or(0);
    for file in files.iter().take(SHOWN) {
        text += &format!("      {:width$}  {}\n", Shown(&file.path), file.kind.word());
    }
    if files.len() > SHOWN {
        text += &format!("      and {} more\n", human::thousands(files.len() - SHOWN));
    }
    text
}

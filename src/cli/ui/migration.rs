//! What became of a project of DVC's, as lines and as JSON.

use serde_json::{Value, json};

use crate::base::human;
use crate::cli::ui::data::amount;
use crate::cli::ui::style::{CHANGED, DONE, FAILED, paint};
use crate::dvc::{Fate, Lack, Migration, Trouble};

/// Writes a line for each path and stage.
pub(crate) fn lines(migration: &Migration) -> String {
    let data = migration.data.keys().map(|path| path.as_str().len());
    let stages = migration.stages.iter().map(|(name, _)| name.as_str().len());
    let width = data.chain(stages).max().unwrap_or_default();
    let mut text = String::new();
    for (path, content) in &migration.data {
        let (path, done) = (path.as_str(), paint(DONE, "tracked "));
        text += &format!("{path:width$}  {done}  {}\n", amount(content));
    }
    for (name, fate) in &migration.stages {
        let (name, style) = (name.as_str(), style(fate));
        let word = paint(style, &format!("{:8}", word(fate)));
        text += &format!("{name:width$}  {word}  {}\n", reason(fate));
    }
    let lines = text.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

/// Writes what could not be taken over.
pub(crate) fn troubles(migration: &Migration) -> String {
    let title = paint(FAILED, "error");
    let line = |trouble: &Trouble| format!("{title}: {}\n", trouble_text(trouble));
    migration.troubles.iter().map(line).collect()
}

/// Says what is left to do.
pub(crate) fn next(migration: &Migration, in_git: bool) -> String {
    let recorded = |(_, fate): &&(_, Fate)| *fate == Fate::Recorded;
    let stages = migration.stages.iter().filter(recorded).count();
    let mut text = format!(
        "{} tracked, {} of {} recorded; nothing of DVC's was changed\n",
        human::count(migration.data.len(), "path"),
        stages,
        human::count(migration.stages.len(), "stage"),
    );
    if !migration.troubles.is_empty() {
        text += &format!(
            "{} not taken over; run it again when DVC has them (`dvc pull`), or with `--remote NAME`\n",
            human::count(migration.troubles.len(), "item")
        );
    }
    if in_git {
        let files: String = migration
            .files
            .iter()
            .map(|file| format!(" {file}"))
            .collect();
        text += &format!("next: git add data.lock .mlpipe{files}, then `mlpipe status`\n");
    }
    text
}

/// Writes all of it.
pub(crate) fn json(migration: &Migration) -> String {
    let data: Vec<Value> = migration
        .data
        .iter()
        .map(|(path, content)| {
            json!({
                "path": path,
                "sha256": content.sha256,
                "size": content.size,
                "files": content.files,
            })
        })
        .collect();
    let stages: Vec<Value> = migration
        .stages
        .iter()
        .map(|(name, fate)| json!({"stage": name.as_str(), "outcome": word(fate), "reason": reason(fate)}))
        .collect();
    let troubles: Vec<String> = migration.troubles.iter().map(trouble_text).collect();
    let files = &migration.files;
    format!(
        "{:#}\n",
        json!({"data": data, "stages": stages, "errors": troubles, "files": files})
    )
}

fn style(fate: &Fate) -> anstyle::Style {
    match fate {
        Fate::Recorded => DONE,
        Fate::NeverRan | Fate::Changed(_) => CHANGED,
        Fate::Incomplete(_) => FAILED,
    }
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Recorded => "recorded",
        _ => "will run",
    }
}

fn reason(fate: &Fate) -> String {
    match fate {
        Fate::Recorded => String::new(),
        Fate::NeverRan => "DVC has no record of a run".to_owned(),
        Fate::Changed(path) => format!("{path} has changed since DVC ran it"),
        Fate::Incomplete(path) => format!("{path} as DVC recorded it cannot be had"),
    }
}

fn trouble_text(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Object { path, md5, lack } => match lack {
            Lack::Missing => {
                format!("`{path}` (MD5 {md5}) is neither here nor in DVC's cache or remote")
            }
            Lack::Corrupt(places) => {
                let places = places.join(" and ");
                format!("`{path}` (MD5 {md5}) is corrupt in {places}")
            }
        },
        Trouble::Outside { file, path } => {
            format!("`{path}`, which `{file}` tracks, is outside of the project")
        }
        Trouble::NoObject { file, path } => {
            format!("`{file}` records no MD5 of `{path}`: `dvc pull` or `dvc commit` first")
        }
        Trouble::OldStage { file } => {
            format!(
                "`{file}` is a stage of DVC 0: write it into pipeline.yaml; its outs are tracked as data"
            )
        }
    }
}

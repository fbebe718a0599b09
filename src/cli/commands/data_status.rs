//! `mlpipe data status`.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::commands::imported::{Imports, UpdatesArgs};
use crate::cli::error::{CliError, Exit, explain_unreadable};
use crate::cli::ui;
use crate::cli::ui::changes::{self, Layout, Section, shown};
use crate::cli::ui::changes_json::{Path, PathsJson, pretty};
use crate::cli::ui::diagnostics;
use crate::cli::ui::style::{CHANGED, DIM, FAILED, paint};
use crate::data::{Changes, DataStatus, Detail, Item, Unreadable, Untracked};

/// What stands below a heading.
const INDENT: &str = "    ";

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what differs between the last commit, data.lock, the workspace and the cache
    Status(StatusArgs),
}

#[derive(Debug, Args)]
struct StatusArgs {
    /// Name the files inside of folders
    #[arg(long)]
    granular: bool,

    /// List what is unchanged too
    #[arg(long)]
    unchanged: bool,

    /// List files that neither git nor mlpipe tracks, nor git ignores
    #[arg(
        long,
        value_name = "WHICH",
        num_args = 0..=1,
        require_equals = true,
        default_value = "no",
        default_missing_value = "all"
    )]
    untracked_files: Which,

    #[command(flatten)]
    updates: UpdatesArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Exit with 1 if data is not committed, not recorded or not in the cache
    #[arg(long)]
    exit_code: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    No,
    All,
}

/// Says where tracked data stands.
pub(crate) fn run(args: &DataArgs, context: &Context) -> Result<Exit, CliError> {
    let Command::Status(args) = &args.command;
    let workspace = context.workspace()?;
    let detail = if args.granular {
        Detail::Files
    } else {
        Detail::Tracked
    };
    let untracked = match args.untracked_files {
        Which::No => Untracked::Ignored,
        Which::All => Untracked::Listed,
    };
    let status = DataStatus::of(&workspace, detail, untracked)?;
    let imports = args.updates.look(&workspace, context)?;
    if args.json {
        ui::print(&to_json(&status, &imports))?;
    } else if !context.quiet {
        ui::print(&render(&status, &imports, args))?;
    }
    let is_failure = !status.unreadable.is_empty() || imports.has_failed;
    let is_clean = status.is_clean() && imports.tracked.is_empty();
    Ok(if is_failure || (args.exit_code && !is_clean) {
        Exit::Error
    } else {
        Exit::Success
    })
}

fn render(status: &DataStatus, imports: &Imports, args: &StatusArgs) -> String {
    let mut parts: Vec<String> = status.unmerged.iter().map(ui::data::unmerged).collect();
    if let Some(committed) = &status.committed {
        let hint = "`git add data.lock`, then `git commit` keeps them";
        parts.extend(difference("changes not committed to git", hint, committed));
    }
    let hint = "`mlpipe commit` records them, `mlpipe checkout` takes them back";
    let title = "changes not recorded in data.lock";
    let mut changes = difference(title, hint, &status.recorded);
    if let Some(text) = &mut changes {
        *text += &outdated(&status.outdated);
    }
    parts.extend(changes);
    let hint = "`mlpipe pull` brings what is at the remote, `mlpipe commit` stores what is in place, \
                `mlpipe repro` makes outs again";
    parts.extend(list("not in the cache", hint, &status.missing));
    let unreadable = status.unreadable.iter();
    let unreadable = unreadable.map(|one| explain_unreadable(&one.path, &one.error));
    parts.extend(unreadable.map(|error| diagnostics::render(&error)));
    parts.extend((!imports.tracked.is_empty()).then(|| ui::data::status(&imports.tracked)));
    parts.extend(untracked(status));
    let same = &status.unchanged;
    if args.unchanged {
        parts.extend(list("unchanged", "in place as data.lock records it", same));
    }
    if imports.tracked.is_empty() || !status.is_clean() || !status.unchanged.is_empty() {
        parts.extend(end(status, args));
    }
    parts.join("\n")
}

fn difference(title: &str, hint: &str, changes: &Changes) -> Option<String> {
    if changes.is_empty() {
        return None;
    }
    let mut sections = changes::sections(changes);
    for section in &mut sections {
        for line in &mut section.lines {
            line.name = format!("{:8}  {}", section.word, line.name);
        }
    }
    let layout = Layout::of(&sections, INDENT, false);
    let lines: String = sections
        .iter()
        .map(|section| layout.write(section))
        .collect();
    Some(heading(title, hint) + &lines)
}

/// Says of what git has left behind how to bring it up to date.
fn outdated(paths: &[RepoPath]) -> String {
    let line = |path: &RepoPath| {
        format!(
            "{INDENT}{path} is as before git moved to another commit: `mlpipe checkout {path}`\n"
        )
    };
    paths.iter().map(line).collect()
}

fn list(word: &'static str, hint: &str, items: &[Item]) -> Option<String> {
    let section = Section::listing(word, items);
    let layout = Layout::of(std::slice::from_ref(&section), INDENT, false);
    (!items.is_empty()).then(|| heading(word, hint) + &layout.write(&section))
}

fn untracked(status: &DataStatus) -> Option<String> {
    let files = status
        .untracked
        .as_ref()
        .filter(|files| !files.is_empty())?;
    let hint = "`mlpipe add` tracks data, `git add` all else";
    let mut text = heading("untracked", hint);
    for file in files.iter().take(changes::SHOWN) {
        text += &format!("{INDENT}{}\n", shown(file.as_str()));
    }
    Some(text + &changes::more(files.len(), INDENT))
}

fn heading(title: &str, hint: &str) -> String {
    let style = if title.starts_with("not in") {
        FAILED
    } else {
        CHANGED
    };
    format!(
        "{}\n  {}\n",
        paint(style, title),
        paint(DIM, &format!("({hint})"))
    )
}

/// Writes what is the same, and how to see more.
fn end(status: &DataStatus, args: &StatusArgs) -> Option<String> {
    let same = status.unchanged.len();
    let has_folders = |changes: &Changes| !changes.folders.modified.is_empty();
    let is_coarse = !args.granular
        && (has_folders(&status.recorded) || status.committed.as_ref().is_some_and(has_folders));
    let granular = is_coarse.then_some("--granular names the files in folders");
    if status.is_clean() && args.unchanged && same > 0 {
        return None;
    }
    let text = match (status.is_clean(), same) {
        (true, 0) => "no data is tracked: `mlpipe add` tracks a file or folder".to_owned(),
        (true, _) => "all data is committed, in place and in the cache".to_owned(),
        (false, 0) => granular?.to_owned(),
        (false, _) => {
            let unlisted = (!args.unchanged).then_some("--unchanged lists them");
            let hints: Vec<&str> = unlisted.into_iter().chain(granular).collect();
            let hints = hints.join(", ");
            let hints = if hints.is_empty() {
                hints
            } else {
                format!(" ({hints})")
            };
            format!("{same} unchanged{hints}")
        }
    };
    Some(paint(DIM, &text) + "\n")
}

/// DVC's keys, all of them there always but for what was not asked for.
#[derive(Serialize)]
struct StatusJson<'a> {
    committed: Option<PathsJson<'a>>,
    not_in_cache: Vec<Path<'a>>,
    unchanged: Vec<Path<'a>>,
    uncommitted: PathsJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    untracked: Option<&'a [RepoPath]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<Vec<&'a RepoPath>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    outdated: &'a [RepoPath],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<UnreadableJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    imports: Vec<serde_json::Value>,
}

#[derive(Serialize)]
struct UnreadableJson<'a> {
    path: &'a RepoPath,
    error: String,
}

impl<'a> UnreadableJson<'a> {
    fn of(one: &'a Unreadable) -> Self {
        Self {
            path: &one.path,
            error: one.error.to_string(),
        }
    }
}

fn to_json(status: &DataStatus, imports: &Imports) -> String {
    pretty(&StatusJson {
        committed: status.committed.as_ref().map(PathsJson::new),
        not_in_cache: status.missing.iter().map(Path).collect(),
        unchanged: status.unchanged.iter().map(Path).collect(),
        uncommitted: PathsJson::new(&status.recorded),
        untracked: status.untracked.as_deref(),
        conflict: status
            .unmerged
            .as_ref()
            .map(|one| one.data.iter().collect()),
        outdated: &status.outdated,
        unreadable: status.unreadable.iter().map(UnreadableJson::of).collect(),
        imports: ui::data::status_values(&imports.tracked),
    })
}

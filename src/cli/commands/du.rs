//! `mlpipe du`.

use clap::Args;
use serde_json::{Value, json};

use crate::base::human;
use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::changes::shown;
use crate::cli::ui::table::{Column, aligned};
use crate::data::{Inventory, Meter, Uncached, Usage};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct DuArgs {
    /// Tracked files, tracked folders, or folders with some [default: all of the project]
    paths: Vec<String>,

    /// Look at what a branch, tag or commit records [default: data.lock as it is]
    #[arg(long)]
    rev: Option<String>,

    /// Print one line a path, not one for all that is tracked in it
    #[arg(short, long)]
    summarize: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Says how large tracked data is, and how much of it the cache holds.
pub(crate) fn run(args: &DuArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let inventory = match &args.rev {
        Some(name) => Inventory::at(&workspace.revision(name)?)?,
        None => Inventory::here(&workspace, &Uncached::here(&workspace))?,
    };
    let paths = args.paths.iter().map(|path| context.path(&workspace, path));
    let mut paths: Vec<RepoPath> = paths.collect::<Result<_, _>>()?;
    if paths.is_empty() {
        paths.push(RepoPath::root());
    }
    let is_unknown = |path: &&RepoPath| !path.is_root() && !inventory.touches(path);
    if let Some(path) = paths.iter().find(is_unknown) {
        return Err(CliError::failed(
            format!("no data is tracked at `{path}`"),
            "`mlpipe du` without a path lists what is",
        ));
    }
    let rows = if args.summarize {
        paths.clone()
    } else {
        tracked_in(&inventory, &paths)
    };
    let total = measure(&workspace, &inventory, &paths)?;
    let mut usages = Vec::new();
    let is_single = rows.len() == 1;
    for path in rows {
        let usage = if is_single {
            total.clone()
        } else {
            measure(&workspace, &inventory, std::slice::from_ref(&path))?
        };
        usages.push((path, usage));
    }
    let text = if args.json {
        let entries: Vec<Value> = usages
            .iter()
            .map(|(path, usage)| row_json(path, usage))
            .collect();
        format!(
            "{:#}\n",
            json!({"data": entries, "total": usage_json(&total)})
        )
    } else {
        table(&usages, &total)
    };
    ui::print(&text)?;
    for folder in &total.unknown {
        context.say(&format!(
            "the files of {folder} are unknown: the cache does not have their list\n"
        ));
    }
    Ok(Exit::Success)
}

/// Lists what is tracked at or below the paths; a path in a tracked folder stands for itself.
fn tracked_in(inventory: &Inventory, paths: &[RepoPath]) -> Vec<RepoPath> {
    let mut rows = Vec::new();
    for path in paths {
        if inventory.holds(path) {
            rows.push(path.clone());
        } else {
            let known = inventory.contents().keys();
            rows.extend(known.filter(|known| known.is_within(path)).cloned());
        }
    }
    rows.sort();
    rows.dedup();
    rows
}

fn measure(
    workspace: &Workspace,
    inventory: &Inventory,
    paths: &[RepoPath],
) -> Result<Usage, CliError> {
    let mut meter = Meter::new(workspace, inventory);
    meter.add(paths)?;
    Ok(meter.finish())
}

fn table(usages: &[(RepoPath, Usage)], total: &Usage) -> String {
    if total.files == 0 && usages.iter().all(|(_, usage)| usage.files == 0) {
        return "no data is tracked: `mlpipe add` tracks a file or folder\n".to_owned();
    }
    let number = |name| Column {
        name,
        is_number: true,
    };
    let path = Column {
        name: "path",
        is_number: false,
    };
    let columns = [number("size"), number("files"), number("cached"), path];
    let rows: Vec<Vec<String>> = usages
        .iter()
        .map(|(path, usage)| row(path, usage))
        .collect();
    let files = human::count(usize::try_from(total.files).unwrap_or(usize::MAX), "file");
    format!(
        "{}{files}, {}; without duplicates {}, of which the cache holds {}\n",
        aligned(&columns, &rows),
        human::size(total.size),
        human::size(total.distinct),
        human::size(total.cached),
    )
}

fn row(path: &RepoPath, usage: &Usage) -> Vec<String> {
    let files = usize::try_from(usage.files).unwrap_or(usize::MAX);
    let cached = if usage.cached == usage.distinct {
        "all".to_owned()
    } else {
        human::size(usage.cached)
    };
    vec![
        human::size(usage.size),
        human::thousands(files),
        cached,
        shown(path.as_str()),
    ]
}

fn row_json(path: &RepoPath, usage: &Usage) -> Value {
    let mut value = usage_json(usage);
    value["path"] = json!(path);
    value
}

fn usage_json(usage: &Usage) -> Value {
    json!({
        "files": usage.files,
        "size": usage.size,
        "distinct": usage.distinct,
        "cached": usage.cached,
        "unknown": usage.unknown,
    })
}

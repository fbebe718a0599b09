//! `metrics diff`, `params diff` and `metrics show`: two sides, or one, as table, markdown or JSON.

use clap::Args;
use serde_json::{Map, json};

use crate::base::path::RepoPath;
use crate::base::source::Snapshot;
use crate::base::value::Value;
use crate::cli::commands::backing;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::style::{DONE, FAILED, paint};
use crate::cli::ui::table::{Column, Form, aligned, markdown};
use crate::metrics::{Backing, Collection, Difference, Significance, diff};
use crate::pipeline::{self, Lock};
use crate::report::Row;
use crate::store::RecordedSnapshot;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The old side [default: HEAD]
    a_rev: Option<String>,

    /// The new side [default: the workspace]
    b_rev: Option<String>,

    /// Show what is the same on both sides too
    #[arg(long)]
    all: bool,

    /// Print JSON
    #[arg(long, conflicts_with = "md")]
    json: bool,

    /// Print a markdown table
    #[arg(long)]
    md: bool,

    /// Leave out the column of files
    #[arg(long)]
    no_path: bool,

    /// Write numbers with this many digits behind the point [default: as many as the change needs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=15))]
    precision: Option<u8>,
}

type Collect = fn(&dyn Snapshot) -> Result<Collection, pipeline::Error>;

/// Whether differences of numbers are calculated: a parameter's are of no interest.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Change {
    Shown,
    Hidden,
}

/// Compares two sides.
pub(crate) fn run(
    args: &DiffArgs,
    workspace: &Workspace,
    collect: Collect,
    change: Change,
) -> Result<Exit, CliError> {
    let old_name = args.a_rev.as_deref().unwrap_or("HEAD");
    let old = collect_at(workspace, old_name, collect)?;
    let new = match &args.b_rev {
        Some(name) => collect_at(workspace, name, collect)?,
        None => collect_here(workspace, collect)?,
    };
    let differences = diff(&old, &new);
    let new_name = args.b_rev.as_deref().unwrap_or("workspace");
    let shown: Vec<&Difference> = differences
        .iter()
        .filter(|one| args.all || !one.is_equal())
        .collect();
    let backing = match change {
        Change::Shown => {
            backing::of_difference(workspace, (old_name, &old), (args.b_rev.as_deref(), &new))?
        }
        Change::Hidden => Backing::default(),
    };
    let text = match Form::choose(args.json, args.md) {
        Form::Json => to_json(&shown, &backing),
        form => {
            let several = shown.iter().any(|one| one.path != shown[0].path);
            let listing = Listing {
                old_name,
                new_name,
                with_path: several && !args.no_path,
                change,
                precision: args.precision,
                backing: &backing,
            };
            let hidden = differences.len() - shown.len();
            listing.render(&shown, hidden, form)
        }
    };
    ui::print(&text)?;
    ui::eprint(&ui::backing::notes(&backing));
    let faults = old.faults.into_iter().chain(new.faults);
    Ok(report_faults(faults.chain(backing.faults)))
}

/// Shows the workspace's values.
pub(crate) fn show(form: Form, workspace: &Workspace, collect: Collect) -> Result<Exit, CliError> {
    let here = collect_here(workspace, collect)?;
    let backing = backing::of_workspace(workspace, &here)?;
    let text = if form == Form::Json {
        let files = here.files.iter().map(|(path, leaves)| {
            let leaves = leaves
                .iter()
                .map(|(key, value)| (key.clone(), json!(value)));
            (path.to_string(), json!(leaves.collect::<Map<_, _>>()))
        });
        pretty(&json!(files.collect::<Map<_, _>>()))
    } else {
        let with_path = here.files.len() > 1;
        let mut columns = vec![Column {
            name: "metric",
            is_number: false,
        }];
        columns.push(Column {
            name: "value",
            is_number: true,
        });
        if with_path {
            columns.insert(
                0,
                Column {
                    name: "path",
                    is_number: false,
                },
            );
        }
        if !backing.is_empty() {
            columns.push(Column {
                name: "95 % CI",
                is_number: false,
            });
        }
        let backing = &backing;
        let rows = here.files.iter().flat_map(|(path, leaves)| {
            leaves.iter().map(move |(key, value)| {
                let interval = ui::backing::interval_cell(backing.get(path, key));
                let interval = (!backing.is_empty()).then_some(interval);
                let path = with_path.then(|| path.to_string());
                path.into_iter()
                    .chain([key.clone(), value.to_string()])
                    .chain(interval)
                    .collect()
            })
        });
        let rows: Vec<Vec<String>> = rows.collect();
        match form {
            _ if rows.is_empty() => {
                "no metrics: no stage lists any in the project, or none was made yet\n".to_owned()
            }
            Form::Markdown => markdown(&columns, &rows),
            _ => aligned(&columns, &rows),
        }
    };
    ui::print(&text)?;
    // Where nothing was made yet, the text above says so.
    let are_missing = !here.files.is_empty() && !here.missing.is_empty();
    if are_missing {
        here.missing.iter().for_each(tell_missing);
    }
    let exit = report_faults(here.faults.into_iter().chain(backing.faults));
    Ok(if are_missing { Exit::Error } else { exit })
}

fn tell_missing(path: &RepoPath) {
    let message = format!("the metrics file `{path}` is not there");
    let hint = "`mlpipe repro` makes it if a stage does; else correct its name in `metrics`";
    ui::eprint(&ui::diagnostics::render(&CliError::usage(message, hint)));
}

fn collect_here(workspace: &Workspace, collect: Collect) -> Result<Collection, CliError> {
    let lock = workspace.load_lock()?;
    Ok(collect(&RecordedSnapshot::new(
        &workspace.worktree,
        lock,
        &workspace.cache,
    ))?)
}

fn collect_at(workspace: &Workspace, name: &str, collect: Collect) -> Result<Collection, CliError> {
    let revision = workspace.revision(name)?;
    let lock = Lock::load(&revision)?;
    Ok(collect(&RecordedSnapshot::new(
        &revision,
        lock,
        &workspace.cache,
    ))?)
}

/// Tells of files that could not be read; they do not hide the others, but change the exit code.
fn report_faults(faults: impl IntoIterator<Item = pipeline::Error>) -> Exit {
    let mut exit = Exit::Success;
    for fault in faults {
        ui::eprint(&ui::diagnostics::render(&fault.into()));
        exit = Exit::Error;
    }
    exit
}

/// How differences are laid out.
struct Listing<'a> {
    old_name: &'a str,
    new_name: &'a str,
    with_path: bool,
    change: Change,
    precision: Option<u8>,
    backing: &'a Backing,
}

impl Listing<'_> {
    fn render(&self, shown: &[&Difference], hidden: usize, form: Form) -> String {
        let note = match (hidden, shown.len()) {
            (0, 0) => return "nothing to compare\n".to_owned(),
            (0, _) => String::new(),
            (hidden, _) => format!("{hidden} unchanged (--all shows them)\n"),
        };
        if shown.is_empty() {
            return format!(
                "no change between {} and {}\n",
                self.old_name, self.new_name
            );
        }
        let columns = self.columns(shown);
        let rows: Vec<Vec<String>> = shown
            .iter()
            .map(|one| self.row(one, form, self.has_evidence(shown)))
            .collect();
        match form {
            Form::Markdown => markdown(&columns, &rows),
            _ => aligned(&columns, &rows) + &note,
        }
    }

    fn columns(&self, shown: &[&Difference]) -> Vec<Column<'_>> {
        let text = |name| Column {
            name,
            is_number: false,
        };
        let number = |name| Column {
            name,
            is_number: true,
        };
        let path = self.with_path.then_some(text("path"));
        let sides = [text("key"), number(self.old_name), number(self.new_name)];
        let change = (self.change == Change::Shown).then_some(text("change"));
        let evidence = self.has_evidence(shown).then_some(text("evidence"));
        let columns = path.into_iter().chain(sides).chain(change);
        columns.chain(evidence).collect()
    }

    /// Whether predictions have something to say of a row.
    fn has_evidence(&self, shown: &[&Difference]) -> bool {
        let mut findings = shown
            .iter()
            .map(|one| self.backing.get(&one.path, &one.key));
        findings.any(|finding| finding.is_some())
    }

    fn row(&self, difference: &Difference, form: Form, with_evidence: bool) -> Vec<String> {
        let row = match self.change {
            Change::Shown => Row::of_metric(difference, self.precision),
            Change::Hidden => Row::of_param(difference),
        };
        let path = self.with_path.then_some(row.path);
        let mut change = format!("{} {}", row.arrow, row.delta).trim().to_owned();
        let finding = self.backing.get(&difference.path, &difference.key);
        let evidence = with_evidence.then(|| ui::backing::cell(finding, &row.delta, form));
        let is_noise = ui::backing::significance(finding) == Some(Significance::Noise);
        if !row.verdict.is_empty() && !is_noise {
            let style = if row.verdict == "better" {
                DONE
            } else {
                FAILED
            };
            // Only of the last column the width may be unknown.
            let verdict = if form == Form::Text && !with_evidence {
                paint(style, &row.verdict)
            } else {
                row.verdict
            };
            change = format!("{change}  {verdict}");
        }
        let change = (self.change == Change::Shown).then_some(change);
        path.into_iter()
            .chain([row.key, row.old, row.new])
            .chain(change)
            .chain(evidence)
            .collect()
    }
}

/// DVC's shape: file → key → old, new and, for numbers, diff.
fn to_json(shown: &[&Difference], backing: &Backing) -> String {
    let mut files: Map<String, serde_json::Value> = Map::new();
    for one in shown {
        let mut sides = Map::new();
        let side = |value: &Option<Value>| json!(value);
        sides.insert("old".to_owned(), side(&one.old));
        sides.insert("new".to_owned(), side(&one.new));
        if let Some(delta) = one.delta() {
            sides.insert("diff".to_owned(), json!(delta));
        }
        ui::backing::add_json(backing.get(&one.path, &one.key), &mut sides);
        let file = files
            .entry(one.path.to_string())
            .or_insert_with(|| json!({}));
        if let Some(file) = file.as_object_mut() {
            file.insert(one.key.clone(), json!(sides));
        }
    }
    pretty(&json!(files))
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

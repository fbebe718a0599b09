//! `metrics diff` and `params diff`: two sides as table, markdown or JSON.

use clap::Args;
use serde_json::{Map, json};

use crate::base::path::RepoPath;
use crate::base::shown::Shown;
use crate::base::value::Value;
use crate::cli::commands::Context;
use crate::cli::commands::backing;
use crate::cli::commands::sides::{self, Side};
use crate::cli::commands::values::LayoutArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::style::{DONE, FAILED, paint};
use crate::cli::ui::table::{Column, Fitting, Form, TIED, fitted, markdown};
use crate::cli::ui::value_json;
use crate::metrics::{Backing, Difference, Finding, Query, Significance, Subject, diff};
use crate::report::Row;
use crate::scm::Repo;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The old side [default: HEAD]
    a_rev: Option<String>,

    /// The new side [default: the workspace]
    b_rev: Option<String>,

    /// Take as the old side the last commit that it has in common with the new one, or with HEAD
    #[arg(long, requires = "a_rev")]
    merge_base: bool,

    /// Compare only these files and folders
    #[arg(long, value_name = "PATH", num_args = 1..)]
    targets: Vec<String>,

    /// Show what is the same on both sides too
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    layout: LayoutArgs,
}

/// Whether differences of numbers are calculated: a parameter's are of no interest.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Change {
    Shown,
    Hidden,
}

/// Compares two sides.
pub(crate) fn run(
    args: &DiffArgs,
    context: &Context,
    subject: Subject,
    change: Change,
) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let targets = context.paths(&workspace, &args.targets)?;
    let [old, new] = sides(args, &workspace, &Query { subject, targets })?;
    let differences = diff(&old.collection, &new.collection);
    let is_shown = |one: &&Difference| match change {
        Change::Shown => args.all || !one.is_same(),
        Change::Hidden => args.all || !one.is_equal(),
    };
    let shown: Vec<&Difference> = differences.iter().filter(is_shown).collect();
    let backing = match change {
        Change::Shown => backing::of_change(&workspace, &old, &new)?,
        Change::Hidden => Backing::default(),
    };
    let text = match args.layout.form() {
        Form::Json => to_json(&shown, &backing),
        form => {
            let several = shown.iter().any(|one| one.path != shown[0].path);
            let listing = Listing {
                old_name: &old.name,
                new_name: &new.name,
                with_path: several && !args.layout.no_path,
                change,
                precision: args.layout.precision,
                backing: &backing,
            };
            let hidden = differences.len() - shown.len();
            listing.render(&shown, hidden, form)
        }
    };
    ui::print(&text)?;
    ui::eprint(&ui::backing::notes(&backing));
    let exit = tell(old, new, subject);
    Ok(ui::backing::tell_faults(backing, exit))
}

/// Collects both sides.
fn sides(args: &DiffArgs, workspace: &Workspace, query: &Query) -> Result<[Side; 2], CliError> {
    let old_name = args.a_rev.as_deref().unwrap_or("HEAD");
    let repo = Repo::open(workspace.root())?;
    let old = if args.merge_base {
        let base = repo.merge_base(old_name, args.b_rev.as_deref())?;
        base.ok_or_else(|| no_common_commit(args, old_name))?
    } else {
        sides::revision(workspace, old_name)?
    };
    let old = Side::at(workspace, query, old)?;
    let new = match &args.b_rev {
        Some(name) => Side::at(workspace, query, sides::revision(workspace, name)?)?,
        None => Side::here(workspace, query)?,
    };
    for target in &query.targets {
        let is_lost = |side: &Side| side.collection.missing.contains(target);
        if is_lost(&old) && is_lost(&new) {
            let message = format!("`{target}` is neither in {} nor in {}", old.name, new.name);
            let hint = "name a file that one of the two sides has";
            return Err(CliError::usage(message, hint));
        }
    }
    Ok([old, new])
}

fn no_common_commit(args: &DiffArgs, old: &str) -> CliError {
    let new = args.b_rev.as_deref().unwrap_or("HEAD");
    let message = format!("{old} and {new} have no commit in common here");
    let hint = "`git fetch --unshallow` gets the whole history, if this clone lacks it";
    CliError::failed(message, hint)
}

/// Tells of what could not be read. A file that the old side never had is no mistake, nor is one that
/// nobody has made yet.
fn tell(old: Side, new: Side, subject: Subject) -> Exit {
    let lost = old.lost.clone();
    let had = |path: &&RepoPath| old.collection.files.contains_key(*path);
    let is_begun = !new.collection.files.is_empty();
    let missing = new.collection.missing.iter();
    let missing: Vec<RepoPath> = missing
        .filter(|path| is_begun || had(path))
        .cloned()
        .collect();
    let exits = [old.tell(&lost, subject), new.tell(&missing, subject)];
    if exits.contains(&Exit::Error) {
        Exit::Error
    } else {
        Exit::Success
    }
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
        let with_evidence = self.has_evidence(shown);
        let columns = self.columns(with_evidence);
        let rows = shown.iter().map(|one| self.row(one, form, with_evidence));
        let rows: Vec<Vec<String>> = rows.collect();
        if form == Form::Markdown {
            return markdown(&columns, &rows);
        }
        let fitting = Fitting {
            columns: &columns,
            rows: &rows,
            shares_first: self.with_path,
            ends_with_notes: with_evidence,
        };
        fitted(&fitting) + &note
    }

    fn columns(&self, with_evidence: bool) -> Vec<Column<'_>> {
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
        let evidence = with_evidence.then_some(text("evidence"));
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
        let tie = if form == Form::Text { TIED } else { " " };
        let change = format!("{} {}", row.arrow, row.delta);
        let mut change = change.trim().replace(' ', tie);
        let finding = self.backing.get(&difference.path, &difference.key);
        let evidence = with_evidence.then(|| ui::backing::cell(finding, &row.delta, form));
        let is_noise = finding.and_then(Finding::significance) == Some(Significance::Noise);
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
            change = format!("{change}{tie}{tie}{verdict}");
        }
        let change = (self.change == Change::Shown).then_some(change);
        path.into_iter()
            .chain([row.label, row.old, row.new])
            .map(|cell| Shown(&cell).to_string())
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
        let side = |value: &Option<Value>| value.as_ref().map_or(json!(null), value_json);
        sides.insert("old".to_owned(), side(&one.old));
        sides.insert("new".to_owned(), side(&one.new));
        let is_finite = |change: &Value| change.as_number().is_some_and(f64::is_finite);
        if let Some(change) = one.change().filter(is_finite) {
            sides.insert("diff".to_owned(), json!(change));
        }
        ui::backing::add_json(backing.get(&one.path, &one.key), &mut sides);
        let file = files
            .entry(one.path.to_string())
            .or_insert_with(|| json!({}));
        if let Some(file) = file.as_object_mut() {
            file.insert(one.key.clone(), json!(sides));
        }
    }
    format!("{:#}\n", json!(files))
}

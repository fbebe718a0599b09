//! `metrics show` and `params show`: the values of the workspace, or of many revisions.

use std::collections::BTreeMap;
use std::rc::Rc;

use clap::Args;
use serde_json::{Map, json};

use crate::base::path::RepoPath;
use crate::base::shown::Shown;
use crate::base::source::Snapshot;
use crate::base::value::Value;
use crate::cli::commands::Context;
use crate::cli::commands::backing;
use crate::cli::commands::sides::Side;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::table::{Column, Fitting, Form, fitted, markdown};
use crate::cli::ui::value_json;
use crate::metrics::{Backing, Query, Subject, show_value};
use crate::report::shorten_digest;
use crate::scm::{Reach, Repo, Revision};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Only these files, listed or not, and those in these folders
    targets: Vec<String>,

    /// Show those of the tips of all branches as well
    #[arg(short, long)]
    all_branches: bool,

    /// Show those of all tags as well
    #[arg(short = 'T', long)]
    all_tags: bool,

    /// Show those of all commits as well
    #[arg(short = 'A', long)]
    all_commits: bool,

    #[command(flatten)]
    layout: LayoutArgs,
}

/// How values are laid out.
#[derive(Debug, Args)]
pub(super) struct LayoutArgs {
    /// Print JSON
    #[arg(long, conflicts_with = "md")]
    json: bool,

    /// Print a markdown table
    #[arg(long)]
    md: bool,

    /// Leave out the column of files
    #[arg(long)]
    pub(super) no_path: bool,

    /// Write numbers with this many digits behind the point [default: as many as matter]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=15))]
    pub(super) precision: Option<u8>,
}

impl LayoutArgs {
    /// Returns the form that was asked for.
    pub(super) fn form(&self) -> Form {
        Form::choose(self.json, self.md)
    }
}

impl ShowArgs {
    fn reaches(&self) -> Vec<Reach> {
        let all = [
            self.all_branches.then_some(Reach::Branches),
            self.all_tags.then_some(Reach::Tags),
            self.all_commits.then_some(Reach::All),
        ];
        all.into_iter().flatten().collect()
    }
}

/// The values of each file.
type Files = BTreeMap<RepoPath, Vec<(String, Value)>>;

/// The values of one revision, which others may share, or of the workspace.
struct Block {
    name: String,
    files: Rc<Files>,
}

/// Shows values.
pub(crate) fn show(args: &ShowArgs, context: &Context, subject: Subject) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let targets = context.paths(&workspace, &args.targets)?;
    let is_chosen = !targets.is_empty();
    let query = Query { subject, targets };
    let here = Side::here(&workspace, &query)?;
    let files = Rc::new(here.collection.files.clone());
    let is_begun = !files.is_empty() || is_chosen;
    let backing = match subject {
        Subject::Metrics => backing::of_workspace(&workspace, &here.collection)?,
        Subject::Params | Subject::ParamsOfStages => Backing::default(),
    };
    let name = here.name.clone();
    let mut blocks = vec![Block { name, files }];
    let reaches = args.reaches();
    let past = add_past(&workspace, &query, &reaches, &mut blocks)?;
    // What is known of the workspace's values is not known of others.
    let listing = Listing {
        args,
        subject,
        backing: Some(&backing).filter(|_| reaches.is_empty() && !backing.is_empty()),
    };
    let text = match (args.layout.form(), reaches.is_empty()) {
        (Form::Json, true) => format!("{:#}\n", listing.json(&blocks[0])),
        (Form::Json, false) => {
            let blocks = blocks.iter();
            let named = blocks.map(|block| (block.name.clone(), files_json(block)));
            format!("{:#}\n", json!(named.collect::<Map<_, _>>()))
        }
        (form, true) => listing.table(&blocks[0], form),
        (form, false) => listing.blocks(&blocks, form),
    };
    ui::print(&text)?;
    // Where nothing was made yet, the text above says so.
    let missing = here.collection.missing.clone();
    let missing = if is_begun { missing } else { Vec::new() };
    let exit = here.tell(&missing, subject);
    let exit = if past == Exit::Success { exit } else { past };
    Ok(ui::backing::tell_faults(backing, exit))
}

/// Adds the values of revisions; what two of them have in common is read once. One that cannot be
/// read does not hide the others.
fn add_past(
    workspace: &Workspace,
    query: &Query,
    reaches: &[Reach],
    blocks: &mut Vec<Block>,
) -> Result<Exit, CliError> {
    let mut exit = Exit::Success;
    if reaches.is_empty() {
        return Ok(exit);
    }
    let mut read: BTreeMap<String, Rc<Files>> = BTreeMap::new();
    for revision in Repo::open(workspace.root())?.revisions(reaches)? {
        let (tree, name) = (revision.tree(), revision.name().to_owned());
        let files = if let Some(files) = read.get(&tree) {
            Rc::clone(files)
        } else {
            let (files, told) = values_at(workspace, query, revision);
            if told != Exit::Success {
                exit = told;
            }
            let files = Rc::new(files);
            read.insert(tree, Rc::clone(&files));
            files
        };
        blocks.push(Block { name, files });
    }
    Ok(exit)
}

fn values_at(workspace: &Workspace, query: &Query, revision: Revision) -> (Files, Exit) {
    match Side::at(workspace, query, revision) {
        Ok(mut side) => {
            let files = std::mem::take(&mut side.collection.files);
            let lost = std::mem::take(&mut side.lost);
            (files, side.tell(&lost, query.subject))
        }
        Err(error) => {
            ui::eprint(&ui::diagnostics::render(&error));
            (Files::new(), Exit::Error)
        }
    }
}

fn files_json(block: &Block) -> serde_json::Value {
    let files = block.files.iter().map(|(path, leaves)| {
        let leaves = leaves.iter();
        let leaves = leaves.map(|(key, value)| (key.clone(), value_json(value)));
        (path.to_string(), json!(leaves.collect::<Map<_, _>>()))
    });
    json!(files.collect::<Map<_, _>>())
}

/// Returns the intervals of the values that have one, by file and key.
fn intervals_json(block: &Block, backing: &Backing) -> Map<String, serde_json::Value> {
    let files = block.files.iter().map(|(file, leaves)| {
        let known = leaves.iter().filter_map(|(key, _)| {
            let interval = ui::backing::interval_json(backing.get(file, key))?;
            Some((key.clone(), interval))
        });
        (file.to_string(), known.collect::<Map<_, _>>())
    });
    let files = files.filter(|(_, known)| !known.is_empty());
    files.map(|(file, known)| (file, json!(known))).collect()
}

/// Where intervals are in JSON, beside the files: no path of a file begins so.
const INTERVALS: &str = "/intervals";

/// How values are laid out.
struct Listing<'a> {
    args: &'a ShowArgs,
    subject: Subject,
    /// What predictions say of the values, if anything.
    backing: Option<&'a Backing>,
}

impl Listing<'_> {
    /// Writes the values of the workspace, and beside the files what is known of where they lie.
    fn json(&self, block: &Block) -> serde_json::Value {
        let mut files = files_json(block);
        let intervals = self.backing.map(|backing| intervals_json(block, backing));
        if let (Some(files), Some(intervals)) = (files.as_object_mut(), intervals)
            && !intervals.is_empty()
        {
            files.insert(INTERVALS.to_owned(), json!(intervals));
        }
        files
    }

    fn blocks(&self, blocks: &[Block], form: Form) -> String {
        let block = |block: &Block| {
            let name = match form {
                Form::Markdown => format!("**{}**\n", crate::report::escape(&block.name)),
                _ => Shown(&block.name).to_string(),
            };
            format!("{name}\n{}", self.table(block, form))
        };
        blocks.iter().map(block).collect::<Vec<_>>().join("\n")
    }

    fn table(&self, block: &Block, form: Form) -> String {
        let with_path = block.files.len() > 1 && !self.args.layout.no_path;
        let column = |name, is_number| Column { name, is_number };
        let noun = match self.subject {
            Subject::Metrics => "metric",
            Subject::Params | Subject::ParamsOfStages => "param",
        };
        let path = with_path.then_some(column("path", false));
        let columns = path.into_iter();
        let interval = self.backing.map(|_| column("95 % CI", false));
        let columns: Vec<Column<'_>> = columns
            .chain([column(noun, false), column("value", true)])
            .chain(interval)
            .collect();
        let cell = |text: &str| Shown(text).to_string();
        let rows = block.files.iter().flat_map(|(file, leaves)| {
            leaves.iter().map(move |(key, value)| {
                let path = with_path.then(|| cell(file.as_str()));
                // A file may hold one value and no keys.
                let key_shown = if key.is_empty() { file.as_str() } else { key };
                let value = self.value(value);
                let interval = self
                    .backing
                    .map(|backing| ui::backing::interval_cell(backing.get(file, key)));
                path.into_iter()
                    .chain([cell(key_shown), cell(&value)])
                    .chain(interval)
                    .collect()
            })
        });
        let rows: Vec<Vec<String>> = rows.collect();
        match form {
            _ if rows.is_empty() => self.nothing(block),
            Form::Markdown => markdown(&columns, &rows),
            _ => fitted(&Fitting {
                columns: &columns,
                rows: &rows,
                shares_first: with_path,
                ends_with_notes: false,
            }),
        }
    }

    fn value(&self, value: &Value) -> String {
        match self.subject {
            Subject::Metrics => shorten_digest(&show_value(value, self.args.layout.precision)),
            // A parameter is what somebody wrote, to the last digit.
            Subject::Params | Subject::ParamsOfStages => match self.args.layout.precision {
                Some(_) => show_value(value, self.args.layout.precision),
                None => value.to_string(),
            },
        }
    }

    fn nothing(&self, block: &Block) -> String {
        match (self.subject, block.name.as_str()) {
            (Subject::Metrics, "workspace") if block.files.is_empty() => {
                "no metrics: no stage lists any in the project, or none was made yet\n".to_owned()
            }
            (Subject::Metrics, _) => "no metrics\n".to_owned(),
            _ => "no params\n".to_owned(),
        }
    }
}

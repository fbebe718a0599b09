//! `mlpipe ls`.

use clap::Args;
use serde_json::{Value, json};

use crate::base::human;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::changes::shown;
use crate::data::{Depth, Inquiry, Inventory, Listed, Owner, Sizes, Uncached};

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// A folder or file of the project [default: the current folder]
    path: Option<String>,

    /// List what a branch, tag or commit has [default: what git and data.lock have now]
    #[arg(long)]
    rev: Option<String>,

    /// List all files below, not only what lies in the folder
    #[arg(short = 'R', long)]
    recursive: bool,

    /// Print sizes
    #[arg(long)]
    size: bool,

    /// Print the hashes of tracked data
    #[arg(long)]
    hash: bool,

    /// List tracked data and outs only
    #[arg(long, alias = "dvc-only")]
    data_only: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists files of git and tracked data together.
pub(crate) fn run(args: &LsArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let path = context.path(&workspace, args.path.as_deref().unwrap_or("."))?;
    let revision = args.rev.as_deref().map(|name| workspace.revision(name));
    let revision = revision.transpose()?;
    let inventory = match &revision {
        Some(revision) => Inventory::at(revision)?,
        None => Inventory::here(&workspace, &Uncached::here(&workspace))?,
    };
    let inquiry = Inquiry {
        workspace: &workspace,
        revision: revision.as_ref(),
        inventory: &inventory,
        path: &path,
        depth: if args.recursive {
            Depth::Files
        } else {
            Depth::Folder
        },
        owner: if args.data_only {
            Owner::Data
        } else {
            Owner::Anybody
        },
        sizes: if args.size || args.json {
            Sizes::All
        } else {
            Sizes::Recorded
        },
    };
    let Some(listing) = inquiry.list()? else {
        let place = args.rev.as_deref().unwrap_or("the project");
        let what = if args.data_only { "data" } else { "file" };
        let hint = "`mlpipe ls --recursive` lists all there is; untracked files are no part of it";
        let message = format!("there is no {what} at `{path}` in {place}");
        return Err(CliError::failed(message, hint));
    };
    let text = if args.json {
        let entries: Vec<Value> = listing.entries.iter().map(as_json).collect();
        format!("{:#}\n", Value::Array(entries))
    } else {
        lines(&listing.entries, args)
    };
    ui::print(&text)?;
    for folder in &listing.unknown {
        context.say(&format!(
            "the files of {folder} are unknown: the cache does not have their list\n"
        ));
    }
    Ok(Exit::Success)
}

fn lines(entries: &[Listed], args: &LsArgs) -> String {
    let size = |entry: &Listed| entry.size.map_or_else(|| "-".to_owned(), human::size);
    let sizes: Vec<String> = entries.iter().map(size).collect();
    let width = sizes.iter().map(String::len).max().unwrap_or_default();
    let mut text = String::new();
    for (entry, size) in entries.iter().zip(&sizes) {
        if args.size {
            text += &format!("{size:>width$}  ");
        }
        if args.hash {
            let digest = entry.digest.map(|digest| digest.to_string());
            text += &format!("{:64}  ", digest.as_deref().unwrap_or("-"));
        }
        text += &shown(&entry.path);
        text.push('\n');
    }
    text
}

/// DVC's keys, and the hash.
fn as_json(entry: &Listed) -> Value {
    json!({
        "path": entry.path.trim_end_matches('/'),
        "isout": entry.is_data,
        "isdir": entry.path.ends_with('/'),
        "isexec": entry.executable,
        "size": entry.size,
        "hash": entry.digest,
    })
}

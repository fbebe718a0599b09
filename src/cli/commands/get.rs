//! `mlpipe get`, `get-url` and `ls-url`: to have something without tracking it.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::base::cancel::CancelToken;
use crate::base::human;
use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::commands::import::overwrite;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::progress::Spinner;
use crate::imports::{self, Donor, Origin, Part, Stock, Target};
use crate::pipeline::Content;

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The repository: a folder, or a URL that git can clone
    url: String,

    /// The file or folder in it, be it in git or tracked as data
    path: String,

    /// Where it goes [default: its own name, here]
    #[arg(short, long, value_name = "PATH")]
    out: Option<PathBuf>,

    /// The branch, tag or commit to take it from [default: the default branch]
    #[arg(long)]
    rev: Option<String>,

    /// Replace what is there
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GetUrlArgs {
    /// A URL of any scheme that remotes have, a path, or `remote://NAME/PATH`
    url: String,

    /// Where it goes [default: its own name, here]
    out: Option<PathBuf>,

    /// Replace what is there
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LsUrlArgs {
    /// A URL of any scheme that remotes have, a path, or `remote://NAME/PATH`
    url: String,

    /// Print sizes
    #[arg(long)]
    size: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Fetches what another repository has.
pub(crate) fn run(args: &GetArgs, context: &Context) -> Result<Exit, CliError> {
    let inner = RepoPath::parse(args.path.trim_end_matches('/'));
    let inner = inner.map_err(imports::Error::from)?;
    let donor = Donor::open(&args.url, &context.folder)?;
    let stock = donor.at(args.rev.as_deref())?;
    fetch(&stock, &inner, args.out.as_ref(), args.force, context)
}

/// Fetches what a repository has at some commit to `out`, or to its own name here.
pub(super) fn fetch(
    stock: &Stock<'_>,
    inner: &RepoPath,
    out: Option<&PathBuf>,
    force: bool,
    context: &Context,
) -> Result<Exit, CliError> {
    let out = out.cloned().unwrap_or_else(|| PathBuf::from(inner.name()));
    let target = Target::prepare(&context.folder, &out, overwrite(force))?;
    let spinner = Spinner::new("fetching", context.quiet);
    let content = stock.bring(inner, target.cache(), spinner.meter())?;
    target.fill(&content, spinner.meter())?;
    drop(spinner);
    told(&out, &content, context);
    Ok(Exit::Success)
}

/// Fetches what is at a URL.
pub(crate) fn run_url(args: &GetUrlArgs, context: &Context) -> Result<Exit, CliError> {
    let origin = open(&args.url, context)?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(origin.name()));
    let target = Target::prepare(&context.folder, &out, overwrite(args.force))?;
    let spinner = Spinner::new("fetching", context.quiet);
    let parts = origin.parts()?;
    let content = origin.bring(&parts, target.cache(), spinner.meter())?;
    target.fill(&content, spinner.meter())?;
    drop(spinner);
    told(&out, &content, context);
    Ok(Exit::Success)
}

/// Lists what is at a URL.
pub(crate) fn run_list(args: &LsUrlArgs, context: &Context) -> Result<Exit, CliError> {
    let origin = open(&args.url, context)?;
    let parts = origin.parts()?;
    let name = |inner: &str| match inner {
        "" => origin.name().to_owned(),
        inner => inner.to_owned(),
    };
    let text: String = if args.json {
        let entries: Vec<Value> = parts
            .iter()
            .map(|part| json!({"path": name(&part.inner), "size": part.size()}))
            .collect();
        format!("{:#}\n", Value::Array(entries))
    } else if args.size {
        let line = |part: &Part| {
            let (size, name) = (human::size(part.size()), name(&part.inner));
            format!("{size:>9}  {name}\n")
        };
        parts.iter().map(line).collect()
    } else {
        let line = |part: &Part| format!("{}\n", name(&part.inner));
        parts.iter().map(line).collect()
    };
    ui::print(&text)?;
    Ok(Exit::Success)
}

/// Opens a URL; the names of remotes are those of the project around, if there is one.
fn open(url: &str, context: &Context) -> Result<Origin, CliError> {
    let workspace = context.workspace().ok();
    let settings = workspace
        .as_ref()
        .map(crate::workspace::Workspace::settings);
    let cancel = CancelToken::default();
    Ok(Origin::open(url, &context.folder, settings, &cancel)?)
}

fn told(out: &std::path::Path, content: &Content, context: &Context) {
    let amount = ui::data::amount(content);
    context.say(&format!("{}  fetched  {amount}\n", out.display()));
}

//! `mlpipe import` and `mlpipe import-url`.

use clap::Args;

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::progress::Spinner;
use crate::exchange;
use crate::imports::{self, Donor, Imported, Origin, Overwrite};
use crate::pipeline::{Content, Source};
use crate::remote::Depot;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The repository: a folder, or a URL that git can clone
    url: String,

    /// The file or folder in it, be it in git or tracked as data
    path: String,

    /// Where it goes [default: its own name, here]
    #[arg(short, long, value_name = "PATH")]
    out: Option<String>,

    /// The branch, tag or commit to take it from, now and at each update [default: the default branch]
    #[arg(long)]
    rev: Option<String>,

    /// Record what is there now, and download nothing; `mlpipe update` does
    #[arg(long)]
    no_download: bool,

    /// Replace what is there; a copy is kept in .mlpipe/kept
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportUrlArgs {
    /// A URL of any scheme that remotes have, a path, or `remote://NAME/PATH`
    url: String,

    /// Where it goes [default: its own name, here]
    out: Option<String>,

    /// Record what is there now, and download nothing; `mlpipe update` does
    #[arg(long, conflicts_with = "to_remote")]
    no_download: bool,

    /// Pass it on to a remote and keep nothing of it here; `mlpipe pull` brings it
    #[arg(long)]
    to_remote: bool,

    /// With `--to-remote`: which one [default: the default one]
    #[arg(short, long, value_name = "NAME", requires = "to_remote")]
    remote: Option<String>,

    /// Replace what is there; a copy is kept in .mlpipe/kept
    #[arg(short, long)]
    force: bool,
}

/// Tracks what another repository has.
pub(crate) fn run(args: &ImportArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let inner = RepoPath::parse(args.path.trim_end_matches('/'));
    let inner = inner.map_err(imports::Error::from)?;
    let out = args.out.as_deref().unwrap_or(inner.name());
    let path = context.path(&workspace, out)?;
    check_place(&path, args.force, &workspace, context)?;
    let donor = Donor::open(&args.url, &context.folder)?;
    let stock = donor.at(args.rev.as_deref())?;
    let spinner = Spinner::new("importing", context.quiet);
    let source = Source {
        from: seen_from_root(&args.url, &workspace, context),
        path: Some(inner.to_string()),
        rev: args.rev.clone(),
        commit: Some(stock.commit.clone()),
        etag: None,
    };
    if args.no_download {
        drop(spinner);
        return note(&path, None, &source, &workspace, context);
    }
    let content = stock.bring(&inner, &workspace.cache, spinner.meter())?;
    let mut access = context.access(&workspace)?;
    let found = (&path, content);
    let imported = imports::import(&mut access, &workspace, found, &source, spinner.meter())?;
    drop(spinner);
    told(&imported, &workspace, context)
}

/// Tracks what is at a URL.
pub(crate) fn run_url(args: &ImportUrlArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let cancel = CancelToken::default();
    let settings = Some(workspace.settings());
    let origin = Origin::open(&args.url, &context.folder, settings, &cancel)?;
    let out = args.out.as_deref().unwrap_or(origin.name());
    let path = context.path(&workspace, out)?;
    check_place(&path, args.force, &workspace, context)?;
    let depot = destined(args.to_remote, args.remote.as_deref(), &workspace)?;
    let spinner = Spinner::new("importing", context.quiet);
    let parts = origin.settled_parts()?;
    let source = Source {
        from: seen_from_root(&args.url, &workspace, context),
        path: None,
        rev: None,
        commit: None,
        etag: Origin::etag(&parts),
    };
    if args.no_download || depot.is_some() {
        let place = depot.as_ref().map(|depot| (&workspace, depot));
        let pass = |place| imports::pass_on(&origin, &parts, place, spinner.meter());
        let content = place.map(pass).transpose()?;
        drop(spinner);
        return note(&path, content, &source, &workspace, context);
    }
    let content = origin.bring(&parts, &workspace.cache, spinner.meter())?;
    let mut access = context.access(&workspace)?;
    let found = (&path, content);
    let imported = imports::import(&mut access, &workspace, found, &source, spinner.meter())?;
    drop(spinner);
    told(&imported, &workspace, context)
}

/// Refuses where it cannot be tracked before anything is fetched, which may take hours.
fn check_place(
    path: &RepoPath,
    force: bool,
    workspace: &Workspace,
    context: &Context,
) -> Result<(), CliError> {
    let access = context.access(workspace)?;
    imports::check_place(&access, workspace, path, overwrite(force))?;
    Ok(())
}

/// Opens the remote that data is to be passed on to, if it is.
pub(super) fn destined(
    to_remote: bool,
    name: Option<&str>,
    workspace: &Workspace,
) -> Result<Option<Depot>, CliError> {
    let open = || exchange::open(workspace, name, None, &CancelToken::default());
    Ok(to_remote.then(open).transpose()?)
}

/// Records what is not in place: at a remote, or only at its source.
fn note(
    path: &RepoPath,
    content: Option<Content>,
    source: &Source,
    workspace: &Workspace,
    context: &Context,
) -> Result<Exit, CliError> {
    let mut access = context.access(workspace)?;
    let kept = imports::import_absent(&mut access, workspace, (path, content), source)?;
    match content {
        Some(content) => {
            let amount = ui::data::amount(&content);
            context.say(&format!(
                "{path}  passed on  {amount}; `mlpipe pull {path}` brings it\n"
            ));
        }
        None => context.say(&format!(
            "{path}  recorded; `mlpipe update {path}` downloads it\n"
        )),
    }
    told_rest(path, kept.as_deref(), workspace, context)
}

/// Returns what `--force` means.
pub(super) fn overwrite(force: bool) -> Overwrite {
    if force {
        Overwrite::Always
    } else {
        Overwrite::Never
    }
}

/// Writes a relative path as it is from the root, where updates begin.
fn seen_from_root(url: &str, workspace: &Workspace, context: &Context) -> String {
    let is_path =
        !url.contains("://") && context.folder.join(url).exists() && !url.starts_with('/');
    let folder = is_path.then(|| context.path(workspace, ".").ok()).flatten();
    let found = folder.and_then(|folder| AnyPath::resolve(workspace.root(), &folder, url).ok());
    found.map_or_else(|| url.to_owned(), |path| path.as_str().to_owned())
}

fn told(imported: &Imported, workspace: &Workspace, context: &Context) -> Result<Exit, CliError> {
    let (path, amount) = (&imported.path, ui::data::amount(&imported.content));
    context.say(&format!("{path}  imported  {amount}\n"));
    told_rest(path, imported.kept.as_deref(), workspace, context)
}

fn told_rest(
    path: &RepoPath,
    kept: Option<&str>,
    workspace: &Workspace,
    context: &Context,
) -> Result<Exit, CliError> {
    if let Some(kept) = kept {
        ui::eprint(&format!("what was at {path} is kept as {kept}\n"));
    }
    if workspace.repo()?.is_some() {
        let ignore = match path.parent() {
            folder if folder.is_root() => ".gitignore".to_owned(),
            folder => format!("{folder}/.gitignore"),
        };
        context.say(&format!("next: git add data.lock {ignore}\n"));
    }
    Ok(Exit::Success)
}

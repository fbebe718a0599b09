//! `mlpipe remote`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::base::any_path::walk;
use crate::cli::commands::Context;
use crate::cli::commands::config::{LevelArgs, change, find_root};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::config::{self, Key, Layer, Level, RemoteEntry, Settings, URL, is_secret};
use crate::remote::{Options, Place, shown};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    #[command(subcommand)]
    command: RemoteCommand,
}

#[derive(Debug, Subcommand)]
enum RemoteCommand {
    /// Name a place that data is pushed to and pulled from
    Add(AddArgs),
    /// List the remotes
    List(ListArgs),
    /// Set an option of a remote, or take it out
    Modify(ModifyArgs),
    /// Show or change which remote is meant where none is named
    Default(DefaultArgs),
    /// Forget a remote; what it holds stays there
    Remove(RemoveArgs),
    /// Give a remote another name
    Rename(RenameArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    #[command(flatten)]
    level: LevelArgs,

    /// Let it be the one that is meant where none is named
    #[arg(short, long)]
    default: bool,

    /// Replace a remote of this name
    #[arg(short, long)]
    force: bool,

    /// What to call it
    name: String,

    /// Where it is: a folder, or a URL that begins with s3://, gs://, azure://, gdrive://, ssh://, sftp://,
    /// webdav://, webdavs://, http://, https:// or webhdfs://
    url: String,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    level: LevelArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ModifyArgs {
    #[command(flatten)]
    level: LevelArgs,

    /// Take the option out of its file
    #[arg(short, long, conflicts_with = "value")]
    unset: bool,

    /// Which remote
    name: String,

    /// The option, as in `endpointurl` or `layout`
    option: String,

    /// What to set it to
    #[arg(required_unless_present = "unset")]
    value: Option<String>,
}

#[derive(Debug, Args)]
struct DefaultArgs {
    #[command(flatten)]
    level: LevelArgs,

    /// Have no default any more
    #[arg(short, long, conflicts_with = "name")]
    unset: bool,

    /// Which remote [default: print which it is]
    name: Option<String>,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    #[command(flatten)]
    level: LevelArgs,

    /// Which remote
    name: String,
}

#[derive(Debug, Args)]
struct RenameArgs {
    #[command(flatten)]
    level: LevelArgs,

    /// What it is called
    old: String,

    /// What it is to be called
    new: String,
}

/// Shows or changes the remotes.
pub(crate) fn run(args: &RemoteArgs, context: &Context) -> Result<Exit, CliError> {
    match &args.command {
        RemoteCommand::Add(args) => add(args, context)?,
        RemoteCommand::List(args) => list(args, context)?,
        RemoteCommand::Modify(args) => modify(args, context)?,
        RemoteCommand::Default(args) => default(args, context)?,
        RemoteCommand::Remove(args) => remove(args, context)?,
        RemoteCommand::Rename(args) => rename(args, context)?,
    }
    Ok(Exit::Success)
}

fn add(args: &AddArgs, context: &Context) -> Result<(), CliError> {
    let level = args.level.to_change();
    let root = find_root(Some(level), context)?;
    let root = root.as_deref();
    let known = entries(&[level], root)?;
    if !args.force && known.iter().any(|entry| entry.name == args.name) {
        let message = format!("there is a remote `{}` already", args.name);
        return Err(CliError::failed(message, "`--force` replaces it"));
    }
    let url = as_written(&args.url, level, root, context)?;
    // What can never be used is a slip, to be told now.
    match Place::parse(&url, &Options::new(), root.unwrap_or(Path::new("/"))) {
        Ok(_) | Err(crate::remote::Error::Setting { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let editing = guard(level, root)?;
    if args.force && known.iter().any(|entry| entry.name == args.name) {
        config::unset_remote(&args.name, None, level, root)?;
    }
    let file = config::set_remote(&args.name, URL, &url, level, root)?;
    context.say(&format!("added the remote `{}` to `{file}`\n", args.name));
    drop(editing);
    if args.default {
        change(
            level,
            Key::DefaultRemote.as_str(),
            Some(&args.name),
            context,
        )?;
    }
    Ok(())
}

fn list(args: &ListArgs, context: &Context) -> Result<(), CliError> {
    let named = args.level.named();
    let root = find_root(named, context)?;
    let levels = named.map_or_else(|| Level::ALL.to_vec(), |level| vec![level]);
    let entries = entries(&levels, root.as_deref())?;
    let default = root.as_deref().map(Settings::load).transpose()?;
    let default = default.and_then(|settings| settings.default_remote);
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let url_of = |name: &str| {
        let mut urls = entries
            .iter()
            .filter(|entry| entry.name == name && entry.option == URL);
        urls.next_back().map(|entry| shown(&entry.value))
    };
    if args.json {
        let options = |name: &str| {
            let own = entries.iter().filter(|entry| entry.name == name);
            let shown: serde_json::Map<String, serde_json::Value> = own
                .map(|entry| (entry.option.clone(), json!(shown_value(entry))))
                .collect();
            let levels = entries.iter().filter(|entry| entry.name == name);
            let mut levels: Vec<&str> = levels.map(|entry| entry.level.as_str()).collect();
            levels.dedup();
            json!({
                "name": name,
                "options": shown,
                "levels": levels,
                "default": default.as_deref() == Some(name),
            })
        };
        let all: Vec<_> = names.into_iter().map(options).collect();
        return Ok(ui::print(&format!(
            "{:#}\n",
            serde_json::Value::Array(all)
        ))?);
    }
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let line = |name: &&str| {
        let mark = if default.as_deref() == Some(name) {
            "  (default)"
        } else {
            ""
        };
        let url = url_of(name).unwrap_or_else(|| "(no url)".to_owned());
        format!("{name:<width$}  {url}{mark}\n")
    };
    Ok(ui::print(&names.iter().map(line).collect::<String>())?)
}

fn shown_value(entry: &RemoteEntry) -> String {
    if is_secret(&entry.option) {
        return "***".to_owned();
    }
    shown(&entry.value)
}

fn modify(args: &ModifyArgs, context: &Context) -> Result<(), CliError> {
    let level = args.level.to_change();
    let root = find_root(Some(level), context)?;
    let root = root.as_deref();
    require(&args.name, root)?;
    let _editing = guard(level, root)?;
    let (name, option) = (&args.name, &args.option);
    let (done, file) = if let Some(value) = &args.value {
        let value = match option.as_str() {
            URL => as_written(value, level, root, context)?,
            _ => value.clone(),
        };
        check(option, &value)?;
        let file = config::set_remote(name, option, &value, level, root)?;
        ("set", file)
    } else {
        let file = config::unset_remote(name, Some(option), level, root)?;
        ("unset", file)
    };
    context.say(&format!(
        "{done} `{option}` of the remote `{name}` in `{file}`\n"
    ));
    Ok(())
}

/// Refuses a value that the option cannot have.
fn check(option: &str, value: &str) -> Result<(), CliError> {
    let (is_fine, wanted) = match option {
        "layout" => (matches!(value, "packs" | "plain"), "`packs` or `plain`"),
        "jobs" => (
            value.parse::<u16>().is_ok_and(|jobs| jobs > 0),
            "a number from 1 on",
        ),
        "timeout" | "port" => (value.parse::<u16>().is_ok(), "a number"),
        "allow_anonymous_login" | "path_style" => {
            (matches!(value, "true" | "false"), "`true` or `false`")
        }
        _ => (true, ""),
    };
    if is_fine {
        return Ok(());
    }
    let message = format!("`{option}` cannot be `{value}`");
    Err(CliError::usage(message, &format!("write {wanted}")))
}

fn default(args: &DefaultArgs, context: &Context) -> Result<(), CliError> {
    let level = args.level.to_change();
    let root = find_root(Some(level), context)?;
    let key = Key::DefaultRemote;
    match &args.name {
        Some(name) => {
            require(name, root.as_deref())?;
            change(level, key.as_str(), Some(name), context)
        }
        None if args.unset => change(level, key.as_str(), None, context),
        None => {
            let settings = context.workspace()?;
            let (name, _) = settings.settings().remote(None)?;
            Ok(ui::print(&format!("{name}\n"))?)
        }
    }
}

fn remove(args: &RemoveArgs, context: &Context) -> Result<(), CliError> {
    let level = args.level.to_change();
    let root = find_root(Some(level), context)?;
    let root = root.as_deref();
    require(&args.name, root)?;
    let editing = guard(level, root)?;
    let file = config::unset_remote(&args.name, None, level, root)?;
    drop(editing);
    context.say(&format!(
        "removed the remote `{}` from `{file}`\n",
        args.name
    ));
    if is_default_at(level, &args.name, root)? {
        change(level, Key::DefaultRemote.as_str(), None, context)?;
    }
    Ok(())
}

fn rename(args: &RenameArgs, context: &Context) -> Result<(), CliError> {
    let level = args.level.to_change();
    let root = find_root(Some(level), context)?;
    let root = root.as_deref();
    require(&args.old, root)?;
    let all = entries(&Level::ALL, root)?;
    if all.iter().any(|entry| entry.name == args.new) {
        let message = format!("there is a remote `{}` already", args.new);
        return Err(CliError::failed(message, "choose another name"));
    }
    let editing = guard(level, root)?;
    let (old, new) = (&args.old, &args.new);
    if !config::rename_remote(old, new, level, root)? {
        let message = format!("the remote `{old}` is set at another level");
        let hint = "`mlpipe remote list --json` and `--local`, `--global` or `--system` find it";
        return Err(CliError::failed(message, hint));
    }
    drop(editing);
    context.say(&format!("the remote `{old}` is called `{new}` now\n"));
    if is_default_at(level, old, root)? {
        change(level, Key::DefaultRemote.as_str(), Some(new), context)?;
    }
    Ok(())
}

fn guard(
    level: Level,
    root: Option<&Path>,
) -> Result<Option<crate::base::lockfile::FileLock>, CliError> {
    let root = root.filter(|_| level.is_of_project());
    Ok(root.map(Workspace::guard_edits).transpose()?)
}

fn is_default_at(level: Level, name: &str, root: Option<&Path>) -> Result<bool, CliError> {
    let layer = Layer::read(level, root)?;
    let mut entries = layer.entries.iter();
    Ok(entries.any(|entry| entry.key == Key::DefaultRemote && entry.text() == name))
}

/// Refuses a remote that no level knows.
fn require(name: &str, root: Option<&Path>) -> Result<(), CliError> {
    let all = entries(&Level::ALL, root)?;
    if all.iter().any(|entry| entry.name == name) {
        return Ok(());
    }
    let names = all.iter().map(|entry| entry.name.as_str());
    Err(config::no_such_remote(name, names).into())
}

/// Returns what these levels say of remotes, the weakest first.
fn entries(levels: &[Level], root: Option<&Path>) -> Result<Vec<RemoteEntry>, CliError> {
    let mut all = Vec::new();
    for level in levels {
        let layer = Layer::read(*level, root)?;
        if let Some(problem) = layer.problems.into_iter().next() {
            return Err(problem.into());
        }
        all.extend(layer.remotes);
    }
    Ok(all)
}

/// Returns a path as it is written to settings: relative ones to the project, where these are its
/// own. URLs stay as they are.
fn as_written(
    text: &str,
    level: Level,
    root: Option<&Path>,
    context: &Context,
) -> Result<String, CliError> {
    if text.contains("://") || text.starts_with('~') || Path::new(text).is_absolute() {
        return Ok(text.to_owned());
    }
    let here = context.folder.canonicalize()?;
    let path = walk(&here, text);
    let path = match root.filter(|_| level.is_of_project()) {
        Some(root) => relative(&path, root),
        None => path,
    };
    Ok(path.display().to_string())
}

/// Returns the way from `folder` to `path`, which goes up where it must.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let common = folder
        .components()
        .zip(path.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = folder.components().skip(common).map(|_| "..");
    let down = path.components().skip(common);
    up.map(PathBuf::from)
        .chain(down.map(|part| PathBuf::from(part.as_os_str())))
        .collect()
}

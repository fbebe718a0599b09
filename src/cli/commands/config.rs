//! `mlpipe config`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value as Json, json};

use crate::base::value::Value;
use crate::cli::commands::{Context, cache};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::config::{self, Entry, Key, Layer, Level, Settings, effective};
use crate::workspace::{self, Workspace};

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    level: LevelArgs,

    /// Take the setting out of its file
    #[arg(short, long, conflicts_with_all = ["value", "list"], requires = "key")]
    unset: bool,

    /// List all that is set
    #[arg(short, long, conflicts_with_all = ["key", "value"])]
    list: bool,

    /// Say of each setting in which file it is
    #[arg(long, conflicts_with_all = ["value", "unset"])]
    show_origin: bool,

    /// Print JSON
    #[arg(long, conflicts_with_all = ["value", "unset"])]
    json: bool,

    /// The setting, as in `cache.dir`
    #[arg(required_unless_present = "list")]
    key: Option<String>,

    /// What to set it to
    value: Option<String>,
}

/// Whose settings are meant.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct LevelArgs {
    /// The project's settings, which are committed [default when changing one]
    #[arg(long)]
    project: bool,

    /// The settings of this clone, which are not committed
    #[arg(long)]
    local: bool,

    /// The user's settings, for all projects
    #[arg(long)]
    global: bool,

    /// The settings of everybody on this machine
    #[arg(long)]
    system: bool,
}

impl LevelArgs {
    /// Returns the level that was named.
    pub(crate) fn named(&self) -> Option<Level> {
        let flags = [
            (self.project, Level::Project),
            (self.local, Level::Local),
            (self.global, Level::Global),
            (self.system, Level::System),
        ];
        let named = flags.into_iter().find(|(is_named, _)| *is_named);
        named.map(|(_, level)| level)
    }

    /// Returns the level to change.
    pub(crate) fn to_change(&self) -> Level {
        self.named().unwrap_or(Level::Project)
    }
}

/// Shows or changes settings; unlike all other commands it also works where a file is broken.
pub(crate) fn run(args: &ConfigArgs, context: &Context) -> Result<Exit, CliError> {
    match (&args.key, &args.value) {
        (Some(key), Some(value)) => {
            let key: Key = key.parse()?;
            change(args.level.to_change(), key.as_str(), Some(value), context)?;
        }
        (Some(key), None) if args.unset => change(args.level.to_change(), key, None, context)?,
        (Some(key), None) => {
            let write = |entry: &Entry| match (args.json, args.show_origin) {
                (true, _) => format!("{:#}\n", as_json(entry)),
                (_, true) => format!("{}\t{}\n", entry.origin, entry.text()),
                _ => format!("{}\n", entry.text()),
            };
            show(key.parse()?, args.level.named(), write, context)?;
        }
        (None, _) => list(args, context)?,
    }
    Ok(Exit::Success)
}

/// Prints the value that counts, or that of one level.
pub(crate) fn show(
    key: Key,
    level: Option<Level>,
    write: impl Fn(&Entry) -> String,
    context: &Context,
) -> Result<(), CliError> {
    let root = find_root(level, context)?;
    let layers = read(level, root.as_deref())?;
    // A value may not be what it seems while a file cannot be read.
    refuse_problems(&layers)?;
    let found = effective(&layers)
        .into_iter()
        .find(|entry| entry.key == key);
    let Some(entry) = found else {
        let default = key.default_text();
        let place = level.and_then(|level| level.place(root.as_deref()));
        let help = match level {
            Some(_) => format!("`mlpipe config {key}` prints what counts"),
            None => format!("{default}; `mlpipe config {key} VALUE` sets it"),
        };
        let key = key.to_string();
        return Err(config::Error::NotSet { key, place, help }.into());
    };
    Ok(ui::print(&write(entry))?)
}

/// Prints what is set, then says what is wrong.
fn list(args: &ConfigArgs, context: &Context) -> Result<(), CliError> {
    let named = args.level.named();
    let layers = read(named, find_root(named, context)?.as_deref())?;
    let entries = effective(&layers);
    let line = |entry: &&Entry| {
        let origin = if args.show_origin {
            format!("{}\t", entry.origin)
        } else {
            String::new()
        };
        format!("{origin}{}={}\n", entry.key, entry.text())
    };
    let text = if args.json {
        let entries: Vec<Json> = entries.into_iter().map(as_json).collect();
        format!("{:#}\n", Json::Array(entries))
    } else {
        entries.iter().map(line).collect()
    };
    ui::print(&text)?;
    refuse_problems(&layers)
}

fn as_json(entry: &Entry) -> Json {
    json!({
        "key": entry.key.as_str(),
        "value": entry.value,
        "level": entry.level.as_str(),
        "origin": entry.origin,
    })
}

fn refuse_problems(layers: &[Layer]) -> Result<(), CliError> {
    let mut problems = layers.iter().flat_map(|layer| &layer.problems);
    match problems.next() {
        Some(problem) => Err(problem.clone().into()),
        None => Ok(()),
    }
}

/// Sets a setting, or takes it out, and says what that comes to.
pub(crate) fn change(
    level: Level,
    key: &str,
    value: Option<&str>,
    context: &Context,
) -> Result<(), CliError> {
    let root = find_root(Some(level), context)?;
    let root = root.as_deref();
    let before = cache_folder(root)?;
    let guard = root.filter(|_| level.is_of_project());
    let _editing = guard.map(Workspace::guard_edits).transpose()?;
    let (done, file) = match value {
        Some(text) => {
            let value = Value::Text(text.to_owned());
            ("set", config::set(key.parse()?, &value, level, root)?)
        }
        None => ("unset", config::unset(key, level, root)?),
    };
    context.say(&format!("{done} `{key}` in `{file}`\n"));
    tell_stronger(level, key, root, context)?;
    if let (Some(before), Some(after)) = (before, cache_folder(root)?) {
        cache::tell_change(&before, &after, context)?;
    }
    Ok(())
}

/// Says where the setting is, or is still, set so that it counts more.
fn tell_stronger(
    level: Level,
    key: &str,
    root: Option<&Path>,
    context: &Context,
) -> Result<(), CliError> {
    let layers = read(None, root)?;
    for problem in layers.iter().flat_map(|layer| &layer.problems) {
        context.say(&format!("still wrong: {problem}\n"));
    }
    let winner = effective(&layers)
        .into_iter()
        .find(|entry| entry.key.as_str() == key);
    if let Some(entry) = winner.filter(|entry| entry.level > level) {
        context.say(&format!(
            "it does not count here: `{}` sets it to `{}`\n",
            entry.origin,
            entry.text()
        ));
    }
    Ok(())
}

/// Returns where the cache of the project is, as far as its settings can be read.
fn cache_folder(root: Option<&Path>) -> Result<Option<PathBuf>, CliError> {
    let Some(root) = root else { return Ok(None) };
    Ok(Some(Settings::of(root, &read(None, Some(root))?).cache.dir))
}

/// Reads the layer of a level, or all layers.
fn read(level: Option<Level>, root: Option<&Path>) -> Result<Vec<Layer>, CliError> {
    let levels = Level::ALL.into_iter();
    let chosen = levels.filter(|one| level.is_none_or(|level| level == *one));
    let layers: Result<_, _> = chosen.map(|level| Layer::read(level, root)).collect();
    Ok(layers?)
}

/// Finds the project's folder. Without a project there are still the settings of the user.
pub(crate) fn find_root(
    level: Option<Level>,
    context: &Context,
) -> Result<Option<PathBuf>, CliError> {
    match Workspace::find_root(&context.folder) {
        Err(workspace::Error::NoProject { .. }) if !level.is_some_and(Level::is_of_project) => {
            Ok(None)
        }
        root => Ok(Some(root?)),
    }
}

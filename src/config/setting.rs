//! `Setting`: a setting with a value of its type, read from the value in a file or a variable.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::base::any_path::AnyPath;
use crate::base::path::{PathError, RepoPath};
use crate::base::value::Value;
use crate::config::key::Key;
use crate::config::level::{Level, home};
use crate::store::LinkType;

/// With whom a cache is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// As the umask has it.
    Private,
    /// The group may read and write all that is in it.
    Group,
}

/// A setting and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// Where the cache is.
    CacheDir(PathBuf),
    /// How files of the workspace are made of the cache's, best first.
    LinkTypes(Vec<LinkType>),
    /// With whom the cache is shared.
    Sharing(Sharing),
    /// The remote that is meant where none is named.
    DefaultRemote(String),
}

/// What is wrong with a value.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The item of a list that it is about.
    pub(super) item: Option<usize>,
    /// What is wrong.
    pub(super) message: String,
    /// What may be written.
    pub(super) help: String,
}

impl Setting {
    /// Reads the value of `key` as written at `level`, of the project at `root` if there is one.
    pub(super) fn read(
        key: Key,
        value: &Value,
        level: Level,
        root: Option<&Path>,
    ) -> Result<Self, Wrong> {
        match key {
            Key::CacheDir => folder(key, text(key, value)?, level, root).map(Self::CacheDir),
            Key::LinkTypes => link_types(key, value).map(Self::LinkTypes),
            Key::DefaultRemote => Ok(Self::DefaultRemote(text(key, value)?.to_owned())),
            Key::Sharing => match text(key, value)? {
                "group" => Ok(Self::Sharing(Sharing::Group)),
                other => {
                    let message = format!("`{key}` cannot be `{other}`");
                    let help = "write `group`, or nothing for a cache of your own";
                    Err(Wrong::new(message, help))
                }
            },
        }
    }
}

impl Wrong {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            item: None,
            message: message.into(),
            help: help.into(),
        }
    }
}

fn text(key: Key, value: &Value) -> Result<&str, Wrong> {
    value.as_text().ok_or_else(|| {
        let help = if value.is_null() {
            "write a value, or delete the line; `~` alone needs quotes"
        } else {
            "put it in quotes if it is meant as text"
        };
        Wrong::new(format!("`{key}` must be text, not {}", value.kind()), help)
    })
}

/// Finds the folder that `text` means. Relative paths have a meaning where there is one project.
fn folder(key: Key, text: &str, level: Level, root: Option<&Path>) -> Result<PathBuf, Wrong> {
    let expanded = expand(key, text)?;
    if !expanded.is_absolute() && matches!(level, Level::System | Level::Global) {
        let message = format!("`{key}` must be an absolute path here, not `{text}`");
        return Err(Wrong::new(
            message,
            "write it from `/` or `~/` on: these settings are for all projects",
        ));
    }
    let Some(root) = root else {
        return Ok(expanded);
    };
    let Some(written) = expanded.to_str() else {
        let message = format!("`{key}` is not valid UTF-8: `{}`", expanded.display());
        return Err(Wrong::new(message, "name another folder"));
    };
    match AnyPath::resolve(root, &RepoPath::root(), written) {
        Ok(path) if path.inside().is_none_or(|path| !path.is_root()) => Ok(path.on_disk(root)),
        Ok(_) | Err(PathError::Around(_)) => {
            let message = format!("`{key}` cannot be `{text}`, which holds the project itself");
            let help = "name a folder of its own, as `.mlpipe/cache` or `/data/cache`";
            Err(Wrong::new(message, help))
        }
        Err(error) => Err(Wrong::new(format!("`{key}`: {error}"), "name a folder")),
    }
}

/// Writes out a leading `~`.
fn expand(key: Key, text: &str) -> Result<PathBuf, Wrong> {
    if text.trim().is_empty() {
        let message = format!("`{key}` must not be empty");
        return Err(Wrong::new(message, "name a folder"));
    }
    let Some(rest) = text.strip_prefix('~') else {
        return Ok(PathBuf::from(text));
    };
    if !rest.is_empty() && !rest.starts_with('/') {
        let message = format!("`{key}` cannot begin with the name of a user, as in `{text}`");
        return Err(Wrong::new(message, "write the folder of that user out"));
    }
    let home = home().ok_or_else(|| {
        let message = format!("`{key}` begins with `~`, but there is no HOME");
        Wrong::new(message, "set HOME, or write the path out")
    })?;
    Ok(home.join(rest.trim_start_matches('/')))
}

/// Reads a list of link types, or a text in which commas separate them.
fn link_types(key: Key, value: &Value) -> Result<Vec<LinkType>, Wrong> {
    let wanted = "as in `[hardlink, copy]` or `hardlink,copy`, best first";
    let mut types = Vec::new();
    let mut add = |item: Option<usize>, name: &str| {
        let kind = LinkType::from_str(name.trim()).map_err(|error| Wrong {
            item,
            message: format!("`{key}`: {error}"),
            help: error.help(),
        })?;
        if !types.contains(&kind) {
            types.push(kind);
        }
        Ok(())
    };
    match value {
        Value::Text(text) => text.split(',').try_for_each(|name| add(None, name))?,
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = item.as_text().ok_or_else(|| Wrong {
                    item: Some(index),
                    ..Wrong::new(
                        format!("an item of `{key}` must be text, not {}", item.kind()),
                        wanted,
                    )
                })?;
                add(Some(index), name)?;
            }
        }
        other => {
            let message = format!("`{key}` must be text or a list, not {}", other.kind());
            return Err(Wrong::new(message, wanted));
        }
    }
    if types.is_empty() {
        let message = format!("`{key}` must name a link type");
        return Err(Wrong::new(message, wanted));
    }
    Ok(types)
}

//! Settings of remotes: `remotes: {NAME: {url: …, OPTION: …}}`, merged option by option.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;

use crate::base::document::Node;
use crate::base::fs;
use crate::base::problem::{Problem, did_you_mean};
use crate::base::value::Value;
use crate::base::yaml::Step;
use crate::config::edit::{open, remove};
use crate::config::error::Error;
use crate::config::layer::Layer;
use crate::config::level::Level;
use crate::remote::{Options, SECRETS};

/// The section in a file.
pub(super) const SECTION: &str = "remotes";

/// The option without which a remote is none.
pub(crate) const URL: &str = "url";

/// What may be set of a remote.
const OPTIONS: [&str; 29] = [
    "url",
    "layout",
    "jobs",
    "timeout",
    "endpointurl",
    "region",
    "profile",
    "path_style",
    "sse",
    "acl",
    "allow_anonymous_login",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "credentialpath",
    "account_name",
    "account_key",
    "sas_token",
    "connection_string",
    "user",
    "port",
    "keyfile",
    "known_hosts",
    "password",
    "token",
    "access_token",
    "refresh_token",
    "gdrive_client_id",
    "gdrive_client_secret",
];

/// An option of a remote as it is written somewhere.
#[derive(Clone, Debug)]
pub(crate) struct RemoteEntry {
    /// The remote.
    pub(crate) name: String,
    /// Which option.
    pub(crate) option: String,
    /// Its value.
    pub(crate) value: String,
    /// Whose it is.
    pub(crate) level: Level,
}

impl Layer {
    /// Reads the section of the remotes.
    pub(super) fn read_remotes(&mut self, section: &Node<'_>) -> Result<(), Problem> {
        if section.value.is_null() {
            return Ok(());
        }
        for (name, options) in section.entries("`remotes`")? {
            for (option, node) in options.entries(format!("the remote `{name}`"))? {
                let outcome = self.read_option(name, option, &node);
                self.problems.extend(outcome.err());
            }
        }
        Ok(())
    }

    fn read_option(&mut self, name: &str, option: &str, node: &Node<'_>) -> Result<(), Problem> {
        let level = self.level();
        if let Err(wrong) = check_option(option, level) {
            let (message, help) = (wrong.to_string(), wrong.help());
            return Err(node.origin.key_problem(message).help(help));
        }
        let value = match node.value {
            Value::List(_) | Value::Map(_) | Value::Null => {
                return Err(node.wrong("text", format!("`{option}` of the remote `{name}`")));
            }
            value => value.to_string(),
        };
        self.remotes.push(RemoteEntry {
            name: name.to_owned(),
            option: option.to_owned(),
            value,
            level,
        });
        Ok(())
    }
}

/// Returns the remotes with their options, the weakest layer coming first. The environment has a
/// word as well: `MLPIPE_REMOTE_<NAME>_<OPTION>`.
pub(super) fn merged(layers: &[Layer]) -> BTreeMap<String, Options> {
    let mut remotes: BTreeMap<String, Options> = BTreeMap::new();
    for entry in layers.iter().flat_map(|layer| &layer.remotes) {
        let options = remotes.entry(entry.name.clone()).or_default();
        options.insert(entry.option.clone(), entry.value.clone());
    }
    for (name, options) in &mut remotes {
        for option in OPTIONS {
            let variable = format!("MLPIPE_REMOTE_{name}_{option}").to_uppercase();
            let variable = variable.replace('-', "_");
            if let Ok(value) = env::var(&variable)
                && !value.is_empty()
            {
                options.insert(option.to_owned(), value);
            }
        }
    }
    remotes
}

/// Writes an option of a remote to the file of `level`; returns how the file is called.
pub(crate) fn set_remote(
    name: &str,
    option: &str,
    value: &str,
    level: Level,
    root: Option<&Path>,
) -> Result<String, Error> {
    check_name(name)?;
    check_option(option, level)?;
    let (file, mut yaml) = open(level, root)?;
    let path = [SECTION, name, option].map(|part| Step::Key(part.to_owned()));
    yaml.set(&path, &Value::Text(value.to_owned()))?;
    fs::rewrite(&file, yaml.into_text().as_bytes())?;
    Ok(level.place(root).unwrap_or_default())
}

/// Takes a remote, or one of its options, out of the file of `level`; returns how the file is called.
pub(crate) fn unset_remote(
    name: &str,
    option: Option<&str>,
    level: Level,
    root: Option<&Path>,
) -> Result<String, Error> {
    let (file, mut yaml) = open(level, root)?;
    let parts = [Some(SECTION), Some(name), option];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    let found = parts
        .iter()
        .try_fold(yaml.value(), |value, part| value.find(part));
    if found.is_none() {
        return Err(Error::NotSet {
            key: parts.join("."),
            place: level.place(root),
            help: "`mlpipe remote list` says what is set where".to_owned(),
        });
    }
    let mut path = parts
        .iter()
        .map(|part| Step::Key((*part).to_owned()))
        .collect();
    remove(&mut yaml, &mut path)?;
    fs::rewrite(&file, yaml.into_text().as_bytes())?;
    Ok(level.place(root).unwrap_or_default())
}

/// Gives a remote another name in the file of `level`; returns whether it was there.
pub(crate) fn rename_remote(
    old: &str,
    new: &str,
    level: Level,
    root: Option<&Path>,
) -> Result<bool, Error> {
    check_name(new)?;
    let (file, mut yaml) = open(level, root)?;
    let section = yaml.value().find(SECTION);
    if section.and_then(|section| section.find(old)).is_none() {
        return Ok(false);
    }
    yaml.rename(&[Step::Key(SECTION.to_owned())], old, new)?;
    fs::rewrite(&file, yaml.into_text().as_bytes())?;
    Ok(true)
}

/// Returns whether an option may hold a secret.
pub(crate) fn is_secret(option: &str) -> bool {
    let bare = option.strip_prefix("gdrive_").unwrap_or(option);
    SECRETS.contains(&bare)
}

fn check_name(name: &str) -> Result<(), Error> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_fine) {
        return Ok(());
    }
    Err(Error::Value {
        message: format!("`{name}` cannot be the name of a remote"),
        help: "use letters, digits, `-` and `_`".to_owned(),
    })
}

fn check_option(option: &str, level: Level) -> Result<(), Error> {
    if !OPTIONS.contains(&option) {
        let help = did_you_mean(option, OPTIONS);
        return Err(Error::Value {
            message: format!("there is no option `{option}` of remotes"),
            help: help.unwrap_or_else(|| format!("options: {}", OPTIONS.join(", "))),
        });
    }
    if is_secret(option) && matches!(level, Level::Project | Level::System) {
        return Err(Error::Value {
            message: format!("`{option}` is a secret, and these settings are for others to read"),
            help: "add `--local` or `--global`, or set the variable MLPIPE_REMOTE_<NAME>_<OPTION>"
                .to_owned(),
        });
    }
    Ok(())
}

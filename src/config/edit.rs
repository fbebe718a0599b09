//! Changes one setting in a file; comments and all other lines stay as they are.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::problem::Problem;
use crate::base::source::as_text;
use crate::base::value::Value;
use crate::base::yaml::Step;
use crate::base::yaml_edit::{YamlText, steps};
use crate::config::error::Error;
use crate::config::key::Key;
use crate::config::level::Level;
use crate::config::setting::Setting;

/// Refuses a value that `key` cannot have at `level`.
fn check(key: Key, value: &Value, level: Level, root: Option<&Path>) -> Result<(), Error> {
    match Setting::read(key, value, level, root) {
        Ok(_) => Ok(()),
        Err(wrong) => Err(Error::Value {
            message: wrong.message,
            help: wrong.help,
        }),
    }
}

/// Writes a setting to the file of `level`; returns how the file is called.
pub(crate) fn set(
    key: Key,
    value: &Value,
    level: Level,
    root: Option<&Path>,
) -> Result<String, Error> {
    check(key, value, level, root)?;
    let (file, mut yaml) = open(level, root)?;
    yaml.set(&key.steps(), value)?;
    fs::rewrite(&file, yaml.into_text().as_bytes())?;
    Ok(level.place(root).unwrap_or_default())
}

/// Takes a setting out of the file of `level`, be it one that has no meaning; returns how the file
/// is called.
pub(crate) fn unset(name: &str, level: Level, root: Option<&Path>) -> Result<String, Error> {
    let key = name.parse::<Key>();
    let (file, mut yaml) = open(level, root)?;
    let mut path = steps(yaml.value(), name);
    let is_whole =
        Key::names_below(name).is_empty() && path.iter().all(|step| matches!(step, Step::Key(_)));
    if !is_whole || yaml.value().find(name).is_none() {
        // What is neither there nor known is a slip of the pen.
        return Err(Error::NotSet {
            key: key?.to_string(),
            place: level.place(root),
            help: "`mlpipe config --list --show-origin` says what is set where".to_owned(),
        });
    }
    remove(&mut yaml, &mut path)?;
    fs::rewrite(&file, yaml.into_text().as_bytes())?;
    Ok(level.place(root).unwrap_or_default())
}

/// Removes what is at `path`, and the sections that are empty then.
pub(super) fn remove(yaml: &mut YamlText, path: &mut Vec<Step>) -> Result<(), Problem> {
    while let Some(Step::Key(last)) = path.pop() {
        yaml.remove(path, &last)?;
        let section = path
            .iter()
            .try_fold(yaml.value(), |value, step| match step {
                Step::Key(key) => value.find(key),
                Step::Index(_) => None,
            });
        if !matches!(section, Some(Value::Map(map)) if map.is_empty()) {
            break;
        }
    }
    Ok(())
}

/// Opens the file of `level` to change it.
pub(super) fn open(level: Level, root: Option<&Path>) -> Result<(PathBuf, YamlText), Error> {
    let file = level.file(root).ok_or(Error::Homeless)?;
    let bytes = fs::read(&file)?.unwrap_or_default();
    let label = level.place(root).unwrap_or_default();
    let yaml = YamlText::parse(&label, as_text(&label, &bytes)?)?;
    Ok((file, yaml))
}

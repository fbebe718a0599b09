//! Sets parameters in their files before a run, as in `--set-param train.lr=0.1`.

use std::str::FromStr;

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::base::formats;
use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::base::value::Value;
use crate::base::yaml;
use crate::base::yaml_edit::{YamlText, put, steps};
use crate::engine::amendment::{AmendError, Amendment};
use crate::engine::error::Error;
use crate::engine::selection::Selection;
use crate::pipeline::{self, PARAMS_FILE};

/// A parameter and the value that it gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// Its file; that of the project if none is named.
    pub(crate) file: Option<String>,
    /// Its dotted key.
    pub(crate) key: String,
    /// The value.
    pub(crate) value: Value,
    /// Whether the key may be new.
    pub(crate) is_new: bool,
}

impl FromStr for Setting {
    type Err = String;

    /// Reads `[FILE:][+]KEY=VALUE`; the value is YAML.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| "write KEY=VALUE, or FILE:KEY=VALUE".to_owned())?;
        let (file, key) = match name.rsplit_once(':') {
            Some((file, key)) => (Some(file.to_owned()), key),
            None => (None, name),
        };
        let (key, is_new) = match key.strip_prefix('+') {
            Some(key) => (key, true),
            None => (key, false),
        };
        if key.split('.').any(|part| part.trim().is_empty()) || file.as_deref() == Some("") {
            return Err(format!("`{name}` is not a key"));
        }
        if let Some(file) = file.as_ref().and_then(|file| file.strip_prefix('+')) {
            return Err(format!("the `+` stands before the key: `{file}:+{key}`"));
        }
        if let Some((list, item)) = key.split_once('[') {
            let item = item.replace("][", ".").replace(']', "");
            return Err(format!(
                "an item of a list is written with a dot: `{list}.{item}`"
            ));
        }
        let value = yaml::decode("the value", value).map_err(|problem| problem.message)?;
        Ok(Self {
            file,
            key: key.to_owned(),
            value,
            is_new,
        })
    }
}

/// Sets parameters, all or none of them, if the pipeline loads with them and has the targets of
/// `selection`.
pub(crate) fn set_params(
    mut amendment: Amendment<'_>,
    settings: &[(RepoPath, &Setting)],
    selection: &Selection,
) -> Result<(), Error> {
    for (file, setting) in settings {
        set(&mut amendment, file, setting)?;
    }
    selection.choose(&amendment.check()?.graph)?;
    amendment.write().map(drop)
}

/// Returns the file that parameters are in unless another is named.
pub(crate) fn params_file() -> RepoPath {
    RepoPath::parse(PARAMS_FILE).expect("invariant: a plain file name")
}

fn set(amendment: &mut Amendment<'_>, file: &RepoPath, setting: &Setting) -> Result<(), Error> {
    let ending = file.name().rsplit_once('.').map(|(_, ending)| ending);
    let text = match (amendment.text(file)?.unwrap_or_default(), ending) {
        (text, Some("json")) if text.trim().is_empty() => "{}".to_owned(),
        (text, _) => text,
    };
    let values = formats::parse(file.as_str(), &text).map_err(pipeline::Error::from)?;
    if values.find(&setting.key).is_none() && !setting.is_new {
        let leaves = values.flatten();
        let known = leaves.iter().map(|(known, _)| known.as_str());
        return Err(AmendError::NoParam {
            key: setting.key.clone(),
            file: file.clone(),
            help: did_you_mean(&setting.key, known),
        }
        .into());
    }
    let path = steps(&values, &setting.key);
    match ending {
        Some("toml" | "py") => Err(unwritable(file).into()),
        Some("json") => {
            let as_is = write_json(&values, &text).map(|written| without_space(&written));
            if as_is != Some(without_space(&text)) {
                return Err(AmendError::Spelling { file: file.clone() }.into());
            }
            let mut changed = values;
            let written = put(&mut changed, &path, &setting.value).ok();
            let written = written.and_then(|()| write_json(&changed, &text));
            let is_same = |text: &String| matches!(formats::parse(file.as_str(), text), Ok(value) if value == changed);
            let text = written.filter(is_same).ok_or_else(|| unwritable(file))?;
            amendment.replace(file, text);
            Ok(())
        }
        _ => amendment.edit(file, |yaml: &mut YamlText| yaml.set(&path, &setting.value)),
    }
}

fn unwritable(file: &RepoPath) -> AmendError {
    AmendError::Format { file: file.clone() }
}

/// Returns JSON without what stands between its tokens.
fn without_space(text: &str) -> String {
    let (mut is_text, mut is_escaped) = (false, false);
    let is_kept = |character: &char| {
        let was_escaped = std::mem::replace(&mut is_escaped, false);
        match character {
            '\\' if is_text && !was_escaped => is_escaped = true,
            '"' if !was_escaped => is_text = !is_text,
            _ => {}
        }
        is_text || !character.is_whitespace()
    };
    text.chars().filter(is_kept).collect()
}

/// Writes JSON with the indentation of `old`.
fn write_json(value: &Value, old: &str) -> Option<String> {
    let margin = |line: &str| line.len() - line.trim_start().len();
    let indent = old.lines().find(|line| margin(line) > 0);
    let indent = indent.map_or("  ", |line| &line[..margin(line)]);
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    let mut serializer = Serializer::with_formatter(&mut bytes, formatter);
    value.serialize(&mut serializer).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Setting {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_setting_has_a_key_and_a_value_and_maybe_a_file() {
        let setting = parse("train.lr=1e-3");
        assert_eq!((setting.file, setting.is_new), (None, false));
        assert_eq!(setting.value, Value::Float(0.001));
        let setting = parse("conf/p.json:+a.b={x: 'k=v', y: [1]}");
        assert_eq!(setting.file.as_deref(), Some("conf/p.json"));
        assert_eq!((setting.key.as_str(), setting.is_new), ("a.b", true));
        assert_eq!(
            setting.value.find("x"),
            Some(&Value::Text("k=v".to_owned()))
        );
        assert_eq!(parse("a=").value, Value::Null);
        assert!("a".parse::<Setting>().is_err());
        assert!("=1".parse::<Setting>().is_err());
        assert!("a..b=1".parse::<Setting>().is_err());
        assert!("a=[".parse::<Setting>().is_err());
        let refusal = |text: &str| text.parse::<Setting>().expect_err("no key");
        assert!(refusal("+a[3][0].b=1").ends_with("`a.3.0.b`"));
        assert!(refusal("+p.json:a=1").ends_with("`p.json:+a`"));
    }

    #[test]
    fn only_space_outside_of_texts_counts_for_nothing() {
        let text = "{ \"a b\" : \"\\\" c\",\n \"n\": [1, 2 ] }";
        assert_eq!(without_space(text), "{\"a b\":\"\\\" c\",\"n\":[1,2]}");
    }

    #[test]
    fn json_keeps_its_order_and_indentation() {
        let old = "{\n    \"b\": 1,\n    \"a\": [1]\n}\n";
        let value = formats::parse("p.json", old).expect("valid");
        let text = write_json(&value, old).expect("writes");
        assert_eq!(
            text,
            "{\n    \"b\": 1,\n    \"a\": [\n        1\n    ]\n}\n"
        );
    }
}

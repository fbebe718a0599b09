//! `Context` and `Scope`: the values that `${…}` can name, each with where it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::document::Node;
use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::base::value::{Map, Value};
use crate::pipeline::error::Error;
use crate::pipeline::interpolate::{Fault, Lookup};
use crate::pipeline::loader::PARAMS_FILE;
use crate::pipeline::params::ParamFiles;

/// The merged values of params.yaml and `vars`. Maps merge; a value that comes twice is a mistake.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    values: Map,
    sources: Vec<(String, Arc<Map>)>,
    imports: BTreeMap<RepoPath, Import>,
}

/// How much of a file has been taken.
#[derive(Clone, Debug)]
enum Import {
    Whole,
    Keys(BTreeSet<String>),
}

impl Context {
    /// Loads params.yaml of `folder`, where there is one, and then `vars`.
    pub(super) fn load(
        root: &Node<'_>,
        folder: &RepoPath,
        files: &ParamFiles<'_>,
    ) -> Result<Self, Error> {
        let mut context = Self::default();
        let path = folder.join(PARAMS_FILE);
        let path = path.expect("invariant: a plain file name");
        if let Some(document) = files.document(&path)? {
            let Value::Map(values) = document.value() else {
                let kind = document.value().kind();
                let message = format!("`{path}` must hold a map, not {kind}");
                return Err(document.root().problem(message).into());
            };
            context
                .sources
                .push((path.to_string(), Arc::new(values.clone())));
            context.values.clone_from(values);
            context.imports.insert(path, Import::Whole);
        }
        context.extend(root, "vars", folder, &[], files)?;
        Ok(context)
    }

    /// Adds the `vars` of `node`, which `name` is called; its files are relative to `folder`.
    pub(super) fn extend(
        &mut self,
        node: &Node<'_>,
        name: &str,
        folder: &RepoPath,
        reserved: &[&str],
        files: &ParamFiles<'_>,
    ) -> Result<(), Error> {
        let Some(vars) = node.get("vars") else {
            return Ok(());
        };
        for (index, item) in vars.items("`vars`")?.iter().enumerate() {
            let (source, values) = match item.value {
                Value::Map(values) => (format!("{name}[{index}]"), values.clone()),
                Value::Text(_) => {
                    let Some(import) = self.import(item, folder, files)? else {
                        continue;
                    };
                    import
                }
                _ => return Err(item.wrong("a file or a map", "an item of `vars`").into()),
            };
            if let Some(key) = reserved.iter().find(|key| values.contains_key(**key)) {
                let message = format!("`{key}` cannot be set here: it is the group's own");
                return Err(item.problem(message).into());
            }
            self.merge(source, values)
                .map_err(|message| item.problem(message))?;
        }
        Ok(())
    }

    /// Reads `file` or `file:key1,key2`; `None` if all of the file is there already.
    fn import(
        &mut self,
        item: &Node<'_>,
        folder: &RepoPath,
        files: &ParamFiles<'_>,
    ) -> Result<Option<(String, Map)>, Error> {
        let text = item.text("an item of `vars`")?;
        let (name, keys) = text.split_once(':').unwrap_or((text, ""));
        let path = folder.join(name);
        let path = path.map_err(|error| item.problem(error.to_string()))?;
        let keys: Vec<&str> = keys
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .collect();
        if !self
            .claim(&path, &keys)
            .map_err(|message| item.problem(message))?
        {
            return Ok(None);
        }
        let Some(document) = files.document(&path)? else {
            let problem = item.problem(format!("the file `{path}` does not exist"));
            return Err(problem
                .help("make the file, or correct its name here")
                .into());
        };
        let Value::Map(all) = document.value() else {
            let kind = document.value().kind();
            return Err(item
                .problem(format!("`{path}` must hold a map, not {kind}"))
                .into());
        };
        if keys.is_empty() {
            return Ok(Some((path.to_string(), all.clone())));
        }
        let mut values = Map::new();
        for key in keys {
            let Some(value) = all.get(key) else {
                let problem = item.problem(format!("there is no `{key}` in `{path}`"));
                let near = did_you_mean(key, all.keys().map(String::as_str));
                let help = near.unwrap_or_else(|| format!("`{path}` has no such key at its top"));
                return Err(problem.help(help).into());
            };
            values.insert(key.to_owned(), value.clone());
        }
        Ok(Some((path.to_string(), values)))
    }

    /// Notes that a file is taken, whole or in part; false if there is nothing left to take.
    fn claim(&mut self, path: &RepoPath, keys: &[&str]) -> Result<bool, String> {
        let wanted: BTreeSet<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        match (self.imports.get_mut(path), keys) {
            (Some(Import::Whole), []) => return Ok(false),
            (Some(Import::Whole), _) => {
                return Err(format!("`{path}` is loaded already, with all its keys"));
            }
            (Some(Import::Keys(_)), []) => {
                return Err(format!("some keys of `{path}` are loaded already"));
            }
            (Some(Import::Keys(taken)), _) => {
                if let Some(key) = taken.intersection(&wanted).next() {
                    return Err(format!("`{key}` of `{path}` is loaded already"));
                }
                taken.extend(wanted);
            }
            (None, []) => drop(self.imports.insert(path.clone(), Import::Whole)),
            (None, _) => drop(self.imports.insert(path.clone(), Import::Keys(wanted))),
        }
        Ok(true)
    }

    /// Merges the values of one more source; the message names both sources of a conflict.
    pub(super) fn merge(&mut self, source: String, values: Map) -> Result<(), String> {
        let mut path = Vec::new();
        let values = Arc::new(values);
        if merge_maps(&mut self.values, &values, &mut path).is_err() {
            let key = path.join(".");
            let earlier = self.sources.iter().find(|(_, map)| has_path(map, &path));
            let earlier = earlier.map_or("an earlier source", |(name, _)| name);
            return Err(format!(
                "cannot redefine `{key}` in `{source}`: it is in `{earlier}` already"
            ));
        }
        self.sources.push((source, values));
        Ok(())
    }
}

/// A leaf that is there already, at the path that was gone down to.
struct Conflict;

fn merge_maps(into: &mut Map, update: &Map, path: &mut Vec<String>) -> Result<(), Conflict> {
    for (key, value) in update {
        path.push(key.clone());
        match (into.get_mut(key), value) {
            (None, value) => drop(into.insert(key.clone(), value.clone())),
            (Some(Value::Map(into)), Value::Map(update)) => merge_maps(into, update, path)?,
            (Some(_), _) => return Err(Conflict),
        }
        path.pop();
    }
    Ok(())
}

fn has_path(map: &Map, path: &[String]) -> bool {
    match path {
        [] => true,
        [key, rest @ ..] => match map.get(key) {
            Some(Value::Map(map)) => has_path(map, rest),
            Some(_) => rest.is_empty(),
            None => false,
        },
    }
}

/// The values that one stage sees: the context, and `item` and `key` of its group.
#[derive(Clone, Debug)]
pub(super) struct Scope<'c> {
    pub(super) context: &'c Context,
    pub(super) item: Option<&'c Value>,
    pub(super) key: Option<&'c Value>,
}

impl<'c> Scope<'c> {
    /// Makes the scope of what is in no group.
    pub(super) fn global(context: &'c Context) -> Self {
        Self {
            context,
            item: None,
            key: None,
        }
    }

    fn start(&self, word: &str) -> Option<&Value> {
        let own = match word {
            "item" => self.item,
            "key" => self.key,
            _ => None,
        };
        own.or_else(|| self.context.values.get(word))
    }

    fn missing(&self, key: &str) -> Fault {
        let own = [("item", self.item), ("key", self.key)];
        let own = own.into_iter().filter(|(_, value)| value.is_some());
        let whole = Value::Map(self.context.values.clone());
        let mut known: Vec<String> = whole.flatten().into_iter().map(|(key, _)| key).collect();
        known.extend(own.map(|(name, _)| name.to_owned()));
        let near = did_you_mean(key, known.iter().map(String::as_str));
        let fault = Fault::new(format!("there is no `{key}` to interpolate"));
        fault.help(near.unwrap_or_else(|| {
            format!(
                "add `{key}` to `{PARAMS_FILE}` or `vars`; `\\${{{key}}}` leaves it to the shell"
            )
        }))
    }
}

impl Lookup for Scope<'_> {
    fn find(&self, key: &[&str]) -> Result<&Value, Fault> {
        let missing = || self.missing(&key.join("."));
        let (first, rest) = key.split_first().ok_or_else(missing)?;
        let mut value = self.start(first).ok_or_else(missing)?;
        for (position, word) in rest.iter().enumerate() {
            value = match value {
                Value::Map(map) => map.get(*word).ok_or_else(missing)?,
                Value::List(items) => item_at(items, word).ok_or_else(missing)?,
                scalar => {
                    let above = key[..=position].join(".");
                    let kind = scalar.kind();
                    return Err(Fault::new(format!(
                        "`{above}` is {kind}: it has no `{word}`"
                    )));
                }
            };
        }
        Ok(value)
    }
}

/// Counts from the end for a negative index, as Python does.
fn item_at<'v>(items: &'v [Value], index: &str) -> Option<&'v Value> {
    match index.strip_prefix('-') {
        Some(back) => items.get(items.len().checked_sub(back.parse().ok()?)?),
        None => items.get(index.parse::<usize>().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::sections::tests::read_with;

    fn map(text: &str) -> Map {
        match crate::base::yaml::parse("p.yaml", text) {
            Ok(Value::Map(map)) => map,
            other => panic!("{other:?}"),
        }
    }

    fn merged(texts: &[&str]) -> Result<Map, String> {
        let mut context = Context::default();
        for (index, text) in texts.iter().enumerate() {
            context.merge(format!("vars[{index}]"), map(text))?;
        }
        Ok(context.values)
    }

    fn error(text: &str, files: &[(&str, &str)]) -> String {
        read_with(text, files).expect_err("a mistake").to_string()
    }

    #[test]
    fn maps_merge_and_a_leaf_may_come_once() {
        let values = merged(&["a: {x: 1}", "a: {y: 2}\nb: 3"]).expect("they differ");
        assert_eq!(values, map("a: {x: 1, y: 2}\nb: 3"));
        assert_eq!(
            merged(&["a: {x: 1}", "b: 1", "a: {x: 1}"]).expect_err("twice"),
            "cannot redefine `a.x` in `vars[2]`: it is in `vars[0]` already"
        );
        assert!(merged(&["a: {x: 1}", "a: 1"]).is_err());
        assert!(merged(&["a: [1]", "a: [2]"]).is_err());
    }

    #[test]
    fn files_come_whole_or_by_key_but_not_both() {
        let files = [
            ("params.yaml", "lr: 1\n"),
            ("c.toml", "a = 1\nb = 2\n"),
            ("c.py", "K = 'x'\n"),
        ];
        let read = |vars: &str, cmd: &str| {
            let text = format!("vars: {vars}\nstages:\n  s: {{cmd: '{cmd}'}}\n");
            let file = read_with(&text, &files);
            file.map(|file| file.stages[0].cmd[0].clone())
                .map_err(|error| error.to_string())
        };
        let all = "[params.yaml, 'c.toml:a', 'c.toml:b', c.py, {own: 1}]";
        assert_eq!(
            read(all, "${lr} ${a} ${b} ${K} ${own}").as_deref(),
            Ok("1 1 2 x 1")
        );
        let message = read("['c.toml:a', c.toml]", "x").expect_err("partly there");
        assert!(
            message.contains("some keys of `c.toml` are loaded already"),
            "{message}"
        );
        let message = read("[c.toml, 'c.toml:a']", "x").expect_err("wholly there");
        assert!(message.contains("`c.toml` is loaded already"), "{message}");
        let message = read("['c.toml:z']", "x").expect_err("no such key");
        assert!(
            message.starts_with("there is no `z` in `c.toml` (pipeline.yaml:1:"),
            "{message}"
        );
        let message = read("[gone.yaml]", "x").expect_err("no such file");
        assert!(
            message.contains("the file `gone.yaml` does not exist"),
            "{message}"
        );
        let message = read("[{lr: 1}]", "x").expect_err("in params.yaml too");
        assert!(
            message.contains("cannot redefine `lr` in `vars[0]`: it is in `params.yaml`"),
            "{message}"
        );
    }

    #[test]
    fn stages_add_values_of_their_own() {
        let text = "vars: [{g: 1}]\nstages:\n  a: {cmd: '${g} ${own}', vars: [{own: 2}]}\n  b: {cmd: '${own}'}\n";
        let message = error(text, &[]);
        assert!(
            message.contains("`stages.b.cmd`: there is no `own`"),
            "{message}"
        );
        let text = "stages:\n  a:\n    foreach: [x]\n    do: {cmd: '${item}', vars: [{item: 2}]}\n";
        let message = error(text, &[]);
        assert!(message.contains("`item` cannot be set here"), "{message}");
    }

    fn tree() -> impl Strategy<Value = Map> {
        let leaf = (0i64..3).prop_map(Value::Int);
        let value = leaf.prop_recursive(2, 6, 3, |inner| {
            prop::collection::hash_map("[ab]", inner, 0..3)
                .prop_map(|map| Value::Map(map.into_iter().collect()))
        });
        prop::collection::hash_map("[a-c]", value, 0..4).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        /// Merging is one result in any order, and has every leaf once.
        #[test]
        fn merging_knows_no_order(one in tree(), other in tree()) {
            let merge = |first: &Map, second: &Map| {
                let mut context = Context::default();
                context.merge("one".to_owned(), first.clone())?;
                context.merge("two".to_owned(), second.clone())?;
                Ok::<Map, String>(context.values)
            };
            let (forth, back) = (merge(&one, &other), merge(&other, &one));
            prop_assert_eq!(forth.is_ok(), back.is_ok());
            if let (Ok(forth), Ok(back)) = (forth, back) {
                let leaves = |map: &Map| Value::Map(map.clone()).flatten().len();
                prop_assert_eq!(leaves(&forth), leaves(&one) + leaves(&other));
                prop_assert_eq!(forth, back);
            }
        }
    }
}

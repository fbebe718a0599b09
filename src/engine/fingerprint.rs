//! The facts that a stage's result depends on. One list of them gives both the fingerprint and the
//! explanation, so "why it ran" cannot differ from "what was hashed".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::base::any_path::AnyPath;
use crate::base::digest::{Digest, Hasher};
use crate::base::path::RepoPath;
use crate::base::shown::Shown;
use crate::base::value::Value;
use crate::engine::inputs::Inputs;
use crate::pipeline::Content;

/// Goes up when facts are hashed in another way, so that old fingerprints match nothing.
const VERSION: &str = "mlpipe-fingerprint 1";

/// What a fact is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// One script of the command, by its position.
    Command(usize),
    /// The folder that it runs in.
    Folder,
    /// A dep's content.
    Dep(AnyPath),
    /// What a command dependency prints.
    CommandDep(String),
    /// What is at a URL.
    Url(String),
    /// A parameter.
    Param {
        /// Its file.
        file: RepoPath,
        /// Its dotted key; empty for the whole file.
        key: String,
    },
    /// That a path is an out.
    Out(AnyPath),
}

/// What a fact says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FactValue {
    /// Some text.
    Text(String),
    /// What tells the state of something elsewhere from others.
    State(String),
    /// Content on disk; `None` where nothing is.
    Content(Option<Content>),
    /// A digest of something that is not kept.
    Digest(Digest),
    /// A parameter's value.
    Value(Value),
    /// Just that it is so.
    Listed,
}

/// A fact that was recorded otherwise, or not at all, or is no more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// Which fact.
    pub(crate) fact: Fact,
    /// What was recorded.
    pub(crate) before: Option<FactValue>,
    /// What holds now.
    pub(crate) after: Option<FactValue>,
}

impl Inputs {
    /// Returns all facts.
    pub(crate) fn facts(&self) -> BTreeMap<Fact, FactValue> {
        let mut facts = BTreeMap::new();
        for (position, script) in self.cmd.iter().enumerate() {
            facts.insert(Fact::Command(position), FactValue::Text(script.clone()));
        }
        facts.insert(Fact::Folder, FactValue::Text(self.wdir.to_string()));
        for (path, content) in &self.deps {
            facts.insert(Fact::Dep(path.clone()), FactValue::Content(*content));
        }
        for (cmd, digest) in &self.commands {
            facts.insert(Fact::CommandDep(cmd.clone()), FactValue::Digest(*digest));
        }
        for (url, state) in &self.urls {
            let value = state
                .clone()
                .map_or(FactValue::Content(None), FactValue::State);
            facts.insert(Fact::Url(url.clone()), value);
        }
        for (file, values) in &self.params {
            for (key, value) in values {
                let fact = Fact::Param {
                    file: file.clone(),
                    key: key.clone(),
                };
                facts.insert(fact, FactValue::Value(value.clone()));
            }
        }
        for path in &self.outs {
            facts.insert(Fact::Out(path.clone()), FactValue::Listed);
        }
        facts
    }

    /// Returns the digest of all facts: equal inputs, equal fingerprints.
    pub(crate) fn fingerprint(&self) -> Digest {
        let mut hasher = Hasher::default();
        hasher.field(VERSION);
        for (fact, value) in self.facts() {
            fact.hash(&mut hasher);
            value.hash(&mut hasher);
        }
        hasher.digest()
    }

    /// Returns what differs between these inputs and the `recorded` ones.
    pub(crate) fn changes_since(&self, recorded: &Self) -> Vec<Change> {
        let (mut before, mut after) = (recorded.facts(), self.facts());
        let keys: BTreeSet<Fact> = before.keys().chain(after.keys()).cloned().collect();
        let changes = keys.into_iter().map(|fact| Change {
            before: before.remove(&fact),
            after: after.remove(&fact),
            fact,
        });
        changes
            .filter(|change| change.before != change.after)
            .flat_map(Change::by_leaf)
            .collect()
    }
}

impl Change {
    /// Splits the change of a whole section of parameters into those of its leaves.
    fn by_leaf(self) -> Vec<Self> {
        let (Fact::Param { file, key }, Some(before), Some(after)) =
            (&self.fact, &self.before, &self.after)
        else {
            return vec![self];
        };
        let (FactValue::Value(before), FactValue::Value(after)) = (before, after) else {
            return vec![self];
        };
        let leaves = |section: &Value| -> BTreeMap<String, FactValue> {
            let leaves = section.flatten().into_iter();
            leaves
                .map(|(leaf, value)| (leaf, FactValue::Value(value.clone())))
                .collect()
        };
        let (mut before, mut after) = (leaves(before), leaves(after));
        let names: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
        let dotted = |leaf: &str| match (key.as_str(), leaf) {
            ("", leaf) => leaf.to_owned(),
            (key, "") => key.to_owned(),
            (key, leaf) => format!("{key}.{leaf}"),
        };
        let changes = names.into_iter().map(|leaf| Self {
            fact: Fact::Param {
                file: file.clone(),
                key: dotted(&leaf),
            },
            before: before.remove(&leaf),
            after: after.remove(&leaf),
        });
        let changes: Vec<Self> = changes
            .filter(|change| change.before != change.after)
            .collect();
        // Sections that differ only in empty maps have no leaf to show for it.
        if changes.is_empty() {
            vec![self]
        } else {
            changes
        }
    }
}

impl Fact {
    fn hash(&self, hasher: &mut Hasher) {
        let fields: [&str; 3] = match self {
            Self::Command(position) => ["command", &position.to_string(), ""],
            Self::Folder => ["folder", "", ""],
            Self::Dep(path) => ["dep", path.as_str(), ""],
            Self::CommandDep(cmd) => ["command dep", cmd, ""],
            Self::Url(url) => ["url", url, ""],
            Self::Param { file, key } => ["param", file.as_str(), key],
            Self::Out(path) => ["out", path.as_str(), ""],
        };
        fields.iter().for_each(|field| hasher.field(field));
    }
}

impl FactValue {
    fn hash(&self, hasher: &mut Hasher) {
        match self {
            Self::Text(text) | Self::State(text) => hasher.field(text),
            Self::Content(None) => hasher.field("missing"),
            Self::Content(Some(content)) => {
                let Content {
                    sha256,
                    size,
                    files,
                    executable,
                } = content;
                hasher.field(&format!("{sha256} {size} {files:?} {executable}"));
            }
            Self::Digest(digest) => hasher.field(&digest.to_string()),
            Self::Value(value) => hasher.field(&value.canonical()),
            Self::Listed => hasher.field("listed"),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(_) => out.write_str("command"),
            Self::Folder => out.write_str("wdir"),
            Self::Dep(path) => write!(out, "dep {}", shown(path)),
            Self::CommandDep(cmd) => write!(out, "output of `{cmd}`"),
            Self::Url(url) => write!(out, "dep {}", shown(url)),
            Self::Param { file, key } if key.is_empty() => write!(out, "params {}", shown(file)),
            Self::Param { file, key } if file.as_str() == "params.yaml" => {
                write!(out, "param {}", Shown(key))
            }
            Self::Param { file, key } => write!(out, "param {}:{}", shown(file), Shown(key)),
            Self::Out(path) => write!(out, "out {}", shown(path)),
        }
    }
}

impl fmt::Display for FactValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(out, "`{}`", Shown(&text.replace('\n', "; "))),
            Self::State(state) => out.write_str(&shown(without_long_digests(state))),
            Self::Content(Some(content)) => out.write_str(&content.sha256.short()),
            Self::Content(None) => out.write_str("missing"),
            Self::Digest(digest) => out.write_str(&digest.short()),
            Self::Value(value) => out.write_str(&shown(value)),
            Self::Listed => out.write_str("listed"),
        }
    }
}

/// Shortens the digests in a text, as all that people read are.
fn without_long_digests(text: &str) -> String {
    let short = |word: &str| match word.parse::<Digest>() {
        Ok(digest) => digest.short(),
        Err(_) => word.to_owned(),
    };
    let words: Vec<String> = text.split(' ').map(short).collect();
    words.join(" ")
}

fn shown(text: impl fmt::Display) -> String {
    Shown(&text.to_string()).to_string()
}

/// `param train.lr 0.01 → 0.003`, `dep data changed`, `out model added`.
impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fact = &self.fact;
        match (&self.before, &self.after) {
            (Some(_), None) => write!(out, "{fact} removed"),
            (None, Some(FactValue::Value(value))) => write!(out, "{fact} added: {value}"),
            (None, _) => write!(out, "{fact} added"),
            (Some(_), Some(FactValue::Content(None))) => write!(out, "{fact} missing"),
            (Some(FactValue::Value(before)), Some(FactValue::Value(after))) => {
                write!(out, "{fact} {before} → {after}")
            }
            (Some(FactValue::Text(before)), Some(FactValue::Text(after)))
                if *fact == Fact::Folder =>
            {
                write!(out, "{fact} {before} → {after}")
            }
            _ => write!(out, "{fact} changed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::sorted_map::SortedMap;

    fn path(text: &str) -> RepoPath {
        RepoPath::parse(text).expect("a path")
    }

    fn inputs() -> impl Strategy<Value = Inputs> {
        let params = prop::collection::btree_map("[ab]", (0i64..3).prop_map(Value::Int), 0..3);
        let content = (0u8..2).prop_map(|seed| {
            let sha256 = Digest::of(&[seed]);
            Some(Content {
                sha256,
                size: 1,
                files: None,
                executable: false,
            })
        });
        let dep = "(|/|[.][.]/)[cd]".prop_map(|text| AnyPath::parse(&text).expect("a path"));
        let deps = prop::collection::btree_map(dep, content, 0..3);
        let cmd = prop::collection::vec("[xy\n]{1,2}", 1..3);
        (cmd, deps, params).prop_map(|(cmd, deps, params)| Inputs {
            cmd,
            wdir: RepoPath::root(),
            deps,
            commands: BTreeMap::new(),
            urls: BTreeMap::new(),
            params: BTreeMap::from([(path("params.yaml"), params)]),
            outs: vec![path("o").into()],
        })
    }

    proptest! {
        #[test]
        fn fingerprints_differ_exactly_where_inputs_do(one in inputs(), other in inputs()) {
            prop_assert_eq!(one.fingerprint() == other.fingerprint(), one == other);
            prop_assert_eq!(one.changes_since(&other).is_empty(), one == other);
        }

        #[test]
        fn a_recorded_run_has_the_inputs_it_ran_with(inputs in inputs()) {
            let entry = inputs.to_entry(SortedMap::from_iter([(path("o").into(), Content {
                sha256: Digest::of(b"o"), size: 1, files: None, executable: false,
            })])).expect("no dep is absent");
            prop_assert_eq!(Inputs::recorded(&entry), inputs);
        }
    }

    #[test]
    fn a_section_of_params_is_explained_by_its_leaves() {
        let with = |text: &str| Inputs {
            cmd: Vec::new(),
            wdir: RepoPath::root(),
            deps: BTreeMap::new(),
            commands: BTreeMap::new(),
            urls: BTreeMap::new(),
            params: BTreeMap::from([(
                path("params.yaml"),
                BTreeMap::from([(
                    "train".to_owned(),
                    serde_json::from_str(text).expect("JSON"),
                )]),
            )]),
            outs: Vec::new(),
        };
        let before = with(r#"{"lr": 0.1, "seed": 1, "old": 2}"#);
        let changes = with(r#"{"lr": 0.2, "seed": 1, "new": 3}"#).changes_since(&before);
        let texts: Vec<String> = changes.iter().map(ToString::to_string).collect();
        let wanted = [
            "param train.lr 0.1 → 0.2",
            "param train.new added: 3",
            "param train.old removed",
        ];
        assert_eq!(texts, wanted);
        assert_eq!(
            with("{}").changes_since(&with("3"))[0].to_string(),
            "param train removed"
        );
    }

    #[test]
    fn equal_numbers_of_another_kind_are_a_change() {
        let with = |value| Inputs {
            cmd: vec!["x".to_owned()],
            wdir: RepoPath::root(),
            deps: BTreeMap::new(),
            commands: BTreeMap::new(),
            urls: BTreeMap::new(),
            params: BTreeMap::from([(
                path("params.yaml"),
                BTreeMap::from([("p".to_owned(), value)]),
            )]),
            outs: Vec::new(),
        };
        let changes = with(Value::Bool(true)).changes_since(&with(Value::Int(1)));
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].to_string(), "param p 1 → true");
    }
}

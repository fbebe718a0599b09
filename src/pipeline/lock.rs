//! `Lock`: what `data.lock` records of tracked data and of each stage's last run. Sorted, one fact a line, so that git
//! merges changes of different stages by itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::problem::{Place, Problem};
use crate::base::sorted_map::SortedMap;
use crate::base::source::{self, Snapshot, read_text};
use crate::base::value::Value;
use crate::base::yaml;
use crate::pipeline::lock_text;
use crate::pipeline::source::Source;
use crate::pipeline::stage::StageName;

/// The file that records the hashes; it is committed to git.
pub(crate) const LOCK_FILE: &str = "data.lock";

/// The version of the format; it goes up when an older program could misread it.
const SCHEMA: u32 = 1;

/// The content of `data.lock`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    schema: u32,
    /// The content of each file and folder that is tracked by itself, made by no stage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<RepoPath, Content>,
    /// Where tracked data was imported from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<RepoPath, Source>,
    /// The record of each stage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<StageName, StageEntry>,
}

impl Default for Lock {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            data: BTreeMap::new(),
            sources: BTreeMap::new(),
            stages: BTreeMap::new(),
        }
    }
}

/// What one stage ran with, and what it made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageEntry {
    /// The command, one text a script.
    #[serde(
        serialize_with = "write_one_or_many",
        deserialize_with = "read_one_or_many"
    )]
    pub cmd: Vec<String>,
    /// The folder it ran in, unless that is the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wdir: Option<RepoPath>,
    /// The files and folders that it read.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub deps: SortedMap<AnyPath, Content>,
    /// The digests of what its command dependencies printed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, Digest>,
    /// What told the state of what was at its URLs from others, as the etag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub urls: BTreeMap<String, String>,
    /// The parameters: file → dotted key → value. The key of a whole file is empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<RepoPath, BTreeMap<String, Value>>,
    /// What it made.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub outs: SortedMap<AnyPath, Content>,
}

impl StageEntry {
    /// Returns whether it ran in `folder`.
    pub(crate) fn ran_in(&self, folder: &RepoPath) -> bool {
        match &self.wdir {
            Some(wdir) => wdir == folder,
            None => folder.is_root(),
        }
    }
}

/// The recorded content of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The digest of the file's bytes, or of the folder's manifest.
    pub sha256: Digest,
    /// The size in bytes, summed over a folder's files.
    pub size: u64,
    /// The number of files of a folder; a file has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Whether a file may be executed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// Why a lock cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Its text is wrong.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] source::Error),
    /// It cannot be read or written on disk.
    #[error(transparent)]
    File(#[from] fs::Error),
}

impl Lock {
    /// Reads the lock of `snapshot`; an absent one is empty.
    pub(crate) fn load(snapshot: &dyn Snapshot) -> Result<Self, LockError> {
        let path = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
        let text = read_text(snapshot, &path).map_err(|error| match error {
            source::ReadTextError::Read(error) => LockError::Read(error),
            source::ReadTextError::Problem(problem) => LockError::Problem(problem),
        })?;
        match text {
            Some(text) => Ok(Self::parse(&snapshot.label(&path), &text)?),
            None => Ok(Self::default()),
        }
    }

    /// Reads the lock of the worktree from its bytes.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        Self::parse(LOCK_FILE, source::as_text(LOCK_FILE, bytes)?)
    }

    /// Parses the text of a lock.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Header {
            schema: u32,
        }
        if let Some((data, sources, stages)) = lock_text::read(text, &format!("schema: {SCHEMA}\n"))
        {
            refuse_foreign_data(file, text, &data)?;
            let schema = SCHEMA;
            return Ok(Self {
                schema,
                data,
                sources,
                stages,
            });
        }
        refuse_conflicts(file, text)?;
        if text.trim().is_empty() {
            return Err(Problem::new(file, text, "the lock is empty"));
        }
        let Header { schema } = yaml::decode(file, text)?;
        if schema != SCHEMA {
            let message = format!("its schema is {schema}; this mlpipe knows schema {SCHEMA}");
            return Err(Problem::new(file, text, message).help("use a newer mlpipe"));
        }
        let lock: Self = yaml::decode(file, text)?;
        refuse_foreign_data(file, text, &lock.data)?;
        Ok(lock)
    }

    /// Writes the lock as text.
    pub(crate) fn to_text(&self) -> String {
        yaml::write(self)
    }
}

/// Whoever can write a lock must not be able to have files put where git or mlpipe run them.
fn refuse_foreign_data(
    file: &str,
    text: &str,
    data: &BTreeMap<RepoPath, Content>,
) -> Result<(), Problem> {
    let Some(path) = data
        .keys()
        .find(|path| path.is_root() || is_reserved(path.as_str()))
    else {
        return Ok(());
    };
    let line = text
        .lines()
        .position(|line| line.trim_start().starts_with(path.as_str()));
    let message = format!("`{path}` cannot be tracked data");
    let problem = Problem::new(file, text, message);
    let place = line.map(|line| Place {
        line: line + 1,
        column: 3,
    });
    let help = "take it out of there; `mlpipe add` never records such a path";
    Err(problem.at(place).help(help))
}

/// Returns whether a path leads through a folder of git's or of ours, by whatever capitals.
pub(crate) fn is_reserved(path: &str) -> bool {
    let is_state = |part: &str| {
        [".git", ".mlpipe"]
            .iter()
            .any(|name| part.eq_ignore_ascii_case(name))
    };
    path.split('/').any(is_state)
}

/// A merge conflict gets a message of its own: it is no mistake of the user's.
fn refuse_conflicts(file: &str, text: &str) -> Result<(), Problem> {
    let Some(line) = text.lines().position(|line| line.starts_with("<<<<<<< ")) else {
        return Ok(());
    };
    let problem = Problem::new(file, text, "the lock has merge-conflict markers");
    Err(problem
        .at(Some(Place {
            line: line + 1,
            column: 1,
        }))
        .help(format!(
            "take either side whole, as in `git checkout --ours {file}`, then run `mlpipe checkout` for \
         tracked data and `mlpipe repro` for stages: what the other side had run comes from the cache; \
         after `mlpipe install` git merges it by itself"
        )))
}

fn write_one_or_many<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match texts {
        [text] => serializer.serialize_str(text),
        texts => serializer.collect_seq(texts),
    }
}

fn read_one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let wrong = || serde::de::Error::custom("`cmd` must be text or a list of texts");
    match Value::deserialize(deserializer)? {
        Value::Text(text) => Ok(vec![text]),
        Value::List(items) => {
            let text = |item| {
                if let Value::Text(text) = item {
                    Ok(text)
                } else {
                    Err(wrong())
                }
            };
            items.into_iter().map(text).collect()
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content() -> impl Strategy<Value = Content> {
        (
            any::<[u8; 8]>(),
            any::<u32>(),
            any::<Option<u8>>(),
            any::<bool>(),
        )
            .prop_map(|(seed, size, files, executable)| Content {
                sha256: Digest::of(&seed),
                size: size.into(),
                files: files.map(Into::into),
                executable,
            })
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            prop::num::f64::NORMAL.prop_map(Value::Float),
            "\\PC{0,12}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop::collection::vec(inner, 0..3).prop_map(Value::List)
        })
    }

    fn path() -> impl Strategy<Value = AnyPath> {
        "(|/|([.][.]/){1,2})[a-z: #&*-]{1,9}"
            .prop_filter_map("a path", |text| AnyPath::parse(&text).ok())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            cmd in prop::collection::vec("\\PC{0,30}\n?\\PC{0,5}", 0..3),
            deps in prop::collection::btree_map(path(), content(), 0..3),
            params in prop::collection::btree_map("\\PC{0,6}", value(), 0..3),
            data in prop::collection::btree_map("[a-zA-Z~0: #&*-]{1,9}", content(), 0..3),
            urls in prop::collection::btree_map("s3://[a-z: #&*/-]{1,9}", "\\PC{1,9}", 0..3),
        ) {
            let entry = StageEntry {
                cmd,
                wdir: None,
                outs: deps.clone().into_iter().collect(),
                deps: deps.into_iter().collect(),
                commands: BTreeMap::from([("python --version".to_owned(), Digest::of(b"3"))]),
                urls,
                params: BTreeMap::from([(RepoPath::parse("params.yaml").expect("a path"), params)]),
            };
            let names = ["a: b", "plain", "10", "true", "x#y"].map(StageName::new);
            let stages = names.into_iter().map(|name| (name, entry.clone())).collect();
            let path = |text: &str| RepoPath::parse(text).ok();
            let data = data.iter().filter_map(|(text, content)| Some((path(text)?, *content)));
            let data: BTreeMap<_, _> = data.collect();
            let source = |(path, _): (&RepoPath, &Content)| {
                let source = Source {
                    from: "s3://b/x: y".to_owned(),
                    path: None,
                    rev: Some("main".to_owned()),
                    commit: None,
                    state: Some("etag 1".to_owned()),
                };
                (path.clone(), source)
            };
            let sources = data.iter().take(1).map(source).collect();
            let lock = Lock { schema: SCHEMA, data, sources, stages };
            let text = lock.to_text();
            prop_assert_eq!(&Lock::parse("data.lock", &text).expect("valid"), &lock);
            prop_assert_eq!(yaml::decode::<Lock>("data.lock", &text).expect("valid"), lock);
        }
    }

    #[test]
    fn conflict_markers_are_told_apart_from_mistakes() {
        let text = "schema: 1\nstages:\n<<<<<<< ours\n  a:\n=======\n  b:\n>>>>>>> theirs\n";
        let problem = Lock::parse("data.lock", text).expect_err("a conflict");
        assert_eq!(problem.message, "the lock has merge-conflict markers");
        assert_eq!(problem.place, Some(Place { line: 3, column: 1 }));
    }

    #[test]
    fn data_in_folders_of_git_or_ours_is_refused() {
        let content = format!("{{sha256: {}, size: 1}}", Digest::of(b"x"));
        for path in [".git/hooks/pre-commit", "a/.GIT/x", ".mlpipe", "."] {
            let text = format!("schema: 1\ndata:\n  {path}: {content}\nstages: {{}}\n");
            let problem = Lock::parse("data.lock", &text).expect_err("refused");
            assert!(problem.message.contains("cannot be tracked"), "{problem}");
        }
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let problem = Lock::parse("data.lock", "schema: 99\n").expect_err("newer");
        assert!(problem.message.contains("schema is 99"), "{problem}");
    }
}

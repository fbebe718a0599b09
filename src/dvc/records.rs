//! `Records`: what the `.dvc` files and `dvc.lock` files of a project say, of DVC 0.60 to 3.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::source::{Snapshot, read_text};
use crate::base::value::{Map, Value};
use crate::base::yaml;
use crate::dvc::error::Error;
use crate::dvc::md5::{Era, Md5};
use crate::pipeline::{self, DVC_FILE, PIPELINE_FILE, StageName};
use crate::remote::Version;

/// The file with what DVC's stages ran with, beside each `dvc.yaml`.
pub(super) const DVC_LOCK: &str = "dvc.lock";

/// The ending of the files that stand for data.
pub(super) const ENDING: &str = ".dvc";

/// The version of `dvc.lock` that is understood, beside those without a version.
const SCHEMA: &str = "2.0";

/// An object of DVC's, or what stands for a folder of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Object {
    /// Its name.
    pub(crate) md5: Md5,
    /// Which DVC has named it.
    pub(crate) era: Era,
    /// Whether it is the manifest of a folder.
    pub(crate) is_folder: bool,
}

/// What is recorded of one path.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// The path as it is written, from the folder that it is meant in.
    pub(crate) path: String,
    /// Its content; `None` where DVC has no object for it, as for URLs.
    pub(crate) object: Option<Object>,
    /// What tells the state of what is at a URL from others, in our words.
    pub(crate) state: Option<String>,
    /// Whether a file may be executed.
    pub(crate) executable: bool,
}

/// Data that no stage makes.
#[derive(Clone, Debug)]
pub(crate) struct DataRecord {
    /// The `.dvc` file.
    pub(crate) file: RepoPath,
    /// The folder that its paths are meant in.
    pub(crate) folder: RepoPath,
    /// What it stands for.
    pub(crate) outs: Vec<Recorded>,
    /// Where it came from.
    pub(crate) origin: Option<Origin>,
    /// The command of a stage in the manner of DVC 0.
    pub(crate) cmd: Option<String>,
}

/// Where imported data came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From a URL or a path, by `dvc import-url`.
    Url {
        /// The URL or the path.
        url: String,
        /// What tells the state of what was there from others, in our words.
        state: Option<String>,
    },
    /// From another repository, by `dvc import`.
    Repository {
        /// The repository.
        url: String,
        /// The path in it.
        path: String,
        /// The revision that was asked for.
        rev: Option<String>,
        /// The commit that it was taken from.
        commit: Option<String>,
    },
}

/// What a stage ran with, in DVC's words.
#[derive(Clone, Debug)]
pub(crate) struct StageRecord {
    /// The commands.
    pub(crate) cmd: Vec<String>,
    /// What it read.
    pub(crate) deps: Vec<Recorded>,
    /// The parameters by file, as they are written.
    pub(crate) params: Vec<(String, Value)>,
    /// What it made.
    pub(crate) outs: Vec<Recorded>,
}

/// All that a project's files record.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Data, in the order of their files.
    pub(crate) data: Vec<DataRecord>,
    /// Stages, by the names that they have here.
    pub(crate) stages: BTreeMap<StageName, StageRecord>,
    /// The folders with a `dvc.yaml`.
    pub(crate) pipelines: Vec<RepoPath>,
    /// The `.dvcignore` files.
    pub(crate) ignores: Vec<RepoPath>,
}

impl Records {
    /// Reads the records of `snapshot`.
    pub(crate) fn read(snapshot: &dyn Snapshot) -> Result<Self, Error> {
        let is_wanted = |name: &str| {
            let is_data = name.ends_with(ENDING) && name != ENDING;
            is_data || matches!(name, DVC_FILE | DVC_LOCK | ".dvcignore")
        };
        let mut records = Self::default();
        for path in pipeline::find_files(snapshot, &is_wanted).map_err(pipeline::Error::from)? {
            match path.name() {
                DVC_FILE => records.pipelines.push(path.parent()),
                ".dvcignore" => records.ignores.push(path),
                DVC_LOCK => records.read_lock(snapshot, &path)?,
                _ => records.data.extend(read_data(snapshot, &path)?),
            }
        }
        Ok(records)
    }

    fn read_lock(&mut self, snapshot: &dyn Snapshot, path: &RepoPath) -> Result<(), Error> {
        let Some(file) = Text::read(snapshot, path)? else {
            return Ok(());
        };
        let Value::Map(top) = &file.value else {
            return Ok(());
        };
        let no_stages = Map::new();
        let stages = match (top.get("schema"), top.get("stages")) {
            (None, None) => top,
            (None, Some(_)) => return Err(file.wrong("it has stages and no `schema`").into()),
            (Some(Value::Text(schema)), stages) if schema == SCHEMA => match stages {
                Some(Value::Map(stages)) => stages,
                _ => &no_stages,
            },
            (Some(schema), _) => {
                let message = format!("its schema is {schema}; {SCHEMA} is the last one known");
                return Err(file.wrong(message).into());
            }
        };
        for (name, stage) in stages {
            let record = file.stage(name, stage)?;
            self.stages.insert(stage_name(&path.parent(), name), record);
        }
        Ok(())
    }
}

/// Returns what a stage of the pipeline in `folder` is called here.
fn stage_name(folder: &RepoPath, name: &str) -> StageName {
    if folder.is_root() {
        StageName::new(name)
    } else {
        StageName::new(&format!("{folder}/{PIPELINE_FILE}:{name}"))
    }
}

fn read_data(snapshot: &dyn Snapshot, path: &RepoPath) -> Result<Option<DataRecord>, Error> {
    let Some(file) = Text::read(snapshot, path)? else {
        return Ok(None);
    };
    let Value::Map(map) = &file.value else {
        return Err(file.wrong("it has no `outs`").into());
    };
    let folder = match map.get("wdir") {
        Some(Value::Text(wdir)) => path
            .parent()
            .join(wdir)
            .map_err(|error| file.wrong(error.to_string()))?,
        _ => path.parent(),
    };
    let cmd = map.get("cmd").and_then(Value::as_text);
    let Some(Value::List(_)) = map.get("outs") else {
        return Err(file.wrong("it has no `outs`").into());
    };
    Ok(Some(DataRecord {
        folder,
        outs: file.entries(map, "outs")?,
        origin: origin(map),
        cmd: cmd.map(str::to_owned),
        file: path.clone(),
    }))
}

/// Reads where imported data came from.
fn origin(map: &Map) -> Option<Origin> {
    let Some(Value::List(deps)) = map.get("deps") else {
        return None;
    };
    let Some(Value::Map(dep)) = deps.first() else {
        return None;
    };
    let path = dep.get("path")?.as_text()?.to_owned();
    let Some(Value::Map(repo)) = dep.get("repo") else {
        let state = noted(&path, dep);
        return Some(Origin::Url { url: path, state });
    };
    let text = |key: &str| repo.get(key).and_then(Value::as_text).map(str::to_owned);
    Some(Origin::Repository {
        url: text("url")?,
        path,
        rev: text("rev"),
        commit: text("rev_lock"),
    })
}

/// Returns what DVC has noted of what is at a URL, as we would have: the etag. Of web servers it calls
/// that `checksum`; where it is the content's MD5 instead, it is not what we find there.
fn noted(url: &str, entry: &Map) -> Option<String> {
    let (scheme, _) = url.split_once("://")?;
    let text = |key: &str| entry.get(key).and_then(Value::as_text);
    let etag = text("etag").or_else(|| text("checksum"))?;
    let etag = match scheme {
        // Google's is base64, of which DVC writes the bytes as digits.
        "gs" | "gcs" => STANDARD.encode(hex(etag)?),
        _ => etag.to_owned(),
    };
    Some(Version::Etag(etag).to_string())
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    bytes.collect()
}

/// A file of DVC's, parsed.
struct Text {
    label: String,
    content: String,
    value: Value,
}

impl Text {
    fn read(snapshot: &dyn Snapshot, path: &RepoPath) -> Result<Option<Self>, Error> {
        let Some(text) = read_text(snapshot, path).map_err(pipeline::Error::from)? else {
            return Ok(None);
        };
        let label = snapshot.label(path);
        let value = yaml::parse(&label, &text)?;
        Ok(Some(Self {
            label,
            content: text,
            value,
        }))
    }

    fn wrong(&self, message: impl Into<String>) -> Problem {
        Problem::new(&self.label, &self.content, message)
            .help("`dvc status` says whether DVC can read it")
    }

    fn stage(&self, name: &str, value: &Value) -> Result<StageRecord, Problem> {
        let Value::Map(map) = value else {
            return Err(self.wrong(format!("stage `{name}` is no map")));
        };
        let text = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            other => other.to_string(),
        };
        let cmd = match map.get("cmd") {
            Some(Value::List(items)) => items.iter().map(text).collect(),
            Some(one) => vec![text(one)],
            None => Vec::new(),
        };
        let params = match map.get("params") {
            Some(Value::Map(files)) => files.clone().into_iter().collect(),
            _ => Vec::new(),
        };
        Ok(StageRecord {
            cmd,
            deps: self.entries(map, "deps")?,
            params,
            outs: self.entries(map, "outs")?,
        })
    }

    fn entries(&self, map: &Map, key: &str) -> Result<Vec<Recorded>, Problem> {
        let Some(Value::List(items)) = map.get(key) else {
            return Ok(Vec::new());
        };
        items.iter().map(|item| self.entry(item, key)).collect()
    }

    fn entry(&self, item: &Value, key: &str) -> Result<Recorded, Problem> {
        let Value::Map(entry) = item else {
            return Err(self.wrong(format!("an item of `{key}` is no map")));
        };
        let Some(path) = entry.get("path").and_then(Value::as_text) else {
            return Err(self.wrong(format!("an item of `{key}` has no `path`")));
        };
        let era = if entry.get("hash").and_then(Value::as_text) == Some("md5") {
            Era::Three
        } else {
            Era::Two
        };
        let object = match entry.get("md5") {
            None | Some(Value::Null) => None,
            Some(name) => {
                let object = name.as_text().and_then(|name| Object::parse(name, era));
                let wrong = || self.wrong(format!("`md5` of `{path}` is no MD5: {name}"));
                Some(object.ok_or_else(wrong)?)
            }
        };
        Ok(Recorded {
            path: path.to_owned(),
            object,
            state: noted(path, entry),
            executable: matches!(entry.get("isexec"), Some(Value::Bool(true))),
        })
    }
}

impl Object {
    /// Reads an object's name; that of a folder ends in `.dir`.
    pub(super) fn parse(name: &str, era: Era) -> Option<Self> {
        let (digits, is_folder) = match name.strip_suffix(".dir") {
            Some(digits) => (digits, true),
            None => (name, false),
        };
        Some(Self {
            md5: digits.parse().ok()?,
            era,
            is_folder,
        })
    }

    /// Returns where the object is in a cache or a remote.
    pub(super) fn place(&self) -> String {
        let name = self.md5.to_string();
        let folder = match self.era {
            Era::Two => "",
            Era::Three => "files/md5/",
        };
        let ending = if self.is_folder { ".dir" } else { "" };
        format!("{folder}{}/{}{ending}", &name[..2], &name[2..])
    }
}

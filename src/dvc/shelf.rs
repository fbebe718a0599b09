//! `Shelf`: what a project of DVC's has at some commit, for others to take from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::base::any_path::AnyPath;
use crate::base::path::RepoPath;
use crate::base::source::Snapshot;
use crate::dvc::config::DvcConfig;
use crate::dvc::error::Error;
use crate::dvc::records::{Object, Recorded, Records};
use crate::dvc::storage::{Lack, Storage};
use crate::dvc::transfer::{bring, members};
use crate::pipeline::{DVC_FILE, PIPELINE_FILE, Pipeline, StageName};
use crate::store::{Cache, Entry, EntryKind, FileContent, Meter};

/// What is recorded, and where its objects may be.
pub(crate) struct Shelf {
    storage: Storage,
    items: BTreeMap<RepoPath, Recorded>,
}

/// What could not be had: the path, and why.
pub(crate) type Absence = (String, Lack);

impl Shelf {
    /// Opens that of the project at `root`, as of `snapshot`.
    pub(crate) fn open(
        snapshot: &dyn Snapshot,
        root: &Path,
        pipeline: &Pipeline,
    ) -> Result<Self, Error> {
        let records = Records::read(snapshot)?;
        let config = DvcConfig::read(snapshot)?;
        let remote = config.remote(None)?;
        let storage = Storage::new(config.cache(root), remote.as_ref(), root)?;
        let mut items = BTreeMap::new();
        let mut add = |folder: &RepoPath, recorded: &Recorded| {
            let path = AnyPath::resolve(root, folder, &recorded.path).ok();
            if let Some(path) = path.as_ref().and_then(AnyPath::inside)
                && recorded.object.is_some()
            {
                items.insert(path.clone(), recorded.clone());
            }
        };
        for data in &records.data {
            data.outs.iter().for_each(|out| add(&data.folder, out));
        }
        for stage in &pipeline.stages {
            let name = stage.name.as_str();
            let name = match name.split_once(&format!("/{DVC_FILE}:")) {
                Some((folder, inner)) => format!("{folder}/{PIPELINE_FILE}:{inner}"),
                None => name.to_owned(),
            };
            if let Some(record) = records.stages.get(&StageName::new(&name)) {
                record.outs.iter().for_each(|out| add(&stage.wdir, out));
            }
        }
        Ok(Self { storage, items })
    }

    /// Returns the paths that it has content for.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.items.keys()
    }

    /// Brings what is at a path that it has, into the cache; of a folder only what `is_wanted`, by the
    /// path in it. Returns the entries; that of a file has an empty path.
    pub(crate) fn bring(
        &self,
        path: &RepoPath,
        is_wanted: &dyn Fn(&str) -> bool,
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Result<Vec<Entry>, Absence>, Error> {
        let recorded = self.items.get(path);
        let Some((recorded, object)) = recorded.and_then(|known| Some((known, known.object?)))
        else {
            return Ok(Err((path.to_string(), Lack::Missing)));
        };
        let mut wanted: Vec<(String, Object)> = Vec::new();
        if object.is_folder {
            match members(&self.storage, &object)? {
                Ok(members) => {
                    let members = members.into_iter().filter(|member| is_wanted(&member.path));
                    wanted.extend(members.map(|member| (member.path, member.object)));
                }
                Err(lack) => return Ok(Err((path.to_string(), lack))),
            }
        } else {
            wanted.push((String::new(), object));
        }
        let objects: BTreeSet<Object> = wanted.iter().map(|(_, object)| *object).collect();
        let outcomes = bring(&self.storage, &objects, cache, meter)?;
        let mut entries = Vec::new();
        for (inner, object) in wanted {
            match &outcomes[&object] {
                Ok(taken) => entries.push(Entry {
                    kind: EntryKind::File(FileContent {
                        digest: taken.digest,
                        size: taken.size,
                        executable: inner.is_empty() && recorded.executable,
                    }),
                    path: inner,
                }),
                Err(lack) => return Ok(Err((format!("{path}/{inner}"), lack.clone()))),
            }
        }
        Ok(Ok(entries))
    }
}

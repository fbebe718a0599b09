//! `DvcPast`: a revision from before a project left DVC, completed by what DVC's cache has of it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::path::RepoPath;
use crate::base::source::{Entry, Error, Snapshot};
use crate::dvc::config::DvcConfig;
use crate::dvc::records::{Object, Records};
use crate::dvc::storage::Storage;
use crate::pipeline::{DVC_FILE, LOCK_FILE, StageName};

/// Reads files from a snapshot, and what it lacks from where DVC keeps it. Nothing is changed there.
pub(crate) struct DvcPast<'a> {
    inner: &'a dyn Snapshot,
    objects: BTreeMap<RepoPath, Object>,
    storage: Storage,
}

/// Returns whether a snapshot is DVC's: it has a `dvc.yaml` and nothing that is recorded here.
pub(crate) fn is_of_dvc(snapshot: &dyn Snapshot) -> bool {
    let has = |name: &str| {
        let path = RepoPath::parse(name).expect("invariant: a plain file name");
        matches!(snapshot.read(&path), Ok(Some(_)))
    };
    !has(LOCK_FILE) && has(DVC_FILE)
}

/// Returns the folder that the paths of a stage are meant in.
fn folder_of(stage: &StageName) -> Option<RepoPath> {
    let named = stage.as_str().rsplit_once(':');
    named.map_or(Some(RepoPath::root()), |(file, _)| {
        RepoPath::parse(file).ok().map(|file| file.parent())
    })
}

impl<'a> DvcPast<'a> {
    /// Completes `inner`; `None` where its files of DVC's cannot be read, which says nothing of its
    /// other files.
    pub(crate) fn new(inner: &'a dyn Snapshot) -> Option<Self> {
        let records = Records::read(inner).ok()?;
        let config = DvcConfig::read(inner).ok()?;
        let remote = config.remote(None).ok().flatten();
        let storage =
            Storage::new(config.cache(inner.root()), remote.as_ref(), inner.root()).ok()?;
        let stages = records.stages.iter();
        let made = stages.flat_map(|(name, stage)| {
            let outs = stage.outs.iter();
            outs.filter_map(move |out| Some((folder_of(name)?.join(&out.path).ok()?, out.object?)))
        });
        let data = records.data.iter().flat_map(|data| {
            let outs = data.outs.iter();
            outs.filter_map(|out| Some((data.folder.join(&out.path).ok()?, out.object?)))
        });
        let files = made.chain(data).filter(|(_, object)| !object.is_folder);
        Some(Self {
            inner,
            objects: files.collect(),
            storage,
        })
    }

    /// Returns whether DVC records a file at `path`.
    pub(crate) fn records(&self, path: &RepoPath) -> bool {
        self.objects.contains_key(path)
    }
}

impl Snapshot for DvcPast<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn root(&self) -> &Path {
        self.inner.root()
    }

    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        if let Some(bytes) = self.inner.read(path)? {
            return Ok(Some(bytes));
        }
        let object = self.objects.get(path);
        let found = object.map(|object| self.storage.read(object));
        // What cannot be read is not there: whoever asked says so.
        Ok(found.and_then(|found| found.ok()?.ok()))
    }

    fn list(
        &self,
        folder: &RepoPath,
        wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Vec<RepoPath>, Error> {
        self.inner.list(folder, wanted)
    }

    fn label(&self, path: &RepoPath) -> String {
        self.inner.label(path)
    }
}

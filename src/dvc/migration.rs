//! `migrate`: a project goes on here where DVC has left it, and nothing runs again.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::source::read_text;
use crate::data::{self, Access};
use crate::dvc::config::DvcConfig;
use crate::dvc::contents::{Contents, Want};
use crate::dvc::error::Error;
use crate::dvc::history::{self, Fate};
use crate::dvc::records::{DataRecord, Origin, Recorded, Records};
use crate::dvc::storage::{Lack, Storage};
use crate::pipeline::{
    self, Amended, Content, DVC_FILE, Out, PIPELINE_FILE, Pipeline, Source, StageEntry, StageName,
};
use crate::scm::IgnoreFiles;
use crate::store::Meter;
use crate::workspace::{Ledger, Workspace};

/// What became of a project of DVC's.
#[derive(Debug, Default)]
pub(crate) struct Migration {
    /// The data that is tracked now.
    pub(crate) data: BTreeMap<RepoPath, Content>,
    /// Where imported data came from.
    pub(crate) sources: BTreeMap<RepoPath, Source>,
    /// Each stage.
    pub(crate) stages: Vec<(StageName, Fate)>,
    /// What could not be taken over.
    pub(crate) troubles: Vec<Trouble>,
    /// The files of the user's that were made, beside `data.lock`.
    pub(crate) files: Vec<RepoPath>,
}

/// Something that could not be taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// An object is in none of DVC's places, or is not what its name says.
    Object {
        /// The path, with that in a folder.
        path: String,
        /// Its name.
        md5: String,
        /// Why not.
        lack: Lack,
    },
    /// A `.dvc` file stands for something outside of the project.
    Outside {
        /// The file.
        file: RepoPath,
        /// The path as written.
        path: String,
    },
    /// DVC has no object for it, as for what was imported without a download.
    NoObject {
        /// The file.
        file: RepoPath,
        /// The path as written.
        path: String,
    },
    /// A stage in the manner of DVC 0, in a `.dvc` file of its own.
    OldStage {
        /// The file.
        file: RepoPath,
    },
}

/// Takes over what DVC has recorded. All files that DVC reads stay as they are.
///
/// Content is in the cache before `data.lock` names it. Killed at any moment, it is completed by
/// running it again.
pub(crate) fn migrate(
    access: &mut Access<'_>,
    workspace: &Workspace,
    remote: Option<&str>,
    meter: &Meter,
) -> Result<Migration, Error> {
    let records = Records::read(&workspace.worktree)?;
    let config = DvcConfig::read(&workspace.worktree)?;
    let remote = config.remote(remote)?;
    let root = workspace.root();
    let storage = Storage::new(config.cache(root), remote.as_ref(), root)?;
    let texts = new_texts(workspace, &records)?;
    let pipeline = load(workspace, &texts)?;
    write_ignores(workspace, &records)?;

    let mut migration = Migration::default();
    let tracked = tracked(workspace, &records, &mut migration.troubles);
    let mut wants: Vec<Want> = tracked
        .iter()
        .map(|(path, recorded)| Want::kept(path.clone().into(), recorded))
        .collect();
    wants.extend(history::wants(root, &pipeline, &records));
    let contents = Contents::find(workspace, &storage, wants, meter)?;

    for (path, recorded) in &tracked {
        if let Some(content) = contents.of(&path.clone().into(), recorded) {
            migration.data.insert(path.clone(), content);
        }
    }
    migration.sources = sources(workspace, &records, &migration.data);
    let mut entries = Vec::new();
    for stage in &pipeline.stages {
        let (fate, entry) = history::judge(workspace, stage, &records, &contents);
        migration.stages.push((stage.name.clone(), fate));
        entries.extend(entry.map(|entry| (stage.name.clone(), entry)));
    }
    migration.troubles.extend(contents.into_troubles());
    migration.files = write(workspace, access, &texts, &migration, entries, &pipeline)?;
    Ok(migration)
}

/// Returns the pipeline files that are to be made: each `dvc.yaml` under our name, to the letter.
fn new_texts(
    workspace: &Workspace,
    records: &Records,
) -> Result<BTreeMap<RepoPath, String>, Error> {
    let mut texts = BTreeMap::new();
    for folder in &records.pipelines {
        let file = |name: &str| folder.join(name).expect("invariant: a plain file name");
        let (ours, theirs) = (file(PIPELINE_FILE), file(DVC_FILE));
        let read = |path| read_text(&workspace.worktree, path).map_err(pipeline::Error::from);
        if fs::exists(&workspace.locate(&ours))? {
            continue;
        }
        if let Some(text) = read(&theirs)? {
            texts.insert(ours, text);
        }
    }
    Ok(texts)
}

/// Loads the pipeline as it will be; a project may have data alone.
fn load(workspace: &Workspace, texts: &BTreeMap<RepoPath, String>) -> Result<Pipeline, Error> {
    let amended = Amended {
        inner: &workspace.worktree,
        texts,
    };
    match Pipeline::load(&amended) {
        Err(pipeline::Error::NoPipeline { .. }) => Ok(Pipeline::default()),
        loaded => Ok(loaded?),
    }
}

/// What DVC leaves out of folders is left out here. A file without rules is not worth a second one.
fn write_ignores(workspace: &Workspace, records: &Records) -> Result<Vec<RepoPath>, Error> {
    let mut written = Vec::new();
    for theirs in &records.ignores {
        let ours = theirs
            .parent()
            .join(".mlpipeignore")
            .expect("invariant: a plain file name");
        let place = workspace.locate(&ours);
        let text = fs::read(&workspace.locate(theirs))?.unwrap_or_default();
        let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        if !fs::exists(&place)? && lines.any(|line| !line.is_empty() && line[0] != b'#') {
            fs::write_atomic(&place, &text)?;
            written.push(ours);
        }
    }
    Ok(written)
}

/// Returns the data that no stage makes, with what is recorded of it.
fn tracked(
    workspace: &Workspace,
    records: &Records,
    troubles: &mut Vec<Trouble>,
) -> Vec<(RepoPath, Recorded)> {
    let mut tracked = Vec::new();
    for DataRecord {
        file,
        folder,
        outs,
        cmd,
        ..
    } in &records.data
    {
        if cmd.is_some() {
            let file = file.clone();
            troubles.push(Trouble::OldStage { file });
        }
        for out in outs {
            let (file, text) = (file.clone(), out.path.clone());
            let path = AnyPath::resolve(workspace.root(), folder, &out.path);
            match path.as_ref().ok().and_then(AnyPath::inside) {
                None => troubles.push(Trouble::Outside { file, path: text }),
                Some(_) if out.object.is_none() => {
                    troubles.push(Trouble::NoObject { file, path: text });
                }
                Some(path) => tracked.push((path.clone(), out.clone())),
            }
        }
    }
    tracked
}

/// Returns where data came from that DVC has imported.
fn sources(
    workspace: &Workspace,
    records: &Records,
    data: &BTreeMap<RepoPath, Content>,
) -> BTreeMap<RepoPath, Source> {
    let mut sources = BTreeMap::new();
    let root = workspace.root();
    for record in &records.data {
        let (Some(origin), [out]) = (&record.origin, record.outs.as_slice()) else {
            continue;
        };
        let seen_from_root = |text: &str| {
            let found = (!text.contains("://"))
                .then(|| AnyPath::resolve(root, &record.folder, text).ok())
                .flatten();
            found.map_or_else(|| text.to_owned(), |path| path.as_str().to_owned())
        };
        let path = AnyPath::resolve(root, &record.folder, &out.path);
        let Some(path) = path.ok().and_then(|path| path.inside().cloned()) else {
            continue;
        };
        if !data.contains_key(&path) {
            continue;
        }
        let source = match origin {
            Origin::Url { url, state } => Source {
                from: seen_from_root(url),
                path: None,
                rev: None,
                commit: None,
                state: state.clone(),
            },
            Origin::Repository {
                url,
                path,
                rev,
                commit,
            } => Source {
                // Git has addresses that look like paths, as `host:folder`.
                from: url.clone(),
                path: Some(path.clone()),
                rev: rev.clone(),
                commit: commit.clone(),
                state: None,
            },
        };
        sources.insert(path, source);
    }
    sources
}

/// Writes what the user sees: files first, then the lock that relies on them.
fn write(
    workspace: &Workspace,
    access: &mut Access<'_>,
    texts: &BTreeMap<RepoPath, String>,
    migration: &Migration,
    entries: Vec<(StageName, StageEntry)>,
    pipeline: &Pipeline,
) -> Result<Vec<RepoPath>, Error> {
    for (path, text) in texts {
        fs::write_atomic(&workspace.locate(path), text.as_bytes())?;
    }
    data::adopt(access, &migration.data)?;
    let sources = &migration.sources;
    if !sources.is_empty() {
        workspace.update_sources(|all| all.extend(sources.clone()))?;
    }
    let ledger = Ledger::open(workspace)?;
    let recorded: BTreeSet<StageName> = entries.iter().map(|(name, _)| name.clone()).collect();
    for (name, entry) in entries {
        ledger.record(&name, entry)?;
    }
    ledger.fold(|_| true)?;
    let mut ignored = IgnoreFiles::new(workspace.root());
    for stage in pipeline
        .stages
        .iter()
        .filter(|stage| recorded.contains(&stage.name))
    {
        for path in stage.outs.iter().filter_map(Out::cached_path) {
            ignored.add(path)?;
        }
    }
    workspace.try_save_index();
    Ok(texts.keys().cloned().collect())
}

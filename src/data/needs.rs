//! `Needs`: the objects that projects need: what their locks record, now and in commits.

use std::path::Path;

use crate::base::path::RepoPath;
use crate::base::source::as_text;
use crate::data::refusal::Refusal;
use crate::pipeline::{Content, LOCK_FILE, Lock};
use crate::scm::{Reach, Version};
use crate::store::{Cache, Listing, Live};
use crate::workspace::Workspace;

/// What becomes of tracked folders whose lists of files nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlisted {
    /// Nothing is collected: which objects are theirs is not known.
    Refuse,
    /// Their files do not count as needed.
    Allow,
}

/// What is needed, as far as it is known.
pub(super) struct Needs<'c> {
    cache: &'c Cache,
    pub(super) live: Live,
    /// How many folders are needed whose manifests are not in the cache.
    pub(super) unlisted: u64,
}

impl<'c> Needs<'c> {
    /// Needs nothing of the cache yet.
    pub(super) fn new(cache: &'c Cache) -> Self {
        Self {
            cache,
            live: Live::default(),
            unlisted: 0,
        }
    }

    /// Adds what a project needs now.
    pub(super) fn add_workspace(
        &mut self,
        workspace: &Workspace,
        unlisted: Unlisted,
    ) -> Result<(), Refusal> {
        let lock = workspace.load_lock()?;
        // By whatever `cache.type` they were made: an object that is packed would leave them dangling.
        let outs = lock.stages.values().flat_map(|entry| entry.outs.iter());
        let outs = outs.filter_map(|(path, _)| path.inside());
        for path in lock.data.keys().chain(outs) {
            self.cache
                .pin_linked(&workspace.locate(path), &mut self.live);
        }
        for (path, content) in &lock.data {
            self.add_tracked(workspace, (path, content), unlisted)?;
        }
        self.add_lock(&lock)?;
        self.add_staged(workspace)
    }

    /// Adds tracked data. The list of a folder's files that the cache lacks is made anew of the folder
    /// itself, if that is as recorded.
    fn add_tracked(
        &mut self,
        workspace: &Workspace,
        (path, content): (&RepoPath, &Content),
        unlisted: Unlisted,
    ) -> Result<(), Refusal> {
        match self.live.add_whole(content, self.cache)? {
            Listing::Known => return Ok(()),
            Listing::Missing => {}
            Listing::Corrupt => {
                let path = path.to_string();
                return Err(Refusal::Manifest { path });
            }
        }
        match workspace.tree(&path.clone().into())? {
            Some(tree) if tree.content() == *content => {
                self.live.add_files(&tree);
                Ok(())
            }
            _ if unlisted == Unlisted::Refuse => {
                let path = path.clone();
                Err(Refusal::Unlisted { path })
            }
            _ => {
                self.unlisted += 1;
                Ok(())
            }
        }
    }

    /// Adds what is staged.
    fn add_staged(&mut self, workspace: &Workspace) -> Result<(), Refusal> {
        let Some(repo) = workspace.repo()? else {
            return Ok(());
        };
        let path = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
        self.add_versions(repo.staged_versions(&path)?)
    }

    /// Adds what a project needed in these commits.
    pub(super) fn add_commits(
        &mut self,
        workspace: &Workspace,
        reaches: &[Reach],
    ) -> Result<(), Refusal> {
        if reaches.is_empty() {
            return Ok(());
        }
        let Some(repo) = workspace.repo()? else {
            return Ok(());
        };
        let path = RepoPath::parse(LOCK_FILE).expect("invariant: a plain file name");
        self.add_versions(repo.versions(&path, reaches)?)?;
        if reaches.contains(&Reach::All) {
            self.add_versions(repo.pending_versions(&path)?)?;
        }
        Ok(())
    }

    fn add_versions(&mut self, versions: Vec<Version>) -> Result<(), Refusal> {
        for version in versions {
            let label = format!("{}:{LOCK_FILE}", version.commit);
            let lock = Lock::parse(&label, as_text(&label, &version.bytes)?)?;
            self.add_lock(&lock)?;
        }
        Ok(())
    }

    /// Adds what another project may ever need.
    pub(super) fn add_mate(&mut self, root: &Path) -> Result<Workspace, Refusal> {
        let add = || {
            let workspace = Workspace::at(root)?;
            // It may be a clone that has not asked for its data yet.
            self.add_workspace(&workspace, Unlisted::Allow)?;
            self.add_commits(&workspace, &[Reach::All])?;
            Ok::<_, Refusal>(workspace)
        };
        let mut add = add;
        add().map_err(|error| Refusal::Project {
            path: root.to_owned(),
            source: Box::new(error),
        })
    }

    /// Adds the content of a file or a folder, which is called `path`.
    pub(super) fn add_content(&mut self, content: &Content, path: &str) -> Result<(), Refusal> {
        match self.live.add_whole(content, self.cache)? {
            Listing::Known => {}
            Listing::Missing => self.unlisted += 1,
            Listing::Corrupt => {
                let path = path.to_owned();
                return Err(Refusal::Manifest { path });
            }
        }
        Ok(())
    }

    fn add_lock(&mut self, lock: &Lock) -> Result<(), Refusal> {
        for (path, content) in &lock.data {
            self.add_content(content, path.as_str())?;
        }
        for entry in lock.stages.values() {
            for (path, content) in entry.outs.iter() {
                self.add_content(content, path.as_str())?;
            }
            let folders = entry.deps.iter().filter(|(_, dep)| dep.files.is_some());
            // What has changed in a folder is told by its manifest.
            folders.for_each(|(_, dep)| self.live.add(dep.sha256));
        }
        Ok(())
    }
}

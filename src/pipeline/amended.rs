//! `Amended`: a snapshot in which some files are as they would become, so that an edit is checked before
//! anything is written.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::path::RepoPath;
use crate::base::source::{Entry, Error, Snapshot};

/// A snapshot with some files replaced or added.
pub(crate) struct Amended<'a> {
    /// Where all other files come from.
    pub(crate) inner: &'a dyn Snapshot,
    /// The files that differ.
    pub(crate) texts: &'a BTreeMap<RepoPath, String>,
}

impl Snapshot for Amended<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn root(&self) -> &Path {
        self.inner.root()
    }

    fn read(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, Error> {
        match self.texts.get(path) {
            Some(text) => Ok(Some(text.clone().into_bytes())),
            None => self.inner.read(path),
        }
    }

    fn list(
        &self,
        folder: &RepoPath,
        wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Vec<RepoPath>, Error> {
        let mut found = self.inner.list(folder, wanted)?;
        for path in self.texts.keys().filter(|path| path.is_within(folder)) {
            if !found.contains(path) && is_reached(path, folder, wanted) {
                found.push(path.clone());
            }
        }
        found.sort();
        Ok(found)
    }

    fn label(&self, path: &RepoPath) -> String {
        self.inner.label(path)
    }
}

/// Returns whether a listing of `folder` comes by `path`: all folders on the way are entered.
fn is_reached(
    path: &RepoPath,
    folder: &RepoPath,
    wanted: &mut dyn FnMut(&Entry<'_>) -> bool,
) -> bool {
    let mut way: Vec<&str> = path.ancestors().collect();
    way.reverse();
    let way = way
        .into_iter()
        .filter_map(|part| RepoPath::parse(part).ok());
    let mut below = way.filter(|part| part.is_within(folder) && part != folder);
    below.all(|part| {
        wanted(&Entry {
            folder: &part.parent(),
            name: part.name(),
            is_folder: part != *path,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::source::Worktree;
    use crate::pipeline::Pipeline;

    #[test]
    fn a_new_file_is_found_where_the_search_comes_by() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = "stages: {a: {cmd: x}}\n".to_owned();
        let texts = ["pipeline.yaml", "one/two/pipeline.yaml", ".hidden/dvc.yaml"];
        let texts = texts.map(|path| (RepoPath::parse(path).expect("a path"), text.clone()));
        let amended = Amended {
            inner: &Worktree::new(folder.path()),
            texts: &BTreeMap::from(texts),
        };
        let pipeline = Pipeline::load(&amended).unwrap_or_else(|error| panic!("{error}"));
        let names = pipeline.stages.iter().map(|stage| stage.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["a", "one/two/pipeline.yaml:a"]);
    }
}

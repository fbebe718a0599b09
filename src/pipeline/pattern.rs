//! `Pattern`: a dep that names files by wildcards, as in `data/*.csv` or `src/**/*.py`.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base::path::RepoPath;
use crate::base::source::{self, Snapshot};

/// A path of the project with `*` or `?` in it. `*` stays within a folder, `**` does not.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    path: RepoPath,
    whole: GlobMatcher,
    /// The first parts of the pattern, up to a `**`, each for folders of one depth.
    folders: Vec<GlobMatcher>,
    /// Whether there is a `**`, below which any depth is possible.
    is_deep: bool,
    prefix: RepoPath,
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.path.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(RepoPath::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Pattern {
    /// Returns whether a path is a pattern.
    pub(crate) fn is_pattern(path: &str) -> bool {
        path.contains(['*', '?'])
    }

    /// Makes a pattern of a path; the error says what is wrong with it.
    pub(crate) fn new(path: RepoPath) -> Result<Self, String> {
        let glob = |text: &str| {
            let glob = GlobBuilder::new(text).literal_separator(true).build();
            let glob = glob.map_err(|error| format!("`{path}` is no pattern: {}", error.kind()));
            glob.map(|glob| glob.compile_matcher())
        };
        let parts: Vec<&str> = path.as_str().split('/').collect();
        let literal = parts.iter().take_while(|part| !Self::is_pattern(part));
        let prefix: Vec<&str> = literal.copied().collect();
        let deep = parts.iter().position(|part| part.contains("**"));
        let last = deep.unwrap_or(parts.len() - 1);
        let folders = (1..=last).map(|length| glob(&parts[..length].join("/")));
        Ok(Self {
            whole: glob(path.as_str())?,
            folders: folders.collect::<Result<_, _>>()?,
            is_deep: deep.is_some(),
            prefix: match prefix.as_slice() {
                [] => RepoPath::root(),
                parts => RepoPath::parse(&parts.join("/"))
                    .expect("invariant: the start of a path is a path"),
            },
            path,
        })
    }

    /// Returns the pattern as it is written, relative to the root.
    pub(crate) fn path(&self) -> &RepoPath {
        &self.path
    }

    /// Returns the folder that everything it matches lies in.
    pub(crate) fn prefix(&self) -> &RepoPath {
        &self.prefix
    }

    /// Returns whether it names this file.
    pub(crate) fn matches(&self, path: &RepoPath) -> bool {
        self.whole.is_match(path.as_str())
    }

    /// Returns whether something that it names may lie in this folder, at any depth.
    pub(crate) fn may_match_in(&self, folder: &RepoPath) -> bool {
        if folder.is_root() {
            return true;
        }
        let depth = folder.as_str().split('/').count();
        match self.folders.get(depth - 1) {
            Some(matcher) => matcher.is_match(folder.as_str()),
            None if self.is_deep => match self.folders.last() {
                Some(deepest) => {
                    let parts: Vec<&str> = folder.as_str().split('/').collect();
                    deepest.is_match(parts[..self.folders.len()].join("/"))
                }
                None => true,
            },
            None => false,
        }
    }

    /// Returns whether a stage that makes `out` may make what it names. An out with an ending is
    /// taken for a file, so that `src/**/*.py` does not wait for `src/report.html`.
    pub(crate) fn may_need(&self, out: &RepoPath) -> bool {
        self.matches(out) || (!out.name().contains('.') && self.may_match_in(out))
    }

    /// Lists the files of `snapshot` that it names, sorted.
    pub(crate) fn find(&self, snapshot: &dyn Snapshot) -> Result<Vec<RepoPath>, source::Error> {
        snapshot.list(&self.prefix, &mut |entry| {
            if entry.is_folder {
                // The state folder and git's are nobody's data.
                !matches!(entry.name, ".git" | ".mlpipe") && self.may_match_in(&entry.path())
            } else {
                self.matches(&entry.path())
            }
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::parse(text).expect("a path")
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::new(path(text)).expect("a pattern")
    }

    #[test]
    fn stars_stay_in_their_folder_unless_doubled() {
        let flat = pattern("data/*.csv");
        assert!(flat.matches(&path("data/a.csv")));
        assert!(!flat.matches(&path("data/x/a.csv")));
        assert_eq!(flat.prefix(), &path("data"));
        let deep = pattern("src/**/*.py");
        assert!(deep.matches(&path("src/a.py")) && deep.matches(&path("src/x/y/a.py")));
        assert!(!deep.matches(&path("srcs/a.py")));
        assert_eq!(pattern("*.py").prefix(), &RepoPath::root());
    }

    #[test]
    fn only_folders_that_can_hold_a_match_count() {
        let flat = pattern("data/*/x.csv");
        assert!(flat.may_match_in(&path("data")) && flat.may_match_in(&path("data/a")));
        assert!(!flat.may_match_in(&path("data/a/b")) && !flat.may_match_in(&path("model")));
        let deep = pattern("src/**/*.py");
        assert!(deep.may_match_in(&path("src/a/b/c")) && !deep.may_match_in(&path("lib/a")));
        assert!(pattern("**/*.py").may_match_in(&path("lib/a")));
    }

    #[test]
    fn an_out_with_an_ending_is_a_file() {
        let code = pattern("**/*.py");
        assert!(code.may_need(&path("gen/a.py")) && code.may_need(&path("gen")));
        assert!(!code.may_need(&path("model.pkl")));
        assert!(!pattern("*.py").may_need(&path("gen")));
    }
}

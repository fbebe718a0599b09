//! `IgnoreRules`: what is no data, by the `.mlpipeignore` files of a project. Their grammar is that of
//! `.gitignore`; the nearest file with a word on a path wins.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, Glob};

use crate::base::fs;
use crate::base::path::RepoPath;

/// The file with the rules for its folder and all below it.
pub(crate) const IGNORE_FILE: &str = ".mlpipeignore";

/// Names that are never data, which no rule brings back: git's folder and ours.
const NEVER: [&str; 2] = [".git", ".mlpipe"];

/// The rules of a project. A file of rules is read when something in its folder is first asked for,
/// and not again.
pub(crate) struct IgnoreRules {
    root: PathBuf,
    folders: RwLock<HashMap<RepoPath, Arc<Folder>>>,
}

/// A pattern, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IgnorePattern {
    /// The file, and its line; `None` for what is never data.
    pub(crate) place: Option<(RepoPath, usize)>,
    /// The pattern as it is written there.
    pub(crate) text: String,
}

impl fmt::Display for IgnorePattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((file, line)) => write!(out, "{file}:{line}:{}", self.text),
            None => write!(out, "default:{}", self.text),
        }
    }
}

/// What the rules say of the entries of one folder.
pub(crate) struct FolderRules {
    path: RepoPath,
    chain: Vec<Arc<Rules>>,
}

impl FolderRules {
    /// Returns whether an entry is ignored.
    pub(crate) fn ignores(&self, name: &str, is_folder: bool) -> bool {
        if self.chain.is_empty() {
            return false;
        }
        // A name that is no path cannot be meant by a rule either.
        let path = self.path.join(name);
        path.is_ok_and(|path| matches!(judge(&self.chain, &path, is_folder), Match::Ignore(_)))
    }
}

/// Returns the last word on a path, which the nearest file has that says anything.
fn judge<'c>(chain: &'c [Arc<Rules>], path: &RepoPath, is_folder: bool) -> Match<IgnoredBy<'c>> {
    for rules in chain {
        match rules.matched(path, is_folder) {
            Match::Ignore(glob) => return Match::Ignore((rules, glob)),
            Match::Whitelist(glob) => return Match::Whitelist((rules, glob)),
            Match::None => {}
        }
    }
    Match::None
}

/// The rules of a file, and the one of them that matches.
type IgnoredBy<'c> = (&'c Rules, &'c Glob);

/// What holds for the entries of one folder.
struct Folder {
    /// Why all of it is ignored. As in git, no rule inside brings anything back then.
    excluded: Option<IgnorePattern>,
    /// The rules of this folder and of those above it, nearest first.
    chain: Vec<Arc<Rules>>,
}

/// The rules of one file.
struct Rules {
    folder: RepoPath,
    lines: Vec<String>,
    patterns: Gitignore,
}

impl IgnoreRules {
    /// Opens the rules of the project at `root`.
    pub(crate) fn open(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            folders: RwLock::default(),
        }
    }

    /// Returns the pattern by which a file or folder is ignored, or one of the folders that it lies
    /// in; `None` if it counts.
    pub(crate) fn ignored(
        &self,
        path: &RepoPath,
        is_folder: bool,
    ) -> Result<Option<IgnorePattern>, fs::Error> {
        if path.is_root() {
            return Ok(None);
        }
        let folder = self.folder(&path.parent())?;
        Ok(folder.judge(path, is_folder))
    }

    /// Returns the rules for what is right in a folder, for somebody who goes through it: who has come
    /// so far is not held up by rules on the folder itself.
    pub(crate) fn in_folder(&self, path: &RepoPath) -> Result<FolderRules, fs::Error> {
        let chain = self.folder(path)?.chain.clone();
        let path = path.clone();
        Ok(FolderRules { path, chain })
    }

    /// Returns what holds in a folder.
    fn folder(&self, path: &RepoPath) -> Result<Arc<Folder>, fs::Error> {
        let known = self.folders.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = known.get(path) {
            return Ok(Arc::clone(folder));
        }
        drop(known);
        let folder = Arc::new(self.enter(path)?);
        let mut known = self.folders.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(path.clone(), Arc::clone(&folder));
        Ok(folder)
    }

    fn enter(&self, path: &RepoPath) -> Result<Folder, fs::Error> {
        let (excluded, above) = if path.is_root() {
            (None, Vec::new())
        } else {
            let above = self.folder(&path.parent())?;
            (above.judge(path, true), above.chain.clone())
        };
        let own = if excluded.is_none() {
            self.read(path)?
        } else {
            None
        };
        let chain = own.map(Arc::new).into_iter().chain(above).collect();
        Ok(Folder { excluded, chain })
    }

    /// Reads the rules of one folder; `None` where there are none.
    fn read(&self, folder: &RepoPath) -> Result<Option<Rules>, fs::Error> {
        let path = folder.on_disk(&self.root).join(IGNORE_FILE);
        let Some(bytes) = fs::read(&path)? else {
            return Ok(None);
        };
        let mut builder = GitignoreBuilder::new("");
        builder.allow_unclosed_class(false);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}');
        for (index, line) in text.lines().enumerate() {
            // The crate returns with a pattern what it was told of its file: here, the line.
            let place = PathBuf::from((index + 1).to_string());
            // A line that is no pattern ignores nothing, as in git.
            drop(builder.add_line(Some(place), &without_alternatives(line)));
        }
        let rules = builder.build().ok().filter(|patterns| !patterns.is_empty());
        Ok(rules.map(|patterns| Rules {
            folder: folder.clone(),
            lines: text.lines().map(str::to_owned).collect(),
            patterns,
        }))
    }
}

impl Folder {
    /// Says of something in the folder why it is ignored.
    fn judge(&self, path: &RepoPath, is_folder: bool) -> Option<IgnorePattern> {
        if let Some(pattern) = &self.excluded {
            return Some(pattern.clone());
        }
        if NEVER.contains(&path.name()) {
            let text = path.name().to_owned();
            return Some(IgnorePattern { place: None, text });
        }
        match judge(&self.chain, path, is_folder) {
            Match::Ignore((rules, glob)) => Some(rules.pattern(glob)),
            Match::Whitelist(_) | Match::None => None,
        }
    }
}

impl Rules {
    fn matched(&self, path: &RepoPath, is_folder: bool) -> Match<&Glob> {
        let inner = if self.folder.is_root() {
            path.as_str()
        } else {
            &path.as_str()[self.folder.as_str().len() + 1..]
        };
        self.patterns.matched(inner, is_folder)
    }

    fn pattern(&self, glob: &Glob) -> IgnorePattern {
        let file = self.folder.join(IGNORE_FILE);
        let file = file.expect("invariant: a plain file name");
        let line = glob.from().and_then(Path::to_str);
        let line: usize = line.and_then(|line| line.parse().ok()).unwrap_or_default();
        let text = line.checked_sub(1).and_then(|index| self.lines.get(index));
        IgnorePattern {
            place: Some((file, line)),
            text: text.cloned().unwrap_or_default(),
        }
    }
}

/// Braces are letters like others to git, but have a meaning to the crate.
fn without_alternatives(line: &str) -> String {
    let mut pattern = String::with_capacity(line.len());
    let (mut is_escaped, mut is_in_class) = (false, false);
    for character in line.chars() {
        match character {
            '[' if !is_escaped => is_in_class = true,
            ']' if !is_escaped => is_in_class = false,
            '{' | '}' if !is_escaped && !is_in_class => pattern.push('\\'),
            _ => {}
        }
        is_escaped = character == '\\' && !is_escaped;
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out small folders")]
mod tests {
    use super::*;

    fn ask(files: &[(&str, &str)], path: &str, is_folder: bool) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(fs::parent(&path)).expect("makes");
            std::fs::write(path, text).expect("writes");
        }
        let rules = IgnoreRules::open(folder.path());
        let path = RepoPath::parse(path).expect("a path");
        let found = rules.ignored(&path, is_folder).expect("reads");
        found.map_or_else(|| "counts".to_owned(), |pattern| pattern.to_string())
    }

    #[test]
    fn the_nearest_file_with_a_word_on_a_path_wins() {
        let files = [
            (".mlpipeignore", "# logs\n\n*.log\n!keep.log\n"),
            ("data/.mlpipeignore", "keep.log\n!a.log\n/top\n"),
        ];
        assert_eq!(ask(&files, "x/a.log", false), ".mlpipeignore:3:*.log");
        assert_eq!(ask(&files, "keep.log", false), "counts");
        let nearer = "data/.mlpipeignore:1:keep.log";
        assert_eq!(ask(&files, "data/sub/keep.log", false), nearer);
        assert_eq!(ask(&files, "data/sub/a.log", false), "counts");
        let anchored = "data/.mlpipeignore:3:/top";
        assert_eq!(ask(&files, "data/top", false), anchored);
        assert_eq!(ask(&files, "data/sub/top", false), "counts");
    }

    #[test]
    fn what_lies_in_an_ignored_folder_is_not_brought_back() {
        let files = [
            (".mlpipeignore", "tmp/\n!tmp/keep\n"),
            ("tmp/.mlpipeignore", "!keep\n"),
        ];
        let by = ".mlpipeignore:1:tmp/";
        assert_eq!(ask(&files, "tmp", true), by);
        assert_eq!(
            ask(&files, "tmp", false),
            "counts",
            "the rule is for folders"
        );
        assert_eq!(ask(&files, "tmp/keep", false), by);
        assert_eq!(ask(&files, "tmp/deep/er/x", false), by);
    }

    #[test]
    fn braces_are_letters_as_to_git() {
        let files = [(".mlpipeignore", "{a,b}\n\\{c\n[{]d\n[e\n")];
        assert_eq!(ask(&files, "a", false), "counts");
        assert_eq!(ask(&files, "{a,b}", false), ".mlpipeignore:1:{a,b}");
        assert_eq!(ask(&files, "{c", false), ".mlpipeignore:2:\\{c");
        assert_eq!(ask(&files, "{d", false), ".mlpipeignore:3:[{]d");
        assert_eq!(ask(&files, "[e", false), "counts", "that is no pattern");
    }

    #[test]
    fn the_folders_of_git_and_mlpipe_are_never_data() {
        let files = [(".mlpipeignore", "!.git\n")];
        assert_eq!(ask(&files, ".git", true), "default:.git");
        assert_eq!(ask(&files, "sub/.git/config", false), "default:.git");
        assert_eq!(ask(&[], "data/.mlpipe", true), "default:.mlpipe");
        assert_eq!(ask(&[], "data/.mlpipeignore", false), "counts");
        assert_eq!(ask(&[], ".", true), "counts");
    }
}

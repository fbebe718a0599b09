//! Keeps what the cache holds out of git: one line per out in the `.gitignore` beside it.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::scm::error::Error;

/// The `.gitignore` files that outs and tracked data are listed in. Each is read once, however many
/// paths are added to it.
pub(crate) struct IgnoreFiles {
    root: PathBuf,
    known: HashMap<PathBuf, Lines>,
}

/// The lines of such a file.
struct Lines {
    /// Without what their ends may have beside the pattern. The file is the user's and need not be
    /// UTF-8: its lines are never read as text.
    patterns: HashSet<Vec<u8>>,
    /// Whether what is added begins in a line of its own.
    is_ended: bool,
}

impl IgnoreFiles {
    /// Names those of the project at `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            known: HashMap::new(),
        }
    }

    /// Adds `path` to the `.gitignore` of its folder, unless it is there already.
    pub(crate) fn add(&mut self, path: &RepoPath) -> Result<(), Error> {
        let file = path.parent().on_disk(&self.root).join(".gitignore");
        let lines = match self.known.entry(file.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(Lines::read(&file)?),
        };
        let line = line_for(path);
        if lines.patterns.contains(line.as_bytes()) {
            return Ok(());
        }
        let gap = if lines.is_ended { "" } else { "\n" };
        fs::append(&file, format!("{gap}{line}\n").as_bytes())?;
        lines.is_ended = true;
        lines.patterns.insert(line.into_bytes());
        Ok(())
    }
}

impl Lines {
    fn read(file: &Path) -> Result<Self, Error> {
        let text = fs::read(file)?.unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n');
        Ok(Self {
            patterns: lines.map(|line| pattern_of(line).to_owned()).collect(),
            is_ended: text.is_empty() || text.ends_with(b"\n"),
        })
    }
}

/// Adds `path` to the `.gitignore` of its folder, unless it is there already.
pub(crate) fn ignore_out(root: &Path, path: &RepoPath) -> Result<(), Error> {
    IgnoreFiles::new(root).add(path)
}

/// Takes `path` out of the `.gitignore` of its folder; a file that is empty then goes too.
pub(crate) fn stop_ignoring(root: &Path, path: &RepoPath) -> Result<(), Error> {
    let file = path.parent().on_disk(root).join(".gitignore");
    let Some(text) = fs::read(&file)? else {
        return Ok(());
    };
    let line = line_for(path);
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let is_other = |known: &&[u8]| !is_line(known.strip_suffix(b"\n").unwrap_or(known), &line);
    let kept = lines.filter(is_other).collect::<Vec<_>>().concat();
    if kept == text {
        return Ok(());
    }
    if kept.is_empty() {
        return Ok(fs::remove(&file)?);
    }
    Ok(fs::write_atomic(&file, &kept)?)
}

fn line_for(path: &RepoPath) -> String {
    format!("/{}", escape(path.name()))
}

fn is_line(known: &[u8], line: &str) -> bool {
    pattern_of(known) == line.as_bytes()
}

/// Takes from a line what may stand behind the pattern.
fn pattern_of(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.strip_suffix(b"/").unwrap_or(line)
}

/// Writes a name so that git takes each of its characters for itself.
fn escape(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    match pattern.strip_suffix(' ') {
        Some(start) => format!("{start}\\ "),
        None => pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_out_gets_one_line_and_other_lines_stay() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = RepoPath::parse("data/a*").expect("a path");
        fs::write_atomic(&folder.path().join("data/.gitignore"), b"\xe9.tmp").expect("writes");
        let mut files = IgnoreFiles::new(folder.path());
        files.add(&path).expect("adds");
        files.add(&path).expect("adds nothing");
        ignore_out(folder.path(), &path).expect("adds nothing");
        let text = fs::read(&folder.path().join("data/.gitignore")).expect("reads");
        assert_eq!(text.as_deref(), Some(&b"\xe9.tmp\n/a\\*\n"[..]));
        stop_ignoring(folder.path(), &path).expect("removes");
        let text = fs::read(&folder.path().join("data/.gitignore")).expect("reads");
        assert_eq!(text.as_deref(), Some(&b"\xe9.tmp\n"[..]));
    }
}

//! `Tree`: the manifest of a folder, whose digest stands for the folder's whole content.
//!
//! A text of one line an entry, sorted by path, so that equal folders have equal bytes:
//! `<kind> <sha256> <size> <path>` after a header line. Kinds: `f` file, `x` executable file,
//! `d` empty folder and `l` link (both with `-` for the digest); behind a link's path stand `\>` and
//! where it leads. In paths `\` is written `\\` and a newline `\n`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::base::digest::{Digest, Hasher};
use crate::pipeline::{Content, is_reserved};

/// The first line.
const HEADER_LINE: &str = "mlpipe-tree 1\n";

/// Stands between a link and where it leads: no escaped path has it.
const LEADS_TO: &str = "\\>";

/// The entries of a folder, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    entries: Vec<Entry>,
}

/// One file, link or empty folder in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path below the folder, with `/` between the parts.
    pub(crate) path: String,
    /// What it is.
    pub(crate) kind: EntryKind,
}

/// What stands at a path of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A file.
    File(FileContent),
    /// A symbolic link to somewhere in the same folder, as it is written.
    Link(Box<str>),
    /// A folder with nothing in it.
    EmptyFolder,
}

/// The content of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileContent {
    /// The digest of its bytes.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Whether it may be executed.
    pub(crate) executable: bool,
}

impl From<FileContent> for Content {
    fn from(file: FileContent) -> Self {
        Self {
            sha256: file.digest,
            size: file.size,
            files: None,
            executable: file.executable,
        }
    }
}

impl From<&Content> for FileContent {
    fn from(content: &Content) -> Self {
        Self {
            digest: content.sha256,
            size: content.size,
            executable: content.executable,
        }
    }
}

impl Tree {
    /// Makes the manifest of these entries.
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        // Most come sorted, which this sort makes use of.
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Self { entries }
    }

    /// Returns the entries, sorted by path.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, FileContent)> {
        self.entries.iter().filter_map(|entry| match entry.kind {
            EntryKind::File(file) => Some((entry.path.as_str(), file)),
            EntryKind::Link(_) | EntryKind::EmptyFolder => None,
        })
    }

    /// Returns the entry at `inner` and those below it.
    pub(crate) fn part(&self, inner: &str) -> impl Iterator<Item = &Entry> {
        let is_part = move |entry: &&Entry| {
            let rest = entry.path.strip_prefix(inner);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.entries.iter().filter(is_part)
    }

    /// Returns what a lock records of the folder.
    pub(crate) fn content(&self) -> Content {
        let mut summary = Summary::default();
        self.entries.iter().for_each(|entry| summary.add(entry));
        summary.content()
    }

    /// Like [`Self::content`], where the digest of the manifest is known.
    pub(super) fn content_of(&self, sha256: Digest) -> Content {
        let sizes = self.files().map(|(_, file)| file.size);
        Content {
            sha256,
            // A record of sizes that nobody can have is no reason to panic.
            size: sizes.fold(0, u64::saturating_add),
            files: Some(self.files().count() as u64),
            executable: false,
        }
    }

    /// Returns whether the sizes and the number of its files are those that a lock records.
    pub(super) fn adds_up_to(&self, content: &Content) -> bool {
        self.content_of(content.sha256) == *content
    }

    /// Writes the manifest.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::from(HEADER_LINE);
        for entry in &self.entries {
            entry.write(&mut text);
        }
        text
    }

    /// Reads a manifest; `None` if it is not one, whose paths all stay inside the folder.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let lines = text.strip_prefix(HEADER_LINE)?.lines();
        let entries: Vec<Entry> = lines.map(Entry::parse).collect::<Option<_>>()?;
        is_sound(&entries).then_some(Self { entries })
    }
}

/// Returns all folders that these entries need: those around them, and those that are empty. A folder
/// comes before what lies in it.
pub(crate) fn folders_of<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> BTreeSet<&'e str> {
    let mut folders = BTreeSet::new();
    let around = |path: &'e str| path.rsplit_once('/').map(|(above, _)| above);
    for Entry { path, kind } in entries {
        let mut next = match kind {
            EntryKind::EmptyFolder => Some(path.as_str()),
            EntryKind::File(_) | EntryKind::Link(_) => around(path),
        };
        // Those around a folder that is known are known as well.
        while let Some(folder) = next.filter(|folder| folders.insert(*folder)) {
            next = around(folder);
        }
    }
    folders
}

/// What a lock records of a folder whose entries come one by one, sorted by path.
pub(super) struct Summary {
    hasher: Hasher,
    line: String,
    size: u64,
    files: u64,
}

impl Default for Summary {
    fn default() -> Self {
        let mut hasher = Hasher::default();
        hasher.update(HEADER_LINE.as_bytes());
        Self {
            hasher,
            line: String::new(),
            size: 0,
            files: 0,
        }
    }
}

impl Summary {
    /// Adds the next entry.
    pub(super) fn add(&mut self, entry: &Entry) {
        self.line.clear();
        entry.write(&mut self.line);
        self.hasher.update(self.line.as_bytes());
        if let EntryKind::File(file) = &entry.kind {
            // A record of sizes that nobody can have is no reason to panic.
            self.size = self.size.saturating_add(file.size);
            self.files += 1;
        }
    }

    /// Returns what they are together.
    pub(super) fn content(&self) -> Content {
        Content {
            sha256: self.hasher.digest(),
            size: self.size,
            files: Some(self.files),
            executable: false,
        }
    }
}

/// Returns whether each path comes once and in order, and nothing stands below a file or a link:
/// otherwise what is put in place could end up elsewhere.
fn is_sound(entries: &[Entry]) -> bool {
    // Between a path and what is below it others may stand, but only such as go on from it, as `a-b`
    // between `a` and `a/b`: those that the next one could be below are a stack.
    let mut above: Vec<&str> = Vec::new();
    let mut last = "";
    for Entry { path, .. } in entries {
        while above.last().is_some_and(|top| !path.starts_with(*top)) {
            above.pop();
        }
        let is_below = |top: &&str| path[top.len()..].starts_with('/');
        if last >= path.as_str() || above.iter().any(is_below) {
            return false;
        }
        above.push(path);
        last = path;
    }
    true
}

impl Entry {
    fn write(&self, text: &mut String) {
        let kind = match &self.kind {
            EntryKind::File(FileContent {
                digest,
                size,
                executable,
            }) => {
                text.push_str(if *executable { "x " } else { "f " });
                digest.push_to(text);
                write!(text, " {size} ")
            }
            EntryKind::Link(_) => write!(text, "l - 0 "),
            EntryKind::EmptyFolder => write!(text, "d - 0 "),
        };
        kind.expect("invariant: writing to a String cannot fail");
        push_escaped(&self.path, text);
        if let EntryKind::Link(target) = &self.kind {
            text.push_str(LEADS_TO);
            push_escaped(target, text);
        }
        text.push('\n');
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, ' ');
        let (kind, digest, size) = (words.next()?, words.next()?, words.next()?);
        let rest = words.next()?;
        let file = |executable| {
            let (digest, size) = (digest.parse().ok()?, size.parse().ok()?);
            Some(EntryKind::File(FileContent {
                digest,
                size,
                executable,
            }))
        };
        let (path, kind) = match kind {
            "f" => (unescape(rest)?, file(false)?),
            "x" => (unescape(rest)?, file(true)?),
            "d" => (unescape(rest)?, EntryKind::EmptyFolder),
            "l" => {
                let (path, target) = rest.split_once(LEADS_TO)?;
                let (path, target) = (unescape(path)?, unescape(target)?);
                if !stays_inside(&path, &target) {
                    return None;
                }
                (path, EntryKind::Link(target.into()))
            }
            _ => return None,
        };
        let is_plain = |part: &str| !matches!(part, "" | "." | "..");
        let is_sound = path.split('/').all(is_plain) && !is_reserved(&path);
        is_sound.then_some(Self { path, kind })
    }
}

/// Returns whether a link at `path`, that leads to `target`, leads to something in the folder that
/// `path` is relative to.
pub(super) fn stays_inside(path: &str, target: &str) -> bool {
    let mut depth = path.split('/').count() - 1;
    if target.is_empty() || target.starts_with('/') {
        return false;
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

fn push_escaped(path: &str, text: &mut String) {
    if !path.contains(['\\', '\n', '\r']) {
        text.push_str(path);
        return;
    }
    for character in path.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    let mut path = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        path.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(path)
}

/// Whether a path is one of these or lies below one.
pub(crate) fn is_within(inner: &str, folders: &BTreeSet<&str>) -> bool {
    let ends = inner.match_indices('/').map(|(end, _)| end);
    let mut around = ends.chain([inner.len()]).map(|end| &inner[..end]);
    !folders.is_empty() && around.any(|above| folders.contains(above))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind() -> impl Strategy<Value = EntryKind> {
        let file =
            (any::<[u8; 4]>(), any::<u64>(), any::<bool>()).prop_map(|(seed, size, executable)| {
                EntryKind::File(FileContent {
                    digest: Digest::of(&seed),
                    size,
                    executable,
                })
            });
        let link = "[a-z \\\\>\n]{1,4}".prop_map(|target| EntryKind::Link(target.into()));
        prop_oneof![file, link, Just(EntryKind::EmptyFolder)]
    }

    proptest! {
        #[test]
        fn a_written_manifest_is_read_again(
            paths in prop::collection::btree_map("[a-z \\\\\n\r]{1,6}(/[a-z]{1,3})?", kind(), 0..6),
        ) {
            let entries = paths.into_iter().map(|(path, kind)| Entry { path, kind }).collect();
            let tree = Tree::new(entries);
            let text = tree.to_text();
            prop_assert_eq!(tree.content().sha256, Digest::of(text.as_bytes()));
            let is_nested = tree.entries.iter().any(|entry| {
                let above = entry.path.split_once('/').map(|(above, _)| above);
                tree.entries.iter().any(|other| Some(&*other.path) == above)
            });
            prop_assert_eq!(Tree::parse(&text), Some(tree).filter(|_| !is_nested));
        }
    }

    #[test]
    fn a_manifest_that_leads_outside_is_refused() {
        for path in ["../x", "/etc/x", "a/../../x", "", "a/.git/hooks/x"] {
            assert_eq!(
                Tree::parse(&format!("{HEADER_LINE}d - 0 {path}\n")),
                None,
                "{path}"
            );
        }
        for (path, target) in [("a", "../x"), ("a/b", "../../x"), ("a", "/etc"), ("a", "")] {
            let text = format!("{HEADER_LINE}l - 0 {path}\\>{target}\n");
            assert_eq!(Tree::parse(&text), None, "{path} -> {target}");
        }
        let through = "l - 0 a\\>b\nd - 0 a-c\nd - 0 a/c\n";
        assert_eq!(Tree::parse(&format!("{HEADER_LINE}{through}")), None);
    }
}

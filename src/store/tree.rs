//! `Tree`: the manifest of a folder, whose digest stands for the folder's whole content.
//!
//! A text of one line an entry, sorted by path, so that equal folders have equal bytes:
//! `<kind> <sha256> <size> <path>` after a header line. Kinds: `f` file, `x` executable file,
//! `d` empty folder (with `-` for the digest). In paths `\` is written `\\` and a newline `\n`.

use std::fmt::Write as _;

use crate::base::digest::Digest;
use crate::pipeline::Content;

const HEADER: &str = "mlpipe-tree 1";

/// The entries of a folder, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    entries: Vec<Entry>,
}

/// One file or empty folder in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path below the folder, with `/` between the parts.
    pub(crate) path: String,
    /// What it is.
    pub(crate) kind: EntryKind,
}

/// What stands at a path of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A file.
    File(FileContent),
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
            EntryKind::EmptyFolder => None,
        })
    }

    /// Returns what a lock records of the folder.
    pub(crate) fn content(&self) -> Content {
        let sha256 = Digest::of(self.to_text().as_bytes());
        let size = self.files().map(|(_, file)| file.size).sum();
        Content {
            sha256,
            size,
            files: Some(self.files().count() as u64),
            executable: false,
        }
    }

    /// Writes the manifest.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for Entry { path, kind } in &self.entries {
            let path = escape(path);
            let written = match kind {
                EntryKind::EmptyFolder => writeln!(text, "d - 0 {path}"),
                EntryKind::File(FileContent {
                    digest,
                    size,
                    executable,
                }) => {
                    writeln!(
                        text,
                        "{} {digest} {size} {path}",
                        if *executable { 'x' } else { 'f' }
                    )
                }
            };
            written.expect("invariant: writing to a String cannot fail");
        }
        text
    }

    /// Reads a manifest; `None` if it is not one, whose paths all stay inside the folder.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return None;
        }
        let entries: Option<Vec<Entry>> = lines.map(parse_entry).collect();
        Some(Self { entries: entries? })
    }
}

fn parse_entry(line: &str) -> Option<Entry> {
    let mut words = line.splitn(4, ' ');
    let (kind, digest, size) = (words.next()?, words.next()?, words.next()?);
    let path = unescape(words.next()?)?;
    let inside = |part: &str| !matches!(part, "" | "." | "..");
    if !path.split('/').all(inside) {
        return None;
    }
    let file = |executable| {
        let (digest, size) = (digest.parse().ok()?, size.parse().ok()?);
        Some(EntryKind::File(FileContent {
            digest,
            size,
            executable,
        }))
    };
    let kind = match kind {
        "f" => file(false)?,
        "x" => file(true)?,
        "d" => EntryKind::EmptyFolder,
        _ => return None,
    };
    Some(Entry { path, kind })
}

fn escape(path: &str) -> String {
    path.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

fn unescape(text: &str) -> Option<String> {
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
        prop_oneof![file, Just(EntryKind::EmptyFolder)]
    }

    proptest! {
        #[test]
        fn a_written_manifest_is_read_again(
            paths in prop::collection::btree_map("[a-z \\\\\n\r]{1,6}(/[a-z]{1,3})?", kind(), 0..6),
        ) {
            let entries = paths.into_iter().map(|(path, kind)| Entry { path, kind }).collect();
            let tree = Tree::new(entries);
            prop_assert_eq!(Tree::parse(&tree.to_text()), Some(tree));
        }
    }

    #[test]
    fn a_manifest_that_leads_outside_is_refused() {
        for path in ["../x", "/etc/x", "a/../../x", ""] {
            assert_eq!(
                Tree::parse(&format!("{HEADER}\nd - 0 {path}\n")),
                None,
                "{path}"
            );
        }
    }
}

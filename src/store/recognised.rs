//! `Recognised`: a folder as it was found, with what is known of its files: by the index, or by reading
//! them. Sums it up, and lets the index know.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::mem::take;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::pipeline::Content;
use crate::store::index::{Index, Known, Lesson};
use crate::store::index_text::SavedFolder;
use crate::store::scan::{Files, FoundFile, FoundFolder, inner_name};
use crate::store::stamp::Stamp;
use crate::store::tree::{Entry, EntryKind, FileContent, Summary, Tree};

/// What reading a file told of it.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// The digest of what was read.
    pub(super) digest: Digest,
    /// How much that was.
    pub(super) size: u64,
    /// Whether the file's stat stands for it from now on.
    pub(super) is_settled: bool,
}

impl Reading {
    /// Hashes a file, whose stat has been `stamp`.
    pub(super) fn hash(opened: &mut File, stamp: Stamp) -> io::Result<Self> {
        let is_fresh = stamp.is_fresh();
        let (digest, size) = Digest::of_opened(opened)?;
        let is_same = Stamp::of(&opened.metadata()?) == stamp && size == stamp.size;
        Ok(Self {
            digest,
            size,
            is_settled: is_same && !is_fresh,
        })
    }
}

/// The place of a file: in which folder, and which one there.
#[derive(Clone, Copy)]
pub(super) struct Place {
    folder: usize,
    file: usize,
}

/// A folder as it was found, with what is known of its files.
pub(super) struct Recognised<'a> {
    top: &'a Path,
    index: &'a Index,
    folders: Vec<Recalled<'a>>,
}

/// One of the folders.
struct Recalled<'a> {
    found: FoundFolder,
    files: Recollection<'a>,
}

/// The files of a folder, with what is known of them.
enum Recollection<'a> {
    /// Just what the index has saved.
    Saved {
        saved: SavedFolder<'a>,
        /// Which of them may be executed.
        executable: Box<[u32]>,
    },
    /// What was found now.
    Found {
        files: Vec<FoundFile>,
        readings: Vec<Option<Reading>>,
        /// Whether the index knows all of them, and no others.
        is_known: bool,
    },
}

/// A file, with what is known of it.
pub(super) struct Seen<'a> {
    name: &'a str,
    pub(super) stamp: Stamp,
    executable: bool,
    pub(super) reading: Option<Reading>,
}

impl<'a> Recognised<'a> {
    /// Recalls what the index knows of the files of `folders`, which were found in `top`.
    pub(super) fn new(top: &'a Path, folders: Vec<FoundFolder>, index: &'a Index) -> Self {
        let name = index.name_of(top);
        let recall = |mut found: FoundFolder| {
            let folder = name.map(|name| inner_name(name, &found.path));
            let files = match take(&mut found.files) {
                Files::Found(files) => Recollection::of(files, folder.as_deref(), index),
                Files::Saved { executable } => {
                    let saved = folder.and_then(|folder| index.saved(&folder));
                    let saved = saved.expect("invariant: what was saved stays as it is");
                    Recollection::Saved { saved, executable }
                }
            };
            Recalled { found, files }
        };
        Self {
            top,
            index,
            folders: folders.into_par_iter().map(recall).collect(),
        }
    }

    /// Returns the places of the files that are wanted; in the order of their paths, more or less.
    pub(super) fn select(&self, is_wanted: impl Fn(&Seen<'_>) -> bool) -> Vec<Place> {
        let mut places = Vec::new();
        for (folder, Recalled { files, .. }) in self.folders.iter().enumerate() {
            let wanted = files.iter().enumerate();
            let wanted = wanted.filter(|(_, seen)| is_wanted(seen));
            places.extend(wanted.map(|(file, _)| Place { folder, file }));
        }
        places
    }

    /// Returns the stamp of the file at a place.
    pub(super) fn stamp(&self, place: Place) -> Stamp {
        self.seen(place).stamp
    }

    /// Returns whether the file at a place may be executed.
    pub(super) fn is_executable(&self, place: Place) -> bool {
        self.seen(place).executable
    }

    /// Returns where it is on disk.
    pub(super) fn location(&self, place: Place) -> PathBuf {
        let folder = &self.folders[place.folder].found;
        self.top.join(&folder.path).join(self.seen(place).name)
    }

    /// Returns whether it lies elsewhere, behind a link.
    pub(super) fn is_elsewhere(&self, place: Place) -> bool {
        self.folders[place.folder].found.is_elsewhere
    }

    fn seen(&self, place: Place) -> Seen<'_> {
        self.folders[place.folder].files.seen(place.file)
    }

    /// Says what reading the file at a place told.
    pub(super) fn set(&mut self, place: Place, reading: Reading) {
        let (_, readings) = self.folders[place.folder].files.found();
        readings[place.file] = Some(reading);
    }

    /// Says what the stat of the file at a place is now that it has another name.
    pub(super) fn restamp(&mut self, place: Place, stamp: Stamp) {
        let (files, _) = self.folders[place.folder].files.found();
        files[place.file].stamp = stamp;
    }

    /// Sums up what is there, and lets the index know. All files have been read by now.
    pub(super) fn into_content(self) -> Content {
        let content = self.content();
        self.teach();
        content
    }

    /// Sums up what is there. All files have been read by now.
    pub(super) fn content(&self) -> Content {
        let mut summary = Summary::default();
        self.in_order(&mut |entry| summary.add(entry));
        summary.content()
    }

    /// Makes the manifest, and lets the index know. All files have been read by now.
    pub(super) fn into_tree(self) -> Tree {
        let count = self.folders.iter().map(|folder| folder.files.len()).sum();
        let mut entries = Vec::with_capacity(count);
        self.in_order(&mut |entry| entries.push(entry.clone()));
        self.teach();
        Tree::new(entries)
    }

    /// Shows the entries in the order of their paths.
    fn in_order(&self, show: &mut impl FnMut(&Entry)) {
        let place = |path: &str| {
            let found = |folder: &Recalled<'_>| folder.found.path.as_str().cmp(path);
            self.folders.binary_search_by(found).ok()
        };
        let mut inner = vec![Vec::new(); self.folders.len()];
        for (number, folder) in self.folders.iter().enumerate() {
            let path = &folder.found.path;
            let above = path.rsplit_once('/').map_or("", |(above, _)| above);
            if !path.is_empty()
                && let Some(above) = place(above)
            {
                inner[above].push(number);
            }
        }
        if let Some(top) = place("") {
            Walk {
                folders: &self.folders,
                inner,
            }
            .visit(top, show);
        }
    }

    /// Lets the index know what is there.
    pub(super) fn teach(self) {
        let Some(name) = self.index.name_of(self.top) else {
            return;
        };
        let lesson = |Recalled { found, files }: Recalled<'_>| Lesson {
            folder: inner_name(name, &found.path),
            files: match files {
                Recollection::Found {
                    files,
                    readings,
                    is_known: false,
                } => Some(settled(files, &readings)),
                _ => None,
            },
        };
        let lessons = self.folders.into_iter().map(lesson).collect();
        self.index.learn(name, lessons);
    }
}

impl Recollection<'_> {
    fn of(files: Vec<FoundFile>, folder: Option<&str>, index: &Index) -> Self {
        let stamps = files.iter().map(|file| (&*file.name, file.stamp));
        let (digests, is_known) = match folder {
            Some(folder) => index.find_all(folder, stamps),
            None => (vec![None; files.len()], false),
        };
        let reading = |(digest, file): (Option<Digest>, &FoundFile)| {
            digest.map(|digest| Reading {
                digest,
                size: file.stamp.size,
                is_settled: true,
            })
        };
        let readings = digests.into_iter().zip(&files).map(reading).collect();
        Self::Found {
            files,
            readings,
            is_known,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Saved { saved, .. } => saved.len(),
            Self::Found { files, .. } => files.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = Seen<'_>> {
        (0..self.len()).map(|at| self.seen(at))
    }

    fn seen(&self, at: usize) -> Seen<'_> {
        match self {
            Self::Found {
                files, readings, ..
            } => Seen {
                name: &files[at].name,
                stamp: files[at].stamp,
                executable: files[at].executable,
                reading: readings[at],
            },
            Self::Saved { saved, executable } => {
                let (name, Known { stamp, digest }) = saved
                    .file(at)
                    .expect("invariant: its files were compared with those on disk");
                let number = u32::try_from(at).ok();
                Seen {
                    name,
                    stamp,
                    executable: number.is_some_and(|at| executable.binary_search(&at).is_ok()),
                    reading: Some(Reading {
                        digest,
                        size: stamp.size,
                        is_settled: true,
                    }),
                }
            }
        }
    }

    /// Returns the files to be changed.
    fn found(&mut self) -> (&mut Vec<FoundFile>, &mut Vec<Option<Reading>>) {
        if let Self::Saved { .. } = self {
            let file = |seen: Seen<'_>| FoundFile {
                name: seen.name.into(),
                stamp: seen.stamp,
                executable: seen.executable,
            };
            *self = Self::Found {
                files: self.iter().map(file).collect(),
                readings: self.iter().map(|seen| seen.reading).collect(),
                is_known: false,
            };
        }
        match self {
            Self::Found {
                files, readings, ..
            } => (files, readings),
            Self::Saved { .. } => unreachable!("invariant: it has just been changed"),
        }
    }
}

/// A way through all entries of some folders.
struct Walk<'a> {
    folders: &'a [Recalled<'a>],
    /// The folders that are right in each of them.
    inner: Vec<Vec<usize>>,
}

/// What is in a folder beside its files.
enum Other<'a> {
    Link(&'a str),
    Folder(usize),
}

impl Walk<'_> {
    /// Shows what is in a folder and below it, in the order of the paths. What is in a folder `a`
    /// stands where `a/` would stand, behind `a-b`.
    fn visit(&self, folder: usize, show: &mut impl FnMut(&Entry)) {
        let Recalled { found, files } = &self.folders[folder];
        let mut others: Vec<(Cow<'_, str>, Other<'_>)> = Vec::new();
        for (name, target) in &found.links {
            others.push((name.into(), Other::Link(target)));
        }
        for inner in &self.inner[folder] {
            let Recalled { found, .. } = &self.folders[*inner];
            let name = found.path.rsplit('/').next().unwrap_or_default();
            let key = if found.is_empty {
                name.into()
            } else {
                format!("{name}/").into()
            };
            others.push((key, Other::Folder(*inner)));
        }
        others.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut others = others.into_iter().peekable();
        let mut entry = Entry {
            path: String::new(),
            kind: EntryKind::EmptyFolder,
        };
        for file in files.iter() {
            while let Some((key, other)) = others.next_if(|(key, _)| **key < *file.name) {
                self.show_other(found, &key, &other, show);
            }
            let Some(reading) = file.reading else {
                continue;
            };
            found.write_path(file.name, &mut entry.path);
            entry.kind = EntryKind::File(FileContent {
                digest: reading.digest,
                size: reading.size,
                executable: file.executable,
            });
            show(&entry);
        }
        for (key, other) in others {
            self.show_other(found, &key, &other, show);
        }
    }

    fn show_other(
        &self,
        folder: &FoundFolder,
        name: &str,
        other: &Other<'_>,
        show: &mut impl FnMut(&Entry),
    ) {
        let kind = match other {
            Other::Link(target) => EntryKind::Link((*target).into()),
            Other::Folder(inner) if self.folders[*inner].found.is_empty => EntryKind::EmptyFolder,
            Other::Folder(inner) => return self.visit(*inner, show),
        };
        let path = folder.path_of(name);
        show(&Entry { path, kind });
    }
}

/// Returns the files whose stat may be believed next time.
fn settled(files: Vec<FoundFile>, readings: &[Option<Reading>]) -> Vec<(Box<str>, Known)> {
    let known = |(file, reading): (FoundFile, &Option<Reading>)| {
        let reading = reading.filter(|reading| reading.is_settled)?;
        let known = Known {
            stamp: file.stamp,
            digest: reading.digest,
        };
        Some((file.name, known))
    };
    files.into_iter().zip(readings).filter_map(known).collect()
}

//! `Placed`: what is known of files that have just been put in place. The index is told, so that the
//! first look at them need not read them.

use std::cmp::Reverse;
use std::path::Path;

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::base::folder::Folder;
use crate::store::cache::Cache;
use crate::store::index::{Index, Known, KnownFiles, split};
use crate::store::loose::ObjectName;
use crate::store::scan::inner_name;
use crate::store::stamp::{Stamp, Time};

/// A file that has been put in place, or something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It was written just now, and had no name that others know until it was whole. Its stat stands
    /// for it as soon as the clock has moved on.
    Written(Stamp),
    /// It is an object that has been seen to be what it should, and was not written to lately: its
    /// stat stands for it.
    Linked(Stamp),
    /// Nothing is known that would hold.
    Unknown,
}

/// A file by its path below a folder.
pub(super) type PlacedFile<'a> = (&'a str, Digest, Placed);

impl Placed {
    /// Returns what the clock has shown when the file got its name.
    pub(super) fn clock(self) -> Option<Time> {
        match self {
            Self::Written(stamp) => Some(stamp.changed),
            Self::Linked(_) | Self::Unknown => None,
        }
    }

    fn stamp(self) -> Option<Stamp> {
        match self {
            Self::Written(stamp) | Self::Linked(stamp) => Some(stamp),
            Self::Unknown => None,
        }
    }

    /// Returns what is known of it now that its names have changed, and its stat is `now`.
    pub(super) fn restamped(self, now: Option<Stamp>) -> Self {
        let now = now.zip(self.stamp());
        let now = now.filter(|(now, before)| now.is_of_same_content(before));
        match (self, now) {
            (Self::Written(_), Some((now, _))) => Self::Written(now),
            (Self::Linked(_), Some((now, _))) => Self::Linked(now),
            _ => Self::Unknown,
        }
    }

    /// Returns the stamp that stands for it from now on; the clock of its file system has shown
    /// `clock` before others knew of it.
    fn settled(self, clock: Option<Time>) -> Option<Stamp> {
        match self {
            Self::Written(stamp) => stamp.is_settled_at(clock?).then_some(stamp),
            Self::Linked(stamp) => Some(stamp),
            Self::Unknown => None,
        }
    }
}

/// Returns the latest time that the clock of a file system has shown on files that were made one after
/// the other.
pub(super) fn clock_of(files: &[PlacedFile<'_>]) -> Option<Time> {
    files
        .iter()
        .filter_map(|(_, _, placed)| placed.clock())
        .max()
}

/// Looks at files anew that have been moved to where they belong in `folder`.
pub(super) fn restamp(files: &mut [PlacedFile<'_>], folder: &Path) {
    let folder = Folder::new(folder.to_owned());
    files.par_iter_mut().for_each(|(inner, _, placed)| {
        let now = folder.stat(inner);
        *placed = placed.restamped(now.as_ref().and_then(Stamp::of_stat));
    });
}

impl Cache {
    /// Tells the index of files that have been put in place below the folder `path`, and of the objects
    /// that they are names of.
    pub(super) fn teach(
        &self,
        index: &Index,
        path: &Path,
        files: &[PlacedFile<'_>],
        clock: Option<Time>,
    ) {
        let Some(top) = index.name_of(path) else {
            return;
        };
        let objects = || match index.name_of(self.loose.folder()) {
            Some(folder) => known_objects(folder, files),
            None => Vec::new(),
        };
        let (files, objects) = rayon::join(|| known_files(top, files, clock), objects);
        index.remember_all(files);
        index.remember_all(objects);
    }
}

/// Returns what is known of files in the folder that the index calls `top`.
fn known_files(
    top: &str,
    files: &[PlacedFile<'_>],
    clock: Option<Time>,
) -> Vec<(String, KnownFiles)> {
    let settled = files.iter().filter_map(|(inner, digest, placed)| {
        let (stamp, digest) = (placed.settled(clock)?, *digest);
        let (folder, name) = split(inner);
        Some((folder, name, Known { stamp, digest }))
    });
    let mut settled: Vec<(&str, &str, Known)> = settled.collect();
    // They come sorted, but for what is in a folder and what is in folders in it.
    settled.sort_by_key(|(folder, name, _)| (*folder, *name));
    let folders = settled.chunk_by(|(one, ..), (next, ..)| one == next);
    let known = folders.map(|files| {
        let known = files
            .iter()
            .map(|(_, name, known)| ((*name).into(), *known));
        (inner_name(top, files[0].0), known.collect())
    });
    known.collect()
}

/// Returns what is known of the objects that files have become names of; the index calls the folder of
/// these `folder`.
fn known_objects(folder: &str, files: &[PlacedFile<'_>]) -> Vec<(String, KnownFiles)> {
    let linked = files
        .iter()
        .filter_map(|(_, digest, placed)| match *placed {
            Placed::Linked(stamp) => Some(Known {
                stamp,
                digest: *digest,
            }),
            Placed::Written(_) | Placed::Unknown => None,
        });
    let mut objects: Vec<Known> = linked.collect();
    // Files that are alike are names of one object, whose last name tells how it looks now.
    let age = |Known { stamp, .. }: &Known| Reverse((stamp.changed, stamp.links));
    objects.sort_unstable_by_key(|known| (known.digest, age(known)));
    objects.dedup_by_key(|known| known.digest);
    let folders = objects.chunk_by(|one, next| is_beside(one.digest, next.digest));
    let known = folders.map(|objects| {
        let name = |known: &Known| ObjectName::of(known.digest);
        let inner = inner_name(folder, name(&objects[0]).folder());
        let known = objects
            .iter()
            .map(|known| (name(known).in_folder().into(), *known));
        (inner, known.collect())
    });
    known.collect()
}

/// Whether two objects lie in the same folder.
fn is_beside(one: Digest, other: Digest) -> bool {
    one.as_bytes()[0] == other.as_bytes()[0]
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay out small files")]
mod tests {
    use std::fs::{self as disk, FileTimes, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::pipeline::Content;
    use crate::store::link::LinkType;
    use crate::store::meter::Meter;
    use crate::store::restoring::Restored;

    struct Fixture {
        folder: tempfile::TempDir,
        cache: Cache,
        index: Index,
    }

    impl Fixture {
        fn new(kind: LinkType) -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let root = folder.path().to_owned();
            let roster = root.join("roster");
            let cache = Cache::open(root.join("cache"), vec![kind], root.clone(), roster);
            let index = Index::open(PathBuf::new(), root);
            Self {
                folder,
                cache,
                index,
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Stores a file that was written long ago.
        fn store(&self, name: &str, text: &str) -> Content {
            let path = self.path(name);
            disk::write(&path, text).expect("writes");
            set_old(&path);
            let stored = self.cache.store(&path, &self.index, &Meter::default());
            stored.expect("stores").expect("is there")
        }

        fn restore(&self, content: &Content, name: &str) -> Restored {
            let path = self.path(name);
            let restored = self
                .cache
                .restore(content, &path, &self.index, &Meter::default());
            restored.expect("answers")
        }

        fn find(&self, name: &str) -> Option<Digest> {
            let metadata = self.path(name).metadata().expect("is there");
            self.index.find(name, Stamp::of(&metadata))
        }
    }

    fn set_old(path: &Path) {
        let old = SystemTime::UNIX_EPOCH + Duration::new(9, 9);
        let file = disk::File::open(path).expect("opens");
        file.set_times(FileTimes::new().set_modified(old))
            .expect("sets");
    }

    fn edit(path: &Path, text: &str) {
        let set_mode = |mode| disk::set_permissions(path, Permissions::from_mode(mode));
        set_mode(0o644).expect("sets");
        disk::write(path, text).expect("writes");
        set_mode(0o444).expect("sets");
    }

    #[test]
    fn a_file_is_known_once_it_is_a_link_to_its_object() {
        for kind in [LinkType::Hardlink, LinkType::Symlink] {
            let fixture = Fixture::new(kind);
            let content = fixture.store("a", "alpha");
            assert_eq!(fixture.find("a"), Some(content.sha256), "{kind}");
            assert_eq!(fixture.restore(&content, "copy"), Restored::Done);
            assert_eq!(fixture.find("copy"), Some(content.sha256), "{kind}");
        }
    }

    #[test]
    fn a_file_that_has_just_been_written_is_known_only_when_the_clock_has_moved_on() {
        let fixture = Fixture::new(LinkType::Copy);
        let content = fixture.store("a", "alpha");
        let path = fixture.path("b");
        disk::write(&path, "alpha").expect("writes");
        let stamp = Stamp::of(&path.metadata().expect("is there"));
        let later = Time {
            seconds: i64::MAX,
            nanoseconds: 0,
        };
        let files = [("b", content.sha256, Placed::Written(stamp))];
        let teach = |clock| {
            let folder = fixture.folder.path();
            let Fixture { cache, index, .. } = &fixture;
            cache.teach(index, folder, &files, Some(clock));
        };
        teach(stamp.modified);
        assert_eq!(fixture.find("b"), None);
        teach(later);
        assert_eq!(fixture.find("b"), Some(content.sha256));
    }

    #[test]
    fn an_object_that_was_edited_through_a_link_is_found_whatever_became_of_its_names() {
        for has_another_name in [false, true] {
            let fixture = Fixture::new(LinkType::Hardlink);
            let content = fixture.store("a", "alpha");
            assert_eq!(fixture.restore(&content, "b"), Restored::Done);
            edit(&fixture.path("b"), "omega");
            if has_another_name {
                disk::hard_link(fixture.path("b"), fixture.path("c")).expect("links");
            } else {
                // Only the change time tells.
                set_old(&fixture.path("b"));
            }
            let corrupt = Restored::Corrupt(content.sha256);
            assert_eq!(fixture.restore(&content, "d"), corrupt);
            assert_eq!(fixture.find("b"), None);
        }
    }
}

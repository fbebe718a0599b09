//! `Cache`: objects named by the SHA-256 of their bytes. Everything is verified when it is taken out.

use std::io;
use std::path::PathBuf;

use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::pipeline::Content;
use crate::store::error::Error;
use crate::store::link::LinkType;
use crate::store::linker::Linker;
use crate::store::loose::Loose;
use crate::store::packs::{Packed, Packs};
use crate::store::roster::Roster;
use crate::store::tree::Tree;
use crate::store::users::{Users, Waiting};

/// The objects of a project, or of several: small ones in packs, others as files of their own.
/// `docs/cache.md` has the layout.
///
/// May be deleted: what is lost is made again by running stages.
pub(crate) struct Cache {
    root: PathBuf,
    pub(super) loose: Loose,
    pub(super) packs: Packs,
    pub(super) linker: Linker,
    pub(super) roster: Roster,
    pub(super) users: Users,
    /// Whether the group may add to it.
    pub(super) is_shared: bool,
}

/// The folder of the loose objects.
pub(super) const OBJECTS: &str = "sha256";

/// Why an object cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// It is not there.
    Missing,
    /// It was corrupt and has been quarantined.
    Corrupt(Digest),
}

impl Cache {
    /// Opens the cache at `root`, whose objects go to `workspace` by the first of the ways in `order`
    /// that works there. Its folders are made when they are needed.
    /// `roster` is a file of the project's that it may lose.
    pub(crate) fn open(
        root: PathBuf,
        order: Vec<LinkType>,
        workspace: PathBuf,
        roster: PathBuf,
    ) -> Self {
        Self {
            roster: Roster::new(roster),
            loose: Loose::new(root.join(OBJECTS), root.join("new/object")),
            packs: Packs::new(root.join("packs")),
            linker: Linker::new(order, root.clone(), workspace),
            users: Users::default(),
            is_shared: false,
            root,
        }
    }

    /// Opens a cache whose files are copied.
    #[cfg(test)]
    pub(super) fn of_copies(root: PathBuf) -> Self {
        let roster = root.with_extension("roster");
        Self::open(root, vec![LinkType::Copy], PathBuf::new(), roster)
    }

    /// Registers the project in this folder when something is stored or taken out. A cache that lies
    /// in its project needs that of the others only.
    pub(crate) fn used_by(self, project: Option<PathBuf>) -> Self {
        let users = Users::of(project);
        Self { users, ..self }
    }

    /// Has somebody told whom it waits for.
    pub(crate) fn telling(mut self, waiting: Waiting) -> Self {
        self.users.waiting = Some(waiting);
        self
    }

    /// Lets the group add to the cache, or not.
    pub(crate) fn shared_with_group(self, is_shared: bool) -> Self {
        Self { is_shared, ..self }
    }

    /// Returns a path in the cache's folder.
    pub(crate) fn path(&self, inner: &str) -> PathBuf {
        self.root.join(inner)
    }

    /// Returns the path beside which unfinished files are.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.root.join("new/object")
    }

    /// Keeps the manifest of a folder, without its files: for telling later what has changed in it.
    /// Returns what a lock records of the folder.
    pub(crate) fn store_manifest(&self, tree: &Tree) -> Result<Content, Error> {
        self.begin_use()?;
        let text = tree.to_text();
        let digest = Digest::of(text.as_bytes());
        let is_packed = self.packs.length(digest)?.is_some() && self.packed(digest)?.is_ok();
        if !is_packed {
            self.loose.add(digest, text.as_bytes())?;
        }
        Ok(tree.content_of(digest))
    }

    /// Returns the manifest of a folder, if it was kept.
    pub(crate) fn manifest(&self, content: &Content) -> Result<Option<Tree>, Error> {
        match content.files {
            Some(_) => Ok(self.tree(content.sha256)?.ok()),
            None => Ok(None),
        }
    }

    /// Reads a whole object, verified; `None` if it is missing or was corrupt.
    pub(crate) fn read(&self, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.verified(digest)?.ok())
    }

    /// Reads the manifest of a folder; or says why it cannot be had.
    pub(super) fn tree(&self, digest: Digest) -> Result<Result<Tree, Lack>, Error> {
        let bytes = match self.verified(digest)? {
            Ok(bytes) => bytes,
            Err(lack) => return Ok(Err(lack)),
        };
        // Its bytes are what they should be, so it never was a manifest: the record is wrong.
        let tree = String::from_utf8(bytes)
            .ok()
            .and_then(|text| Tree::parse(&text));
        Ok(tree.ok_or(Lack::Missing))
    }

    /// Reads a whole object; or says why it cannot be had.
    pub(super) fn verified(&self, digest: Digest) -> Result<Result<Vec<u8>, Lack>, Error> {
        let loose = self.loose.read(digest)?;
        let is_sound = |bytes: &Vec<u8>| Digest::of(bytes) == digest;
        if let Some(bytes) = loose {
            if is_sound(&bytes) {
                return Ok(Ok(bytes));
            }
            self.quarantine(digest)?;
            if let Packed::Whole(bytes) = self.packs.read(digest)? {
                return Ok(Ok(bytes));
            }
            return Ok(Err(Lack::Corrupt(digest)));
        }
        self.packed(digest)
    }

    /// Reads a packed object; or says why it cannot be had.
    pub(super) fn packed(&self, digest: Digest) -> Result<Result<Vec<u8>, Lack>, Error> {
        match self.packs.read(digest)? {
            Packed::Whole(bytes) => Ok(Ok(bytes)),
            Packed::Missing => Ok(Err(Lack::Missing)),
            Packed::Corrupt(pack) => {
                self.salvage(pack)?;
                // Another pack may have it as well.
                match self.packs.read(digest)? {
                    Packed::Whole(bytes) => Ok(Ok(bytes)),
                    _ => Ok(Err(Lack::Corrupt(digest))),
                }
            }
        }
    }

    /// Moves a corrupt loose object out of the way.
    pub(super) fn quarantine(&self, digest: Digest) -> Result<(), Error> {
        let to = self.quarantined(&digest.to_string());
        match self.loose.set_aside(digest, &to) {
            Ok(()) => {}
            // Another thread or process was quicker; or the cache is not ours to change.
            Err(error) if is_beyond(error.source.kind()) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        // Somebody may have put the right one there just before.
        let found = Digest::of_file(&to).map_err(failed("cannot read", &to))?;
        if found.0 == digest {
            fs::rename(&to, &self.loose.path(digest))?;
        }
        Ok(())
    }

    /// Returns where something corrupt goes.
    pub(super) fn quarantined(&self, name: &str) -> PathBuf {
        self.root.join("quarantine").join(name)
    }
}

/// Whether something cannot be moved because it is gone, or because nobody may.
fn is_beyond(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(kind, NotFound | PermissionDenied | ReadOnlyFilesystem)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests lay out and damage small files"
)]
mod tests {
    use std::fs::{self as disk, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    use super::*;
    use crate::store::index::Index;
    use crate::store::measure::measure;
    use crate::store::meter::Meter;
    use crate::store::pack;
    use crate::store::presence::Presence;
    use crate::store::restoring::Restored;
    use crate::store::roster::WORTH_IT;

    fn open(folder: &Path, order: &[LinkType]) -> Cache {
        let roster = folder.join("roster");
        Cache::open(
            folder.join("cache"),
            order.to_vec(),
            folder.to_owned(),
            roster,
        )
    }

    struct Fixture {
        folder: tempfile::TempDir,
        cache: Cache,
        index: Index,
    }

    impl Fixture {
        /// `data` has two files and an empty folder, `many` enough small files for a pack.
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let cache = open(folder.path(), &[LinkType::Copy]);
            let index = Index::open(PathBuf::new(), PathBuf::from("/"));
            let path = |name: &str| folder.path().join(name);
            disk::create_dir_all(path("data/sub")).expect("makes");
            disk::create_dir_all(path("data/void")).expect("makes");
            disk::write(path("data/a"), "alpha").expect("writes");
            disk::write(path("data/sub/b"), "beta").expect("writes");
            disk::create_dir_all(path("many/sub")).expect("makes");
            for number in 0..40 {
                let name = format!("many/{}{number}", if number % 2 == 0 { "sub/" } else { "" });
                disk::write(path(&name), format!("content {number}")).expect("writes");
            }
            let runs = Permissions::from_mode(0o755);
            disk::set_permissions(path("many/sub/0"), runs).expect("sets");
            symlink("sub/2", path("many/link")).expect("links");
            Self {
                folder,
                cache,
                index,
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn store(&self, name: &str) -> Content {
            let stored = self
                .cache
                .store(&self.path(name), &self.index, &Meter::default());
            stored.expect("stores").expect("is there")
        }

        fn restore(&self, content: &Content, name: &str) -> Restored {
            let path = self.path(name);
            let restored = self
                .cache
                .restore(content, &path, &self.index, &Meter::default());
            restored.expect("answers")
        }

        fn measure(&self, name: &str) -> Option<Content> {
            measure(&self.path(name), &self.index).expect("measures")
        }

        fn packs(&self) -> Vec<PathBuf> {
            let names = self.cache.packs.names().expect("lists");
            let path = |name| pack::path_of(self.cache.packs.folder(), name);
            names.into_iter().map(path).collect()
        }
    }

    fn damage(path: &Path, at: usize) {
        disk::set_permissions(path, Permissions::from_mode(0o644)).expect("sets");
        let mut bytes = disk::read(path).expect("reads");
        bytes[at] ^= 1;
        disk::write(path, bytes).expect("writes");
    }

    #[test]
    fn a_folder_comes_back_as_it_was() {
        let fixture = Fixture::new();
        for name in ["data", "many"] {
            let content = fixture.store(name);
            assert_eq!(fixture.measure(name), Some(content));
            assert_eq!(fixture.restore(&content, "copy"), Restored::Done);
            assert_eq!(fixture.measure("copy"), Some(content));
        }
        let mode = fixture.path("copy/sub/0").metadata().expect("is there");
        assert_eq!(mode.permissions().mode() & 0o100, 0o100);
        let target = disk::read_link(fixture.path("copy/link")).expect("is a link");
        assert_eq!(target, Path::new("sub/2"));
    }

    #[test]
    fn many_small_files_are_one_pack_and_equal_ones_one_object() {
        let fixture = Fixture::new();
        let content = fixture.store("many");
        assert_eq!(fixture.packs().len(), 1);
        let presence = |cache: &Cache| cache.presence(&content).expect("answers");
        assert_eq!(presence(&fixture.cache), Presence::Whole);
        // Another process finds them as well.
        let other = open(fixture.folder.path(), &[LinkType::Copy]);
        assert_eq!(presence(&other), Presence::Whole);
        assert_eq!(other.verify(&content).expect("answers"), Presence::Whole);
        disk::rename(fixture.path("many"), fixture.path("moved")).expect("renames");
        assert_eq!(fixture.store("moved"), content);
        assert_eq!(fixture.packs().len(), 1);
    }

    #[test]
    fn a_big_folder_that_was_whole_is_whole_until_one_of_its_files_is_gone() {
        let fixture = Fixture::new();
        disk::create_dir_all(fixture.path("big")).expect("makes");
        for number in 0..WORTH_IT {
            let name = format!("big/{number}");
            disk::write(fixture.path(&name), name).expect("writes");
        }
        let content = fixture.store("big");
        let presence = || {
            let cache = open(fixture.folder.path(), &[LinkType::Copy]);
            cache.presence(&content).expect("answers")
        };
        assert_eq!(presence(), Presence::Whole);
        assert!(fixture.path("roster").exists());
        assert_eq!(presence(), Presence::Whole);
        disk::write(fixture.path("roster"), "damaged").expect("writes");
        assert_eq!(presence(), Presence::Whole);
        let manifest = fixture.cache.loose.path(content.sha256);
        let pack = fixture.packs().remove(0);
        for path in [manifest, pack] {
            let aside = fixture.path("aside");
            disk::rename(&path, &aside).expect("moves");
            assert_eq!(presence(), Presence::Missing);
            disk::rename(&aside, &path).expect("moves back");
            assert_eq!(presence(), Presence::Whole);
        }
    }

    #[test]
    fn a_folder_that_is_there_is_changed_only_where_it_differs() {
        let fixture = Fixture::new();
        let content = fixture.store("many");
        let inode = |name: &str| fixture.path(name).metadata().expect("is there").ino();
        disk::write(fixture.path("many/1"), "edited").expect("writes");
        disk::remove_file(fixture.path("many/3")).expect("removes");
        disk::create_dir_all(fixture.path("many/new/deep")).expect("makes");
        disk::write(fixture.path("many/new/deep/x"), "x").expect("writes");
        disk::remove_file(fixture.path("many/5")).expect("removes");
        disk::create_dir_all(fixture.path("many/5")).expect("makes");
        disk::write(fixture.path("many/5/x"), "x").expect("writes");
        disk::remove_dir_all(fixture.path("many/sub")).expect("removes");
        assert_eq!(fixture.restore(&content, "many"), Restored::Done);
        assert_eq!(fixture.measure("many"), Some(content));
        assert!(!fixture.path("many/new").exists());
        let kept = inode("many/sub/6");
        disk::write(fixture.path("many/1"), "edited").expect("writes");
        assert_eq!(fixture.restore(&content, "many"), Restored::Done);
        assert_eq!(inode("many/sub/6"), kept);
    }

    #[test]
    fn a_corrupt_object_is_quarantined_and_nothing_is_touched() {
        let fixture = Fixture::new();
        let content = fixture.store("data");
        let beta = Digest::of(b"beta");
        damage(&fixture.cache.loose.path(beta), 0);
        disk::write(fixture.path("data/sub/b"), "precious").expect("writes");
        assert_eq!(fixture.restore(&content, "data"), Restored::Corrupt(beta));
        let bytes = disk::read(fixture.path("data/sub/b")).expect("reads");
        assert_eq!(bytes, b"precious");
        let presence = fixture.cache.presence(&content).expect("answers");
        assert_eq!(presence, Presence::Missing);
        assert!(fixture.cache.quarantined(&beta.to_string()).exists());
    }

    #[test]
    fn a_corrupt_object_in_a_pack_does_not_take_its_neighbours_with_it() {
        let fixture = Fixture::new();
        let content = fixture.store("many");
        let tree = fixture.cache.manifest(&content).expect("reads");
        let tree = tree.expect("is there");
        let packs = fixture.packs();
        damage(&packs[0], 20);
        let cache = open(fixture.folder.path(), &[LinkType::Copy]);
        assert_eq!(cache.verify(&content).expect("answers"), Presence::Missing);
        let is_there = |digest, size| cache.has_object(digest, size).expect("answers");
        let lost = tree
            .files()
            .filter(|(_, file)| !is_there(file.digest, file.size));
        assert_eq!(lost.count(), 1);
        assert!(!packs[0].exists());
        // Storing it again brings back what was lost.
        let path = fixture.path("many");
        let stored = cache.store(&path, &fixture.index, &Meter::default());
        assert_eq!(stored.expect("stores"), Some(content));
        assert_eq!(cache.verify(&content).expect("answers"), Presence::Whole);
    }

    #[test]
    fn a_damaged_manifest_is_quarantined_too() {
        let fixture = Fixture::new();
        let content = fixture.store("data");
        damage(&fixture.cache.loose.path(content.sha256), 0);
        let outcome = fixture.restore(&content, "copy");
        assert_eq!(outcome, Restored::Corrupt(content.sha256));
        assert!(!fixture.path("copy").exists());
    }

    #[test]
    fn objects_are_read_only_and_what_is_restored_is_not() {
        let fixture = Fixture::new();
        let content = fixture.store("data/a");
        let object = fixture.cache.loose.path(content.sha256);
        let object = object.metadata().expect("is there");
        assert_eq!(object.permissions().mode() & 0o777, 0o444);
        assert_eq!(fixture.restore(&content, "a"), Restored::Done);
        let copy = fixture.path("a").metadata().expect("is there");
        assert_eq!(copy.permissions().mode() & 0o200, 0o200);
    }

    #[test]
    fn files_are_linked_by_the_first_way_that_works_and_made_writable_again() {
        for order in [
            [LinkType::Hardlink, LinkType::Copy],
            [LinkType::Symlink, LinkType::Copy],
        ] {
            let mut fixture = Fixture::new();
            fixture.cache = open(fixture.folder.path(), &order);
            let content = fixture.store("many");
            assert!(fixture.packs().is_empty());
            let is_link = |name: &str| {
                let found = fixture.path(name).symlink_metadata().expect("is there");
                found.is_symlink() || found.nlink() > 1
            };
            assert!(is_link("many/1") && is_link("many/sub/2"));
            assert!(!is_link("many/sub/0"), "what may be executed is a copy");
            assert_eq!(fixture.measure("many"), Some(content));
            assert_eq!(fixture.store("many"), content);
            assert_eq!(fixture.restore(&content, "copy"), Restored::Done);
            assert!(is_link("copy/1"));
            assert_eq!(fixture.measure("copy"), Some(content));
            disk::remove_file(fixture.path("copy/1")).expect("removes");
            assert_eq!(fixture.restore(&content, "copy"), Restored::Done);
            assert_eq!(fixture.measure("copy"), Some(content));
            let freed = fixture.cache.unprotect(&fixture.path("copy"));
            assert_eq!(freed.expect("copies"), 39);
            assert!(!is_link("copy/1"));
            disk::write(fixture.path("copy/1"), "edited").expect("writes");
            let whole = fixture.cache.verify(&content).expect("answers");
            assert_eq!(whole, Presence::Whole);
        }
    }

    #[test]
    fn an_object_that_was_written_through_its_link_is_not_believed() {
        let mut fixture = Fixture::new();
        fixture.cache = open(fixture.folder.path(), &[LinkType::Hardlink]);
        let content = fixture.store("data");
        let digest = Digest::of(b"alpha");
        damage(&fixture.path("data/a"), 0);
        assert_eq!(fixture.restore(&content, "copy"), Restored::Corrupt(digest));
        // Nor does it stand in the way of the right one.
        disk::remove_file(fixture.path("data/a")).expect("removes");
        disk::write(fixture.path("data/a"), "alpha").expect("writes");
        assert_eq!(fixture.store("data"), content);
        assert_eq!(fixture.restore(&content, "copy"), Restored::Done);
    }

    #[test]
    fn a_big_file_is_copied_whole_through_both_threads() {
        let fixture = Fixture::new();
        let bytes: Vec<u8> = (0..9_000_001_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        disk::write(fixture.path("big"), &bytes).expect("writes");
        let content = fixture.store("big");
        assert_eq!(content.sha256, Digest::of(&bytes));
        assert_eq!(fixture.restore(&content, "copy"), Restored::Done);
        assert!(disk::read(fixture.path("copy")).expect("reads") == bytes);
    }
}

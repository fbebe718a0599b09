//! `Cache`: objects named by the SHA-256 of their bytes. Everything is verified when it is taken out.

use std::fs::{File, Metadata, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::base::digest::{Digest, Hasher, block_for};
use crate::base::folder::Folder;
use crate::base::fs::{self, AtomicFile, failed};
use crate::pipeline::Content;
use crate::store::error::Error;
use crate::store::scan::{self, Found};
use crate::store::tree::{EntryKind, FileContent, Tree};

/// The objects of a project, below one folder: `sha256/<two digits>/<the other 62>`.
///
/// May be deleted: what is lost is made again by running stages.
pub(crate) struct Cache {
    root: PathBuf,
    objects: Folder,
}

/// The folder of the objects in the cache.
const OBJECTS: &str = "sha256";

/// Whether all objects of some content are in the cache. Their bytes are checked only when used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// All of them.
    Whole,
    /// Some or all are missing.
    Missing,
}

/// What became of an attempt to restore content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It is in place.
    Done,
    /// An object is missing; nothing was changed.
    Missing,
    /// An object was corrupt and has been quarantined; nothing was changed.
    Corrupt(Digest),
}

impl Cache {
    /// Opens the cache at `root`; its folders are made when they are needed.
    pub(crate) fn new(root: PathBuf) -> Self {
        let objects = Folder::new(root.join(OBJECTS));
        Self { root, objects }
    }

    /// Copies the file or folder at `path` into the cache, hashing in the same pass; returns what
    /// it is, or `None` if nothing is there.
    pub(crate) fn store(&self, path: &Path) -> Result<Option<Content>, Error> {
        match scan::find(path)? {
            None => Ok(None),
            Some(Found::File(metadata)) => Ok(Some(self.store_file(path, &metadata)?.into())),
            Some(Found::Folder(found)) => {
                let tree = scan::tree_of(found, |path, metadata| self.store_file(path, metadata))?;
                self.store_bytes(tree.to_text().as_bytes())?;
                Ok(Some(tree.content()))
            }
        }
    }

    fn store_file(&self, path: &Path, metadata: &Metadata) -> Result<FileContent, Error> {
        let mut object = self.begin_object()?;
        let (digest, size) = copy_hashing(path, &mut object)?;
        self.name_object(object, digest, size)?;
        Ok(FileContent {
            digest,
            size,
            executable: scan::is_executable(metadata),
        })
    }

    fn store_bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut object = self.begin_object()?;
        let path = object.unfinished().to_owned();
        object
            .file()
            .write_all(bytes)
            .map_err(failed("cannot write", &path))?;
        self.name_object(object, Digest::of(bytes), bytes.len() as u64)
    }

    fn begin_object(&self) -> Result<AtomicFile, Error> {
        Ok(AtomicFile::begin(&self.root.join("new/object"))?)
    }

    /// Gives a whole object its name, unless it is there already.
    fn name_object(&self, mut object: AtomicFile, digest: Digest, size: u64) -> Result<(), Error> {
        let path = self.object_path(digest);
        // The right size is no proof: an object that is there must also be what its name says.
        if self.has_object(digest, size) && self.verify_object(digest)? {
            return Ok(());
        }
        let read_only = object.file().set_permissions(Permissions::from_mode(0o444));
        read_only.map_err(failed("cannot write", &path))?;
        Ok(object.commit_as_object(&path)?)
    }

    /// Keeps the manifest of a folder, without its files: for telling later what has changed in it.
    pub(crate) fn store_manifest(&self, tree: &Tree) -> Result<(), Error> {
        self.store_bytes(tree.to_text().as_bytes())
    }

    /// Returns the manifest of a folder, if it was kept.
    pub(crate) fn manifest(&self, content: &Content) -> Result<Option<Tree>, Error> {
        match content.files {
            Some(_) => Ok(self.tree(content.sha256)?.ok()),
            None => Ok(None),
        }
    }

    /// Returns whether the objects of `content` are all there.
    pub(crate) fn presence(&self, content: &Content) -> Result<Presence, Error> {
        let whole = match content.files {
            None => self.has_object(content.sha256, content.size),
            Some(_) => match self.tree(content.sha256)? {
                Ok(tree) => tree
                    .files()
                    .all(|(_, file)| self.has_object(file.digest, file.size)),
                Err(_) => false,
            },
        };
        Ok(if whole {
            Presence::Whole
        } else {
            Presence::Missing
        })
    }

    /// Returns whether the objects of `content` are all there and what they should be, to the last
    /// byte. Corrupt ones are quarantined.
    pub(crate) fn verify(&self, content: &Content) -> Result<Presence, Error> {
        let digests: Vec<Digest> = match content.files {
            None => vec![content.sha256],
            Some(_) => match self.tree(content.sha256)? {
                Ok(tree) => tree.files().map(|(_, file)| file.digest).collect(),
                Err(_) => return Ok(Presence::Missing),
            },
        };
        let checks: Result<Vec<bool>, Error> = digests
            .into_par_iter()
            .map(|digest| self.verify_object(digest))
            .collect();
        let is_whole = checks?.into_iter().all(|is_good| is_good);
        Ok(if is_whole {
            Presence::Whole
        } else {
            Presence::Missing
        })
    }

    fn verify_object(&self, digest: Digest) -> Result<bool, Error> {
        let path = self.object_path(digest);
        let found = fs::absent_as_none(Digest::of_file(&path));
        match found.map_err(failed("cannot read", &path))? {
            None => Ok(false),
            Some((found, _)) if found == digest => Ok(true),
            Some(_) => self.quarantine(digest).map(|()| false),
        }
    }

    /// Puts `content` to `path`, replacing what is there. The caller has saved that.
    pub(crate) fn restore(&self, content: &Content, path: &Path) -> Result<Restored, Error> {
        if content.files.is_none() {
            return self.restore_file(content.into(), path);
        }
        match self.tree(content.sha256)? {
            // A record whose sizes are not those of the folder is not believed.
            Ok(tree) if tree.content() != *content => Ok(Restored::Missing),
            Ok(tree) => self.restore_tree(&tree, path),
            Err(outcome) => Ok(outcome),
        }
    }

    /// Builds the folder beside its place and swaps it in when it is whole.
    fn restore_tree(&self, tree: &Tree, path: &Path) -> Result<Restored, Error> {
        let parent = fs::parent(path);
        fs::make_folder(parent)?;
        let building = tempfile::Builder::new()
            .prefix(fs::LITTER)
            .tempdir_in(parent);
        let building = building.map_err(failed("cannot write", path))?;
        let folder = building.path().join("new");
        fs::make_folder(&folder)?;
        let outcomes: Result<Vec<Restored>, Error> = tree
            .entries()
            .par_iter()
            .map(|entry| match entry.kind {
                EntryKind::File(file) => self.restore_file(file, &folder.join(&entry.path)),
                EntryKind::EmptyFolder => {
                    Ok(fs::make_folder(&folder.join(&entry.path)).map(|()| Restored::Done)?)
                }
            })
            .collect();
        if let Some(outcome) = outcomes?
            .into_iter()
            .find(|outcome| *outcome != Restored::Done)
        {
            return Ok(outcome);
        }
        if fs::exists(path)? {
            fs::rename(path, &building.path().join("old"))?;
        }
        fs::rename(&folder, path)?;
        Ok(Restored::Done)
    }

    fn restore_file(&self, file: FileContent, path: &Path) -> Result<Restored, Error> {
        let object = self.object_path(file.digest);
        if !fs::exists(&object)? {
            return Ok(Restored::Missing);
        }
        let mut copy = AtomicFile::begin(path)?;
        let (digest, size) = copy_hashing(&object, &mut copy)?;
        if digest != file.digest {
            self.quarantine(file.digest)?;
            return Ok(Restored::Corrupt(file.digest));
        }
        if size != file.size {
            return Ok(Restored::Missing);
        }
        if file.executable {
            copy.make_executable()?;
        }
        if path.is_dir() {
            fs::remove(path)?;
        }
        copy.commit_as_object(path)?;
        Ok(Restored::Done)
    }

    /// Reads a whole object, verified; `None` if it is missing or was corrupt.
    pub(crate) fn read(&self, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.verified(digest)?.ok())
    }

    /// Reads the manifest of a folder; or says why it cannot be had.
    fn tree(&self, digest: Digest) -> Result<Result<Tree, Restored>, Error> {
        let bytes = match self.verified(digest)? {
            Ok(bytes) => bytes,
            Err(outcome) => return Ok(Err(outcome)),
        };
        // Its bytes are what they should be, so it never was a manifest: the record is wrong.
        let tree = String::from_utf8(bytes)
            .ok()
            .and_then(|text| Tree::parse(&text));
        Ok(tree.ok_or(Restored::Missing))
    }

    fn verified(&self, digest: Digest) -> Result<Result<Vec<u8>, Restored>, Error> {
        let Some(bytes) = fs::read(&self.object_path(digest))? else {
            return Ok(Err(Restored::Missing));
        };
        if Digest::of(&bytes) == digest {
            return Ok(Ok(bytes));
        }
        self.quarantine(digest)?;
        Ok(Err(Restored::Corrupt(digest)))
    }

    /// Moves a corrupt object out of the way; its bytes may still help somebody.
    fn quarantine(&self, digest: Digest) -> Result<(), Error> {
        let to = self.root.join("quarantine").join(digest.to_string());
        Ok(fs::rename(&self.object_path(digest), &to)?)
    }

    /// A truncated object has another size, so most damage is seen without reading.
    fn has_object(&self, digest: Digest, size: u64) -> bool {
        let found = self.objects.stat(&object_name(digest));
        found.is_some_and(|found| u64::try_from(found.st_size) == Ok(size))
    }

    fn object_path(&self, digest: Digest) -> PathBuf {
        self.objects.path().join(object_name(digest))
    }
}

/// Returns the path of an object in the folder of the objects.
fn object_name(digest: Digest) -> String {
    let mut name = digest.to_string();
    name.insert(2, '/');
    name
}

/// Copies the file at `from` into `to` in blocks; returns the digest and size of what was written.
fn copy_hashing(from: &Path, to: &mut AtomicFile) -> Result<(Digest, u64), Error> {
    let target = to.unfinished().to_owned();
    let mut source = File::open(from).map_err(failed("cannot read", from))?;
    let mut hasher = Hasher::default();
    let size = source
        .metadata()
        .map_err(failed("cannot read", from))?
        .len();
    let mut block = vec![0; block_for(size)];
    let mut size = 0;
    loop {
        let count = source
            .read(&mut block)
            .map_err(failed("cannot read", from))?;
        if count == 0 {
            return Ok((hasher.digest(), size));
        }
        hasher.update(&block[..count]);
        to.file()
            .write_all(&block[..count])
            .map_err(failed("cannot write", &target))?;
        size += count as u64;
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests lay out and damage small files"
)]
mod tests {
    use std::fs as disk;

    use super::*;
    use crate::store::index::Index;

    fn measure(path: &Path) -> Result<Option<Content>, Error> {
        scan::measure(path, &Index::open(PathBuf::new(), PathBuf::from("/")))
    }

    struct Fixture {
        folder: tempfile::TempDir,
        cache: Cache,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let cache = Cache::new(folder.path().join("cache"));
            disk::create_dir_all(folder.path().join("data/sub")).expect("makes");
            disk::create_dir_all(folder.path().join("data/void")).expect("makes");
            disk::write(folder.path().join("data/a"), "alpha").expect("writes");
            disk::write(folder.path().join("data/sub/b"), "beta").expect("writes");
            Self { folder, cache }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn store(&self, name: &str) -> Content {
            self.cache
                .store(&self.path(name))
                .expect("stores")
                .expect("is there")
        }

        fn damage(&self, digest: Digest) {
            let object = self.cache.object_path(digest);
            disk::set_permissions(&object, Permissions::from_mode(0o644)).expect("sets");
            let mut bytes = disk::read(&object).expect("reads");
            bytes[0] ^= 1;
            disk::write(&object, bytes).expect("writes");
        }
    }

    #[test]
    fn a_folder_comes_back_as_it_was() {
        let fixture = Fixture::new();
        let content = fixture.store("data");
        assert_eq!(
            measure(&fixture.path("data")).expect("measures"),
            Some(content)
        );
        let outcome = fixture
            .cache
            .restore(&content, &fixture.path("copy"))
            .expect("restores");
        assert_eq!(outcome, Restored::Done);
        assert_eq!(
            measure(&fixture.path("copy")).expect("measures"),
            Some(content)
        );
        assert!(fixture.path("copy/void").is_dir());
    }

    #[test]
    fn a_corrupt_object_is_quarantined_and_nothing_is_touched() {
        let fixture = Fixture::new();
        let content = fixture.store("data");
        let beta = Digest::of(b"beta");
        fixture.damage(beta);
        disk::write(fixture.path("data/sub/b"), "precious").expect("writes");
        let outcome = fixture
            .cache
            .restore(&content, &fixture.path("data"))
            .expect("answers");
        assert_eq!(outcome, Restored::Corrupt(beta));
        assert_eq!(
            disk::read(fixture.path("data/sub/b")).expect("reads"),
            b"precious"
        );
        assert_eq!(
            fixture.cache.presence(&content).expect("answers"),
            Presence::Missing
        );
        assert!(
            fixture
                .cache
                .root
                .join("quarantine")
                .join(beta.to_string())
                .exists()
        );
    }

    #[test]
    fn a_damaged_manifest_is_quarantined_too() {
        let fixture = Fixture::new();
        let content = fixture.store("data");
        fixture.damage(content.sha256);
        let outcome = fixture
            .cache
            .restore(&content, &fixture.path("copy"))
            .expect("answers");
        assert_eq!(outcome, Restored::Corrupt(content.sha256));
        assert!(!fixture.path("copy").exists());
    }

    #[test]
    fn objects_are_read_only_and_what_is_restored_is_not() {
        let fixture = Fixture::new();
        let content = fixture.store("data/a");
        let object = fixture
            .cache
            .object_path(content.sha256)
            .metadata()
            .expect("is there");
        assert_eq!(object.permissions().mode() & 0o777, 0o444);
        fixture
            .cache
            .restore(&content, &fixture.path("a"))
            .expect("restores");
        let copy = fixture.path("a").metadata().expect("is there");
        assert_eq!(copy.permissions().mode() & 0o200, 0o200);
    }
}

//! `Index`: the digests of files by their path and stat, like git's index: an unchanged file costs
//! one stat. Lies in `.mlpipe`; may be lost, and is ignored when damaged.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat};
use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::folder::Folder;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::pipeline::Content;

const HEADER: &[u8; 8] = b"mlpidx1\n";

/// The bytes of an entry besides its path.
const FIXED: usize = 4 + 8 + 8 + 4 + 8 + 4 + 8 + 32;

/// A file that was changed this short a time ago may change again without its times showing it.
const FRESH: Duration = Duration::from_millis(100);

/// The same where times are whole seconds.
const FRESH_ON_COARSE_CLOCKS: Duration = Duration::from_secs(3);

/// The digests that are known, shared by all workers.
pub(crate) struct Index {
    file: PathBuf,
    root: Folder,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<String, Entry>,
    is_changed: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    stamp: Stamp,
    digest: Digest,
}

/// What a file's stat says of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    size: u64,
    modified: Time,
    changed: Time,
    inode: u64,
}

/// Seconds and nanoseconds, as in a stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Time {
    seconds: i64,
    nanoseconds: u32,
}

impl Index {
    /// Opens the index in `file` for files below `root`, and for those that the project reads from
    /// elsewhere.
    pub(crate) fn open(file: PathBuf, root: PathBuf) -> Self {
        let bytes = fs::read(&file).ok().flatten().unwrap_or_default();
        let entries = decode(&bytes).unwrap_or_default();
        Self {
            file,
            root: Folder::new(root),
            state: RwLock::new(State {
                entries,
                is_changed: false,
            }),
        }
    }

    /// Returns the content of the file at `path` if it is there and known as it is; `None` where only
    /// a closer look can tell.
    pub(crate) fn recall(&self, path: &RepoPath) -> Option<Content> {
        let stat = self.root.stat(path.as_str())?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return None;
        }
        let stamp = Stamp::of_stat(&stat)?;
        Some(Content {
            sha256: self.find(path.as_str(), stamp)?,
            size: stamp.size,
            files: None,
            executable: stat.st_mode & 0o111 != 0,
        })
    }

    /// Returns the digest and size of the file at `path`, whose metadata is `metadata`.
    pub(crate) fn digest(&self, path: &Path, metadata: &Metadata) -> io::Result<(Digest, u64)> {
        let stamp = Stamp::of(metadata);
        // What lies outside is known by its absolute path, which no path below the root looks like.
        let name = path.strip_prefix(self.root.path()).unwrap_or(path).to_str();
        let Some(name) = name else {
            return Digest::of_file(path);
        };
        if let Some(digest) = self.find(name, stamp) {
            return Ok((digest, stamp.size));
        }
        // Judged before it is read, which may take long.
        let is_fresh = stamp.is_fresh();
        let mut file = File::open(path)?;
        let (digest, size) = Digest::of_opened(&mut file)?;
        let is_stable = Stamp::of(&file.metadata()?) == stamp && size == stamp.size;
        if is_stable && !is_fresh {
            self.remember(name, Entry { stamp, digest });
        }
        Ok((digest, size))
    }

    /// Writes the index, if it has learned anything.
    pub(crate) fn save(&self) -> Result<(), fs::Error> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if state.is_changed {
            fs::write_replaceable(&self.file, &encode(&state.entries))
        } else {
            Ok(())
        }
    }

    fn find(&self, name: &str, stamp: Stamp) -> Option<Digest> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state
            .entries
            .get(name)
            .filter(|entry| entry.stamp == stamp)
            .map(|entry| entry.digest)
    }

    fn remember(&self, name: &str, entry: Entry) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.entries.insert(name.to_owned(), entry);
        state.is_changed = true;
    }
}

impl Stamp {
    /// Returns the stamp of a file or folder.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |number: i64| u32::try_from(number).unwrap_or_default();
        let modified = Time {
            seconds: metadata.mtime(),
            nanoseconds: nanoseconds(metadata.mtime_nsec()),
        };
        let changed = Time {
            seconds: metadata.ctime(),
            nanoseconds: nanoseconds(metadata.ctime_nsec()),
        };
        Self {
            size: metadata.len(),
            modified,
            changed,
            inode: metadata.ino(),
        }
    }

    fn of_stat(stat: &Stat) -> Option<Self> {
        let time = |seconds: i64, nanoseconds| {
            Some(Time {
                seconds,
                nanoseconds: u32::try_from(nanoseconds).ok()?,
            })
        };
        Some(Self {
            size: u64::try_from(stat.st_size).ok()?,
            modified: time(stat.st_mtime, stat.st_mtime_nsec)?,
            changed: time(stat.st_ctime, stat.st_ctime_nsec)?,
            inode: stat.st_ino,
        })
    }

    /// Returns whether another change could leave the same stamp.
    pub(crate) fn is_fresh(&self) -> bool {
        self.is_fresh_at(SystemTime::now())
    }

    /// A time in the future counts as fresh: the
    /// clock has been set back, and will come by here again.
    fn is_fresh_at(&self, now: SystemTime) -> bool {
        let is_coarse = self.modified.nanoseconds == 0 && self.changed.nanoseconds == 0;
        let limit = if is_coarse {
            FRESH_ON_COARSE_CLOCKS
        } else {
            FRESH
        };
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let latest = self.modified.max(self.changed);
        let Ok(seconds) = u64::try_from(latest.seconds) else {
            return false;
        };
        now.saturating_sub(Duration::new(seconds, latest.nanoseconds)) < limit
    }
}

/// A header, the entries, and the digest of both, so that no damage goes unseen.
fn encode(entries: &HashMap<String, Entry>) -> Vec<u8> {
    let mut names: Vec<&String> = entries.keys().collect();
    names.sort();
    let mut bytes = HEADER.to_vec();
    for name in names {
        let Entry { stamp, digest } = entries[name];
        let Ok(length) = u32::try_from(name.len()) else {
            continue;
        };
        bytes.extend(length.to_le_bytes());
        bytes.extend(stamp.size.to_le_bytes());
        for time in [stamp.modified, stamp.changed] {
            bytes.extend(time.seconds.to_le_bytes());
            bytes.extend(time.nanoseconds.to_le_bytes());
        }
        bytes.extend(stamp.inode.to_le_bytes());
        bytes.extend(digest.as_bytes());
        bytes.extend(name.as_bytes());
    }
    bytes.extend(Digest::of(&bytes).as_bytes());
    bytes
}

/// Reads the entries; `None` if anything is not as [`encode`] writes it.
fn decode(bytes: &[u8]) -> Option<HashMap<String, Entry>> {
    let (content, digest) = bytes.split_last_chunk::<32>()?;
    if Digest::of(content).as_bytes() != digest {
        return None;
    }
    let mut rest = content.strip_prefix(HEADER)?;
    let mut entries = HashMap::with_capacity(rest.len() / (FIXED + 16));
    while !rest.is_empty() {
        let length = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let size = u64::from_le_bytes(take(&mut rest)?);
        let (modified, changed) = (take_time(&mut rest)?, take_time(&mut rest)?);
        let inode = u64::from_le_bytes(take(&mut rest)?);
        let digest = Digest::from_bytes(take(&mut rest)?);
        let mut name = vec![0; length];
        rest.read_exact(&mut name).ok()?;
        let stamp = Stamp {
            size,
            modified,
            changed,
            inode,
        };
        entries.insert(String::from_utf8(name).ok()?, Entry { stamp, digest });
    }
    Some(entries)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*chunk)
}

fn take_time(rest: &mut &[u8]) -> Option<Time> {
    let seconds = i64::from_le_bytes(take(rest)?);
    let nanoseconds = u32::from_le_bytes(take(rest)?);
    Some(Time {
        seconds,
        nanoseconds,
    })
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write small files as others do"
)]
mod tests {
    use std::fs::{self as disk, FileTimes};

    use proptest::prelude::*;

    use super::*;

    fn stamp(seconds: i64, nanoseconds: u32) -> Stamp {
        let time = Time {
            seconds,
            nanoseconds,
        };
        Stamp {
            size: 1,
            modified: time,
            changed: time,
            inode: 1,
        }
    }

    #[test]
    fn what_has_just_changed_is_not_trusted() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(10_500);
        assert!(stamp(10, 450_000_000).is_fresh_at(now));
        assert!(!stamp(10, 300_000_000).is_fresh_at(now));
        assert!(stamp(9, 0).is_fresh_at(now), "whole seconds need more time");
        assert!(!stamp(5, 0).is_fresh_at(now));
        assert!(stamp(99, 1).is_fresh_at(now), "a clock that was set back");
    }

    #[test]
    fn a_change_that_keeps_size_and_times_is_seen_by_its_change_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        let old = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
        let write = |text: &str| {
            disk::write(&path, text).expect("writes");
            let file = disk::OpenOptions::new()
                .write(true)
                .open(&path)
                .expect("opens");
            file.set_times(old).expect("sets");
        };
        let index = Index::open(folder.path().join("index"), folder.path().to_owned());
        for text in ["one", "two"] {
            write(text);
            let metadata = path.metadata().expect("is there");
            let (digest, _) = index.digest(&path, &metadata).expect("hashes");
            assert_eq!(digest, Digest::of(text.as_bytes()));
        }
    }

    #[test]
    fn files_outside_are_known_by_their_absolute_path() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, root) = (folder.path().join("index"), folder.path().to_owned());
        let index = Index::open(file.clone(), root.clone());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let metadata = path.metadata().expect("is there");
        let (digest, _) = index.digest(&path, &metadata).expect("hashes");
        index.save().expect("saves");
        let name = path.to_str().expect("UTF-8");
        let found = Index::open(file, root).find(name, Stamp::of(&metadata));
        assert_eq!(found, Some(digest));
    }

    #[test]
    fn an_unchanged_file_is_recalled_and_any_other_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        disk::write(&path, "one").expect("writes");
        let index = Index::open(folder.path().join("index"), folder.path().to_owned());
        let name = RepoPath::parse("file").expect("a path");
        assert!(index.recall(&name).is_none());
        let metadata = path.metadata().expect("is there");
        let (stamp, digest) = (Stamp::of(&metadata), Digest::of(b"one"));
        index.remember("file", Entry { stamp, digest });
        let content = index.recall(&name).expect("is known");
        assert_eq!((content.sha256, content.size), (digest, 3));
        disk::write(&path, "other").expect("writes");
        assert!(index.recall(&name).is_none());
        disk::remove_file(&path).expect("removes");
        disk::create_dir(&path).expect("makes");
        assert!(index.recall(&name).is_none());
    }

    proptest! {
        #[test]
        fn what_is_saved_is_read_again_and_damage_is_seen(
            names in prop::collection::hash_set("\\PC{0,9}", 0..5),
            numbers in any::<(u64, i64, u32, u64)>(),
            damage in any::<prop::sample::Index>(),
        ) {
            let (size, seconds, nanoseconds, inode) = numbers;
            let time = Time { seconds, nanoseconds };
            let stamp = Stamp { size, modified: time, changed: time, inode };
            let digest = Digest::of(b"x");
            let entries: HashMap<String, Entry> =
                names.into_iter().map(|name| (name, Entry { stamp, digest })).collect();
            let mut bytes = encode(&entries);
            let decoded = decode(&bytes).expect("is whole");
            prop_assert_eq!(decoded.len(), entries.len());
            for (name, entry) in &entries {
                prop_assert_eq!(decoded[name].stamp, entry.stamp);
            }
            let at = damage.index(bytes.len());
            bytes[at] ^= 0x10;
            prop_assert!(decode(&bytes).is_none());
        }
    }
}

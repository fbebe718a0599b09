//! `Index`: the digests of files by their path and stat, like git's index: an unchanged file costs
//! one stat. Lies in `.mlpipe`; may be lost, and is ignored when damaged.
//!
//! It knows as well what counts as data, by the rules of `.mlpipeignore`.
//!
//! Files are kept folder by folder, sorted, as they stand on disk: a folder is compared with what is
//! known of it in one pass, and opening the index costs no work for each file.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{File, Metadata};
use std::io;
use std::num::NonZeroUsize;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;

use rustix::fs::FileType;

use crate::base::digest::Digest;
use crate::base::folder::Folder;
use crate::base::fs::{self, AtomicFile, failed};
use crate::base::ignore_rules::{FolderRules, IgnoreRules};
use crate::base::path::RepoPath;
use crate::pipeline::Content;
use crate::store::index_text::{self, Saved, SavedFolder};
use crate::store::stamp::Stamp;

/// To write what is known of fewer folders takes less than another thread does.
const FEW: usize = 64;

/// The digests that are known, shared by all workers.
pub(crate) struct Index {
    file: PathBuf,
    root: Folder,
    rules: IgnoreRules,
    saved: Saved,
    learned: RwLock<Learned>,
}

/// What has been learned since the index was read.
#[derive(Default)]
struct Learned {
    /// By folder.
    news: BTreeMap<String, News>,
    /// Folders that are gone.
    gone: BTreeSet<String>,
    /// Whether all of it is in the file.
    is_saved: bool,
}

/// What has been learned of a folder.
struct News {
    /// Its files, sorted by name.
    files: KnownFiles,
    /// Files that were learned of one by one after that; they count.
    later: BTreeMap<Box<str>, Known>,
    /// Whether there are no others any more.
    is_all: bool,
}

/// Files of one folder by their names there.
pub(super) type KnownFiles = Vec<(Box<str>, Known)>;

/// The digest of a file as long as its stat says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) stamp: Stamp,
    pub(super) digest: Digest,
}

/// What a look at a folder taught.
pub(super) struct Lesson {
    /// The folder, as the index calls it.
    pub(super) folder: String,
    /// Its files, sorted; `None` if the index knew them all.
    pub(super) files: Option<KnownFiles>,
}

impl Index {
    /// Opens the index in `file` for files below `root`, and for those that the project reads from
    /// elsewhere.
    pub(crate) fn open(file: PathBuf, root: PathBuf) -> Self {
        let bytes = fs::read(&file).ok().flatten().unwrap_or_default();
        Self {
            file,
            rules: IgnoreRules::open(&root),
            root: Folder::new(root),
            saved: Saved::read(bytes),
            learned: RwLock::default(),
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
        let Some(name) = self.name_of(path) else {
            return Digest::of_file(path);
        };
        if let Some(digest) = self.find(name, stamp) {
            return Ok((digest, stamp.size));
        }
        let mut file = File::open(path)?;
        // Judged before it is read, which may take long.
        let is_fresh = stamp.is_fresh();
        let (digest, size) = Digest::of_opened(&mut file)?;
        let is_stable = Stamp::of(&file.metadata()?) == stamp && size == stamp.size;
        if is_stable && !is_fresh {
            self.remember(name, Known { stamp, digest });
        }
        Ok((digest, size))
    }

    /// Returns the rules for what is in a folder; none hold outside of the project.
    pub(super) fn rules_in(&self, folder: &Path) -> Result<Option<FolderRules>, fs::Error> {
        let inner = folder.strip_prefix(self.root.path()).ok();
        let inner = inner.and_then(|inner| RepoPath::parse(inner.to_str()?).ok());
        inner.map(|inner| self.rules.in_folder(&inner)).transpose()
    }

    /// Returns how the index calls a path; `None` where it has no words for it. What lies outside is
    /// known by its absolute path, which no path below the root looks like.
    pub(super) fn name_of<'a>(&self, path: &'a Path) -> Option<&'a str> {
        path.strip_prefix(self.root.path()).unwrap_or(path).to_str()
    }

    /// Returns the digests of a folder's files as far as they are known, in the same order, and
    /// whether it has those files and no others. The files are sorted by name.
    pub(super) fn find_all<'a>(
        &self,
        folder: &str,
        files: impl ExactSizeIterator<Item = (&'a str, Stamp)>,
    ) -> (Vec<Option<Digest>>, bool) {
        let learned = self.read();
        let (count, expected) = (files.len(), self.count(&learned, folder));
        let mut search = self.search(&learned, folder);
        let mut recall = |(name, stamp)| {
            let known = search(name).filter(|known| known.stamp == stamp);
            known.map(|known| known.digest)
        };
        let found: Vec<Option<Digest>> = files.map(&mut recall).collect();
        let is_exact = count == expected && found.iter().all(Option::is_some);
        (found, is_exact)
    }

    /// Returns what was saved of a folder if it has those files and no others, all as they were. The
    /// files are sorted by name.
    pub(super) fn saved_as<'a>(
        &self,
        folder: &str,
        files: impl ExactSizeIterator<Item = (&'a str, Stamp)>,
    ) -> Option<SavedFolder<'_>> {
        let saved = self.saved.folder(folder)?;
        let is_known = files.len() == saved.len() && !self.read().knows_better(folder);
        let mut files = files.enumerate();
        let is_same = is_known
            && files.all(|(at, (name, stamp))| {
                saved.name(at) == Some(name.as_bytes())
                    && saved.known(at).is_some_and(|known| known.stamp == stamp)
            });
        is_same.then_some(saved)
    }

    /// Returns what was saved of a folder, whatever has been learned since.
    pub(super) fn saved(&self, folder: &str) -> Option<SavedFolder<'_>> {
        self.saved.folder(folder)
    }

    /// Learns what is in `folder` and in the folders below it, which are the only ones.
    pub(super) fn learn(&self, folder: &str, lessons: Vec<Lesson>) {
        let present: HashSet<&str> = lessons.iter().map(|lesson| &*lesson.folder).collect();
        let mut learned = self.write();
        learned.is_saved = false;
        let known = self.folders_below(&learned, folder);
        let is_gone = |known: &&str| !present.contains(known);
        let gone: Vec<String> = known.filter(is_gone).map(str::to_owned).collect();
        for folder in gone {
            learned.news.remove(&folder);
            learned.gone.insert(folder);
        }
        for Lesson { folder, files } in lessons {
            if let Some(files) = files {
                learned.gone.remove(&folder);
                learned.news.insert(folder, News::new(files, true));
            }
        }
    }

    /// Returns the folders that are known, `folder` and those below it; some of them twice.
    fn folders_below<'a>(
        &'a self,
        learned: &'a Learned,
        folder: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        // What is below a folder stands between `folder/` and `folder0`.
        let (from, to) = (format!("{folder}/"), format!("{folder}0"));
        let below = match folder {
            "" => (Bound::Unbounded, Bound::Unbounded),
            _ => (Bound::Included(&*from), Bound::Excluded(&*to)),
        };
        let itself = (Bound::Included(folder), Bound::Included(folder));
        let news = |range| {
            learned
                .news
                .range::<str, _>(range)
                .map(|(known, _)| &**known)
        };
        let news: Vec<&str> = news(itself).chain(news(below)).collect();
        let saved = self
            .saved
            .folders_in(itself)
            .chain(self.saved.folders_in(below));
        saved.collect::<Vec<_>>().into_iter().chain(news)
    }

    /// Remembers one file.
    pub(super) fn remember(&self, name: &str, known: Known) {
        let (folder, name) = split(name);
        let mut learned = self.write();
        learned.is_saved = false;
        if let Some(news) = learned.news.get_mut(folder) {
            news.later.insert(name.into(), known);
        } else {
            let news = News::new(vec![(name.into(), known)], false);
            learned.news.insert(folder.to_owned(), news);
        }
    }

    /// Remembers files of some folders, each sorted by name.
    pub(super) fn remember_all(&self, folders: Vec<(String, KnownFiles)>) {
        let mut learned = self.write();
        learned.is_saved &= folders.is_empty();
        for (folder, files) in folders {
            match learned.news.entry(folder) {
                Entry::Occupied(news) => news.into_mut().later.extend(files),
                Entry::Vacant(unknown) => drop(unknown.insert(News::new(files, false))),
            }
        }
    }

    /// Writes the index, if it has learned anything that is not in the file.
    pub(crate) fn save(&self) -> Result<(), fs::Error> {
        let mut learned = self.write();
        if learned.is_saved || learned.news.is_empty() && learned.gone.is_empty() {
            return Ok(());
        }
        let mut file = AtomicFile::begin(&self.file)?;
        self.write_to(file.file(), &learned)
            .map_err(failed("cannot write", &self.file))?;
        file.commit_as_object(&self.file)?;
        learned.is_saved = true;
        Ok(())
    }

    /// Returns the digest of a file that the index calls `path`, if its stat is still the same.
    pub(super) fn find(&self, path: &str, stamp: Stamp) -> Option<Digest> {
        let known = self.known(path)?;
        (known.stamp == stamp).then_some(known.digest)
    }

    fn known(&self, path: &str) -> Option<Known> {
        let (folder, name) = split(path);
        self.look_up(&self.read(), folder, name)
    }

    fn look_up(&self, learned: &Learned, folder: &str, name: &str) -> Option<Known> {
        let news = learned.news.get(folder);
        if let Some(known) = news.and_then(|news| news.find(name)) {
            return Some(known);
        }
        let is_gone = news.is_some_and(|news| news.is_all) || learned.gone.contains(folder);
        let saved = self.saved.folder(folder).filter(|_| !is_gone);
        saved?.find(name)
    }

    /// Returns a search for the names of one folder, quickest when they come in their order.
    fn search(&self, learned: &Learned, folder: &str) -> impl FnMut(&str) -> Option<Known> {
        let saved = self.saved.folder(folder);
        let saved = saved.filter(|_| !learned.knows_better(folder));
        let mut at = 0;
        move |name| match &saved {
            Some(saved) => saved.find_from(&mut at, name),
            None => self.look_up(learned, folder, name),
        }
    }

    /// Returns how many files of a folder are known.
    fn count(&self, learned: &Learned, folder: &str) -> usize {
        match learned.news.get(folder) {
            Some(news) if news.is_all && news.later.is_empty() => news.files.len(),
            // Not counted: a closer look at the folder settles it.
            Some(_) => usize::MAX,
            None if learned.gone.contains(folder) => 0,
            None => self.saved.folder(folder).map_or(0, |saved| saved.len()),
        }
    }

    /// On threads of its own: it is done under the lock that the pool's threads may be waiting for.
    fn write_to(&self, file: &mut File, learned: &Learned) -> io::Result<()> {
        let news = learned.news.keys().map(String::as_str);
        let folders: BTreeSet<&str> = self.saved.folders().chain(news).collect();
        let folders: Vec<&str> = folders.into_iter().collect();
        let texts = |folders: &[&str]| -> Vec<Cow<'_, [u8]>> {
            let texts = folders.iter().map(|folder| self.text_of(folder, learned));
            texts.collect()
        };
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (own, rest) =
            folders.split_at(folders.len().div_ceil(cores).max(FEW).min(folders.len()));
        let texts = thread::scope(|scope| {
            let others = rest.chunks(own.len().max(1));
            let others: Vec<_> = others.map(|part| scope.spawn(|| texts(part))).collect();
            let mut all = texts(own);
            for other in others {
                all.extend(
                    other
                        .join()
                        .expect("invariant: writing text does not panic"),
                );
            }
            all
        });
        index_text::write(file, &texts)
    }

    /// Returns how what is known of a folder is written.
    fn text_of(&self, folder: &str, learned: &Learned) -> Cow<'_, [u8]> {
        let saved = self.saved.folder(folder);
        let saved = saved.filter(|_| !learned.gone.contains(folder));
        let Some(news) = learned.news.get(folder) else {
            return saved.map_or_else(Cow::default, |saved| saved.text().into());
        };
        let saved = saved.filter(|_| !news.is_all);
        let saved = saved.into_iter().flat_map(SavedFolder::files);
        let files = merged(saved, in_order(&news.files));
        let later = news.later.iter().map(|(name, known)| (&**name, *known));
        let files = merged(files.into_iter(), later);
        index_text::folder(folder, files.into_iter()).into()
    }

    fn read(&self) -> RwLockReadGuard<'_, Learned> {
        self.learned.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Learned> {
        self.learned.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Learned {
    /// Returns whether what was saved of a folder may not be believed any more.
    fn knows_better(&self, folder: &str) -> bool {
        self.news.contains_key(folder) || self.gone.contains(folder)
    }
}

impl News {
    fn new(files: KnownFiles, is_all: bool) -> Self {
        Self {
            files,
            later: BTreeMap::new(),
            is_all,
        }
    }

    fn find(&self, name: &str) -> Option<Known> {
        if let Some(known) = self.later.get(name) {
            return Some(*known);
        }
        let at = self
            .files
            .binary_search_by(|(known, _)| (**known).cmp(name));
        Some(self.files[at.ok()?].1)
    }
}

fn in_order(files: &KnownFiles) -> impl Iterator<Item = (&str, Known)> {
    files.iter().map(|(name, known)| (&**name, *known))
}

/// Merges the files of a folder, both sorted by name; what is new counts.
fn merged<'a>(
    saved: impl Iterator<Item = (&'a str, Known)>,
    news: impl Iterator<Item = (&'a str, Known)>,
) -> Vec<(&'a str, Known)> {
    let (mut saved, mut all) = (saved.peekable(), Vec::new());
    for (name, known) in news {
        while let Some(before) = saved.next_if(|(before, _)| *before < name) {
            all.push(before);
        }
        let _old = saved.next_if(|(before, _)| *before == name);
        all.push((name, known));
    }
    all.extend(saved);
    all
}

/// Cuts a path into the folder and the name.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write small files as others do"
)]
mod tests {
    use std::fs::{self as disk, FileTimes};
    use std::time::{Duration, SystemTime};

    use super::*;

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
        index.remember("file", Known { stamp, digest });
        let content = index.recall(&name).expect("is known");
        assert_eq!((content.sha256, content.size), (digest, 3));
        disk::write(&path, "other").expect("writes");
        assert!(index.recall(&name).is_none());
        disk::remove_file(&path).expect("removes");
        disk::create_dir(&path).expect("makes");
        assert!(index.recall(&name).is_none());
    }

    #[test]
    fn what_is_learned_of_a_folder_replaces_what_was_known_and_the_rest_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = || Index::open(folder.path().join("index"), folder.path().to_owned());
        let stamp = Stamp::of(&folder.path().metadata().expect("is there"));
        let known = |text: &str| Known {
            stamp,
            digest: Digest::of(text.as_bytes()),
        };
        let index = open();
        for name in ["a/x", "a/y", "a/sub/z", "ab/x", "top"] {
            index.remember(name, known(name));
        }
        index.save().expect("saves");
        let index = open();
        let files = vec![("y".into(), known("new"))];
        let lesson = Lesson {
            folder: "a".to_owned(),
            files: Some(files),
        };
        index.learn("a", vec![lesson]);
        index.remember("ab/w", known("ab/w"));
        index.save().expect("saves");
        let index = open();
        let found = |name: &str| index.find(name, stamp);
        assert_eq!(found("a/x"), None);
        assert_eq!(found("a/sub/z"), None);
        assert_eq!(found("a/y"), Some(known("new").digest));
        for name in ["ab/x", "ab/w", "top"] {
            assert_eq!(found(name), Some(known(name).digest), "{name}");
        }
        let names = |names: &[&'static str]| {
            let files: Vec<(&str, Stamp)> = names.iter().map(|name| (*name, stamp)).collect();
            index.find_all("ab", files.into_iter()).1
        };
        assert!(names(&["w", "x"]));
        assert!(!names(&["w"]));
        assert!(!names(&["w", "x", "y"]));
    }
}

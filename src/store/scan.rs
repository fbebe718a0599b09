//! Looks at what is on disk: a file, or a folder with all that is in it, on all cores.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;
use rustix::fs::{AtFlags, Dir, FileType, Stat, readlinkat, statat};
use walkdir::WalkDir;

use crate::base::digest::Digest;
use crate::base::fs::{self, LITTER, absent_as_none, failed};
use crate::base::ignore_rules::FolderRules;
use crate::base::path::PathError;
use crate::store::cache::OBJECTS;
use crate::store::error::Error;
use crate::store::index::Index;
use crate::store::stamp::Stamp;
use crate::store::tree::stays_inside;

/// Looking at this many files takes so long that another core is worth asking.
const MANY: usize = 512;

/// Names that are never part of a folder's content: git's folder, ours, and our unfinished files.
fn is_ignored(name: &str) -> bool {
    matches!(name, ".git" | ".mlpipe")
        || name.starts_with(LITTER)
        || name.starts_with(".mlpipe-aside-")
}

/// Returns whether a folder holds something that is not part of its content.
pub(crate) fn has_uncounted(path: &Path, index: &Index) -> Result<bool, Error> {
    let mut rules: Option<(PathBuf, Option<FolderRules>)> = None;
    for entry in WalkDir::new(path).min_depth(1) {
        let failed = |error: walkdir::Error| failed("cannot read", path)(error.into());
        let entry = entry.map_err(failed)?;
        let folder = fs::parent(entry.path());
        let known = match &mut rules {
            Some((known, rules)) if known == folder => rules,
            rules => &mut rules.insert((folder.to_owned(), index.rules_in(folder)?)).1,
        };
        let is_uncounted = |name| {
            let is_folder = entry.file_type().is_dir();
            is_ignored(name) || ignores(known.as_ref(), name, is_folder)
        };
        if entry.file_name().to_str().is_some_and(is_uncounted) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a link leads to an object of some cache, be it gone from there.
pub(crate) fn is_object_link(path: &Path) -> bool {
    let target = path.read_link();
    target.is_ok_and(|target| leads_to_object(&target.to_string_lossy()))
}

/// `…/sha256/<two digits>/<the other 62>`
fn leads_to_object(target: &str) -> bool {
    let mut parts = target.rsplit('/');
    let (rest, start, folder) = (parts.next(), parts.next(), parts.next());
    let digits = format!("{}{}", start.unwrap_or_default(), rest.unwrap_or_default());
    folder == Some(OBJECTS) && digits.parse::<Digest>().is_ok()
}

fn ignores(rules: Option<&FolderRules>, name: &str, is_folder: bool) -> bool {
    rules.is_some_and(|rules| rules.ignores(name, is_folder))
}

/// What was found at a path, before it is hashed.
pub(super) enum Found {
    /// A file with its metadata.
    File(Metadata),
    /// A folder, and all folders below it, sorted by their paths.
    Folder(Vec<FoundFolder>),
}

/// The files and links right in a folder.
pub(super) struct FoundFolder {
    /// Its path below the folder that was looked at, which is empty itself.
    pub(super) path: String,
    /// Its files.
    pub(super) files: Files,
    /// Links to somewhere in the folder that was looked at: name and target.
    pub(super) links: Vec<(String, String)>,
    /// Links to objects that are gone, by their names: what they stood for can be had again, or not.
    pub(super) lost: Vec<String>,
    /// Whether there is nothing in it, not even something that is no data.
    pub(super) is_empty: bool,
    /// Whether it was come to by a link, here or further up: it lies elsewhere.
    pub(super) is_elsewhere: bool,
    /// Whether it is where such a link stands.
    pub(super) is_link: bool,
}

/// The files of a folder, sorted by name.
pub(super) enum Files {
    /// Those that the index has saved of it, all as they were: it need not be told twice.
    Saved {
        /// Which of them may be executed: their numbers, in their order.
        executable: Box<[u32]>,
    },
    /// Others.
    Found(Vec<FoundFile>),
}

impl Default for Files {
    fn default() -> Self {
        Self::Found(Vec::new())
    }
}

/// A file in a folder.
pub(super) struct FoundFile {
    /// Its name.
    pub(super) name: Box<str>,
    /// What its stat says of it.
    pub(super) stamp: Stamp,
    /// Whether it may be executed.
    pub(super) executable: bool,
}

impl FoundFolder {
    /// Returns the path of something in it, below the folder that was looked at.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            return name.to_owned();
        }
        let mut path = String::with_capacity(self.path.len() + 1 + name.len());
        self.write_path(name, &mut path);
        path
    }

    /// Like [`Self::path_of`], in place of what `path` was.
    pub(super) fn write_path(&self, name: &str, path: &mut String) {
        path.clear();
        path.push_str(&self.path);
        if !self.path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
    }
}

/// Looks at `path` and, if it is a folder, at everything in it. A link that leads elsewhere is
/// followed, for what it leads to is what is read; one to somewhere in the folder is a link. What the
/// project ignores is passed over.
pub(super) fn find(path: &Path, index: &Index) -> Result<Option<Found>, Error> {
    let metadata = absent_as_none(std::fs::metadata(path)).map_err(failed("cannot read", path))?;
    match metadata {
        None => Ok(None),
        Some(metadata) if metadata.is_file() => Ok(Some(Found::File(metadata))),
        Some(metadata) if metadata.is_dir() => {
            let scan = Scan {
                top: path,
                index,
                found: Mutex::default(),
                error: Mutex::default(),
            };
            Ok(Some(Found::Folder(scan.run()?)))
        }
        Some(_) => Err(Error::Special {
            path: path.to_owned(),
        }),
    }
}

impl Found {
    /// Refuses what has a link to an object that is gone: it is not what somebody takes it for.
    pub(super) fn refuse_lost(&self, path: &Path) -> Result<(), Error> {
        let Self::Folder(folders) = self else {
            return Ok(());
        };
        let mut lost = folders
            .iter()
            .flat_map(|folder| folder.lost.iter().map(|name| folder.path_of(name)));
        match lost.next() {
            Some(inner) => Err(Error::Lost {
                path: path.join(inner),
            }),
            None => Ok(()),
        }
    }
}

/// A look at a folder that is going on.
struct Scan<'a> {
    top: &'a Path,
    index: &'a Index,
    found: Mutex<Vec<FoundFolder>>,
    error: Mutex<Option<Error>>,
}

/// What is in a folder, by what its entries are.
#[derive(Default)]
struct Names {
    is_empty: bool,
    files: Vec<CString>,
    folders: Vec<CString>,
    links: Vec<CString>,
}

/// A folder that is to be looked at.
struct Visit {
    path: String,
    /// The folders that were come to by links on the way here.
    followed: Vec<PathBuf>,
    /// Whether the last step here was over a link.
    is_link: bool,
}

impl Scan<'_> {
    fn run(self) -> Result<Vec<FoundFolder>, Error> {
        let top = Visit {
            path: String::new(),
            followed: Vec::new(),
            is_link: false,
        };
        rayon::scope(|scope| self.visit(scope, &top));
        let error = self.error.into_inner();
        if let Some(error) = error.unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let mut found = self
            .found
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    fn visit<'s>(&'s self, scope: &rayon::Scope<'s>, visit: &Visit) {
        match self.look(scope, visit) {
            Ok(folder) => lock(&self.found).push(folder),
            Err(error) => {
                lock(&self.error).get_or_insert(error);
            }
        }
    }

    /// Looks at one folder; those in it are left to whoever has time.
    fn look<'s>(&'s self, scope: &rayon::Scope<'s>, visit: &Visit) -> Result<FoundFolder, Error> {
        let location = self.top.join(&visit.path);
        let opened = File::open(&location).map_err(failed("cannot read", &location))?;
        let mut folder = FoundFolder {
            path: visit.path.clone(),
            files: Files::Found(Vec::new()),
            links: Vec::new(),
            lost: Vec::new(),
            is_empty: false,
            is_elsewhere: !visit.followed.is_empty(),
            is_link: visit.is_link,
        };
        let names = self.names(&opened, &folder)?;
        folder.is_empty = names.is_empty;
        for name in &names.folders {
            let (path, followed) = (folder.path_of(text(name)), visit.followed.clone());
            self.go_on(scope, path, followed, false);
        }
        let stat = |name: &CString| {
            let stat = statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW);
            let stat = stat.map_err(|error| self.failed(&folder, name)(error.into()))?;
            found_file(text(name), &stat).ok_or_else(|| self.special(&folder, name))
        };
        let chunks = names.files.par_chunks(MANY);
        let files: Result<Vec<Vec<FoundFile>>, Error> = chunks
            .map(|names| names.iter().map(stat).collect())
            .collect();
        let mut files: Vec<FoundFile> = files?.into_iter().flatten().collect();
        for name in &names.links {
            files.extend(self.look_at_link(scope, &opened, name, visit, &mut folder)?);
        }
        files.par_sort_by(|one, other| one.name.cmp(&other.name));
        folder.files = self.recognise(&folder.path, files);
        Ok(folder)
    }

    /// Forgets what the index has saved as well: of a folder with very many files, only that is kept
    /// in memory.
    fn recognise(&self, folder: &str, files: Vec<FoundFile>) -> Files {
        let stamps = files.iter().map(|file| (&*file.name, file.stamp));
        let name = self.index.name_of(self.top);
        let saved = name.and_then(|name| self.index.saved_as(&inner_name(name, folder), stamps));
        if saved.is_none() {
            return Files::Found(files);
        }
        let numbered = (0_u32..).zip(&files).filter(|(_, file)| file.executable);
        Files::Saved {
            executable: numbered.map(|(number, _)| number).collect(),
        }
    }

    fn go_on<'s>(
        &'s self,
        scope: &rayon::Scope<'s>,
        path: String,
        followed: Vec<PathBuf>,
        is_link: bool,
    ) {
        let visit = Visit {
            path,
            followed,
            is_link,
        };
        scope.spawn(move |scope| self.visit(scope, &visit));
    }

    fn names(&self, opened: &File, folder: &FoundFolder) -> Result<Names, Error> {
        let location = self.top.join(&folder.path);
        let unreadable = |error: rustix::io::Errno| failed("cannot read", &location)(error.into());
        let rules = self.index.rules_in(&location)?;
        let mut names = Names {
            is_empty: true,
            ..Names::default()
        };
        for entry in Dir::read_from(opened).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(known) = name.to_str() else {
                let path = location.join(name.to_string_lossy().as_ref());
                return Err(PathError::NotUtf8(path.display().to_string()).into());
            };
            names.is_empty = false;
            if is_ignored(known) {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    let stat = statat(opened, name, AtFlags::SYMLINK_NOFOLLOW);
                    FileType::from_raw_mode(stat.map_err(unreadable)?.st_mode)
                }
                kind => kind,
            };
            if ignores(rules.as_ref(), known, kind == FileType::Directory) {
                continue;
            }
            match kind {
                FileType::RegularFile => names.files.push(name.to_owned()),
                FileType::Directory => names.folders.push(name.to_owned()),
                FileType::Symlink => names.links.push(name.to_owned()),
                _ => return Err(self.special(folder, name)),
            }
        }
        Ok(names)
    }

    /// Returns the file that the link leads to, if it leads elsewhere.
    fn look_at_link<'s>(
        &'s self,
        scope: &rayon::Scope<'s>,
        opened: &File,
        name: &CStr,
        visit: &Visit,
        folder: &mut FoundFolder,
    ) -> Result<Option<FoundFile>, Error> {
        let path = folder.path_of(text(name));
        let target = readlinkat(opened, name, Vec::new());
        let target = target.map_err(|error| self.failed(folder, name)(error.into()))?;
        if let Ok(target) = target.to_str()
            && stays_inside(&path, target)
        {
            folder
                .links
                .push((text(name).to_owned(), target.to_owned()));
            return Ok(None);
        }
        let stat = match statat(opened, name, AtFlags::empty()) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT) if leads_to_object(&target.to_string_lossy()) => {
                folder.lost.push(text(name).to_owned());
                return Ok(None);
            }
            Err(rustix::io::Errno::NOENT) => {
                return Err(Error::Dangling {
                    path: self.top.join(path),
                    target: PathBuf::from(target.to_string_lossy().into_owned()),
                });
            }
            Err(error) => return Err(self.failed(folder, name)(error.into()).into()),
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let followed = self.follow(&path, &visit.followed)?;
            self.go_on(scope, path, followed, true);
            return Ok(None);
        }
        let file = found_file(text(name), &stat);
        file.ok_or_else(|| self.special(folder, name)).map(Some)
    }

    /// Returns the folders that were followed to here, with the one that the link at `path` leads to,
    /// which must not lead around in circles.
    fn follow(&self, path: &str, followed: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
        let location = self.top.join(path);
        let real = |path: &Path| path.canonicalize().map_err(failed("cannot read", path));
        let target = real(&location)?;
        let here = real(location.parent().unwrap_or(&location))?;
        let is_around = |place: &PathBuf| place.starts_with(&target);
        if is_around(&here) || followed.iter().any(is_around) {
            return Err(Error::Loop {
                path: location,
                target,
            });
        }
        Ok(followed.iter().cloned().chain([target]).collect())
    }

    fn failed(
        &self,
        folder: &FoundFolder,
        name: &CStr,
    ) -> impl FnOnce(std::io::Error) -> fs::Error + use<> {
        failed("cannot read", &self.top.join(folder.path_of(text(name))))
    }

    fn special(&self, folder: &FoundFolder, name: &CStr) -> Error {
        Error::Special {
            path: self.top.join(folder.path_of(text(name))),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how the index calls a folder below the one that it calls `top`.
pub(super) fn inner_name(top: &str, path: &str) -> String {
    match (top, path) {
        ("", path) => path.to_owned(),
        (top, "") => top.to_owned(),
        (top, path) => format!("{top}/{path}"),
    }
}

/// Names have been seen to be UTF-8.
fn text(name: &CStr) -> &str {
    name.to_str().unwrap_or_default()
}

/// Returns the file with this stat; `None` if it is no file.
fn found_file(name: &str, stat: &Stat) -> Option<FoundFile> {
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    Some(FoundFile {
        name: name.into(),
        stamp: Stamp::of_stat(stat).filter(|_| is_file)?,
        executable: stat.st_mode & 0o111 != 0,
    })
}

pub(super) fn is_executable(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o111 != 0
}

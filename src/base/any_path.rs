//! `AnyPath`: where a dep or an out is, in the project or outside of it.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::path::{PathError, RepoPath};

/// A path that a stage reads or writes.
///
/// ```
/// use std::path::Path;
/// use mlpipe::base::{path::RepoPath, any_path::AnyPath};
/// let resolve = |text| AnyPath::resolve(Path::new("/home/me/project"), &RepoPath::root(), text);
/// assert_eq!(resolve("../shared/./x.csv").unwrap().as_str(), "../shared/x.csv");
/// assert_eq!(resolve("/data/raw/../x").unwrap().as_str(), "/data/x");
/// assert_eq!(resolve("/home/me/project/x").unwrap().as_str(), "x");
/// assert!(resolve("..").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnyPath {
    /// In the project.
    Inside(RepoPath),
    /// Outside of it.
    Outside(OutsidePath),
}

/// A normalised path that leads out of the project, in the way in which it was written: relative to
/// the root, as in `../shared`, so that it is the same on every machine, or absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsidePath(String);

impl AnyPath {
    /// Finds what `text` means in `folder` of the project at `root`, by the texts alone: links are
    /// not followed. A folder around the project is refused, for it holds what every run changes.
    pub fn resolve(root: &Path, folder: &RepoPath, text: &str) -> Result<Self, PathError> {
        match folder.join(text) {
            Err(PathError::Outside(_)) => {}
            inside => return inside.map(Self::Inside),
        }
        let location = walk(&folder.on_disk(root), text);
        if root != location && root.starts_with(&location) {
            return Err(PathError::Around(text.to_owned()));
        }
        match RepoPath::from_disk(root, &location) {
            Err(PathError::Outside(_)) => {}
            inside => return inside.map(Self::Inside),
        }
        let written = if text.starts_with('/') {
            location.to_str().map(str::to_owned)
        } else {
            relative(&location, root)
        };
        let written = written.ok_or_else(|| PathError::NotUtf8(text.to_owned()))?;
        Ok(Self::Outside(OutsidePath(written)))
    }

    /// Parses a path as it is recorded: relative to the root, or absolute.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Self::try_from(text.to_owned())
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Inside(path) => path.as_str(),
            Self::Outside(OutsidePath(text)) => text,
        }
    }

    /// Returns the path in the project, if it is in there.
    pub fn inside(&self) -> Option<&RepoPath> {
        match self {
            Self::Inside(path) => Some(path),
            Self::Outside(_) => None,
        }
    }

    /// Returns where it is on disk, given where the root is.
    pub fn on_disk(&self, root: &Path) -> PathBuf {
        match self {
            Self::Inside(path) => path.on_disk(root),
            Self::Outside(OutsidePath(text)) => walk(root, text),
        }
    }

    /// Returns the path in the one way that stands for all ways of writing it: relative to the
    /// project at `root`.
    pub(crate) fn normal(&self, root: &Path) -> Cow<'_, Self> {
        match self {
            Self::Outside(OutsidePath(text)) if text.starts_with('/') => {
                let relative = relative(Path::new(text), root);
                relative.map_or(Cow::Borrowed(self), |text| {
                    Cow::Owned(Self::Outside(OutsidePath(text)))
                })
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// Returns whether one of the two contains the other, or both are the same, however they are
    /// written. What is in the project at `root` has nothing to do with what is outside.
    pub(crate) fn overlaps(&self, other: &Self, root: &Path) -> bool {
        match (self.normal(root).as_ref(), other.normal(root).as_ref()) {
            (Self::Inside(one), Self::Inside(other)) => one.overlaps(other),
            (Self::Outside(one), Self::Outside(other)) => {
                one.is_within(other) || other.is_within(one)
            }
            _ => false,
        }
    }

    /// Returns this path and the folders above it, nearest first, without the root.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = &str> {
        let start = self.inside().is_none_or(|path| !path.is_root());
        std::iter::successors(start.then_some(self.as_str()), |path| {
            path.rsplit_once('/').map(|(folder, _)| folder)
        })
    }
}

impl OutsidePath {
    /// Normalises a path that is known to lead out of the project.
    fn parse(text: &str) -> Result<Self, PathError> {
        let mut parts: Vec<&str> = Vec::new();
        for part in text.split('/') {
            match (part, parts.last()) {
                ("" | ".", _) => {}
                ("..", Some(last)) if *last != ".." => drop(parts.pop()),
                ("..", _) if text.starts_with('/') => {}
                (part, _) => parts.push(part),
            }
        }
        if parts.last().is_none_or(|last| *last == "..") {
            return Err(PathError::Around(text.to_owned()));
        }
        let start = if text.starts_with('/') { "/" } else { "" };
        Ok(Self(format!("{start}{}", parts.join("/"))))
    }

    fn is_within(&self, folder: &Self) -> bool {
        let rest = self.0.strip_prefix(&folder.0);
        rest.is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'/', ..]))
    }
}

/// Goes from `start` where `text` leads, by the texts alone.
pub(crate) fn walk(start: &Path, text: &str) -> PathBuf {
    let start = if text.starts_with('/') {
        Path::new("/")
    } else {
        start
    };
    let mut location = start.to_owned();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(location.pop()),
            name => location.push(name),
        }
    }
    location
}

/// Writes `location` as somebody at `root` does; `None` if it is no text.
fn relative(location: &Path, root: &Path) -> Option<String> {
    let pairs = root.components().zip(location.components());
    let shared = pairs.take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n(Some(".."), root.components().count() - shared);
    let down = location.components().skip(shared);
    let parts = up.chain(down.map(|part| part.as_os_str().to_str()));
    Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
}

impl From<RepoPath> for AnyPath {
    fn from(path: RepoPath) -> Self {
        Self::Inside(path)
    }
}

impl TryFrom<String> for AnyPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        match RepoPath::try_from(text) {
            Err(PathError::Outside(text)) => OutsidePath::parse(&text).map(Self::Outside),
            inside => inside.map(Self::Inside),
        }
    }
}

/// The order is that of the texts, as for paths of the project: locks are sorted by it.
impl Ord for AnyPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for AnyPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Borrow<str> for AnyPath {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for AnyPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Serialize for AnyPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AnyPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: &str = "/a/b";

    fn resolve(text: &str) -> Result<AnyPath, PathError> {
        AnyPath::resolve(Path::new(ROOT), &RepoPath::root(), text)
    }

    fn path(text: &str) -> AnyPath {
        resolve(text).expect("a valid path")
    }

    #[test]
    fn one_place_has_one_spelling_of_each_kind() {
        for (text, written) in [
            ("../c/d/../e", "../c/e"),
            ("../../a/c", "../c"),
            ("../b/x", "x"),
            ("/a/b/x", "x"),
            ("/a/b", "."),
            ("../../../../z", "../../z"),
            ("/a//c/.", "/a/c"),
            ("/../z", "/z"),
        ] {
            assert_eq!(path(text).as_str(), written, "{text}");
        }
        let folder = RepoPath::parse("sub/deep").expect("a path");
        let below = AnyPath::resolve(Path::new(ROOT), &folder, "../../../c");
        assert_eq!(below.expect("outside").as_str(), "../c");
    }

    #[test]
    fn what_holds_the_project_is_refused() {
        for text in ["..", "../..", "../../..", "/", "/a", "../../a"] {
            assert_eq!(resolve(text), Err(PathError::Around(text.to_owned())));
        }
        assert!(resolve("").is_err() && resolve("../\n").is_err());
        assert!(AnyPath::parse("../..").is_err() && AnyPath::parse("/..").is_err());
    }

    #[test]
    fn spellings_of_a_place_overlap() {
        let overlaps = |one, other| path(one).overlaps(&path(other), Path::new(ROOT));
        assert!(overlaps("../c", "/a/c/d") && overlaps("/z/y", "../../z"));
        assert!(overlaps("x", "/a/b/x/y") && !overlaps("../c", "/a/cc"));
        assert!(!overlaps("../c", "c") && !overlaps(".", "../c"));
        let above: Vec<String> = path("../c/d").ancestors().map(str::to_owned).collect();
        assert_eq!(above, ["../c/d", "../c", ".."]);
        assert_eq!(path(".").ancestors().count(), 0);
    }

    proptest! {
        #[test]
        fn what_is_written_means_the_same_again(text in "/?([abz]|[.]{1,2}|)(/([abz]|[.]{1,2})){0,5}") {
            let Ok(path) = resolve(&text) else { return Ok(()) };
            let root = Path::new(ROOT);
            prop_assert_eq!(AnyPath::parse(path.as_str()), Ok(path.clone()));
            prop_assert_eq!(resolve(path.as_str()), Ok(path.clone()));
            prop_assert_eq!(path.on_disk(root), walk(root, &text));
            let normal = path.normal(root);
            prop_assert_eq!(normal.on_disk(root), path.on_disk(root));
            prop_assert_eq!(path.inside().is_some(), path.on_disk(root).starts_with(root));
        }
    }
}

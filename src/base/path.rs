//! `RepoPath`: a path relative to the project's root, normalised, never outside it.

use std::borrow::Borrow;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

/// A normalised path below the project's root, with `/` between its parts. The root itself is `.`.
///
/// ```
/// use mlpipe::base::path::RepoPath;
/// let path = RepoPath::parse("data/./raw/../clean").unwrap();
/// assert_eq!(path.as_str(), "data/clean");
/// assert!(RepoPath::parse("../outside").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RepoPath(String);

/// A path that cannot name anything in the project.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It leads out of the project, or is absolute.
    #[error("`{0}` lies outside the project")]
    Outside(String),
    /// It is a folder that the project lies in.
    #[error("the project itself lies in `{0}`")]
    Around(String),
    /// It is no text.
    #[error("the name `{0}` is not valid UTF-8")]
    NotUtf8(String),
    /// It is empty or holds a control character.
    #[error("{0:?} is not a path that a pipeline can name")]
    Invalid(String),
}

impl RepoPath {
    /// Returns the root of the project.
    pub fn root() -> Self {
        Self(".".to_owned())
    }

    /// Parses a path that is relative to the root.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Self::root().join(text)
    }

    /// Returns the path that `text` is, if that is its normal form to the letter.
    pub(crate) fn from_normal(text: &str) -> Option<Self> {
        is_normal(text).then(|| Self(text.to_owned()))
    }

    /// Resolves `text` against this folder: `..` goes up, but not out of the project.
    pub fn join(&self, text: &str) -> Result<Self, PathError> {
        if text.is_empty() || text.contains(char::is_control) {
            return Err(PathError::Invalid(text.to_owned()));
        }
        let outside = || PathError::Outside(text.to_owned());
        if text.starts_with('/') {
            return Err(outside());
        }
        let mut parts: Vec<&str> = self.parts().collect();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop().ok_or_else(outside)?),
                name => parts.push(name),
            }
        }
        Ok(Self(if parts.is_empty() {
            ".".to_owned()
        } else {
            parts.join("/")
        }))
    }

    /// Turns a path on disk into one below `root`; both absolute, without `..`.
    pub fn from_disk(root: &Path, path: &Path) -> Result<Self, PathError> {
        let shown = || path.display().to_string();
        let inner = path
            .strip_prefix(root)
            .map_err(|_| PathError::Outside(shown()))?;
        match inner.to_str() {
            Some("") => Ok(Self::root()),
            Some(text) => Self::parse(text),
            None => Err(PathError::NotUtf8(shown())),
        }
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns where the path is on disk, given where the root is.
    pub fn on_disk(&self, root: &Path) -> PathBuf {
        if self.is_root() {
            root.to_owned()
        } else {
            root.join(&self.0)
        }
    }

    /// Returns whether this is the project's root.
    pub fn is_root(&self) -> bool {
        self.0 == "."
    }

    /// Returns whether this is `folder` or lies below it.
    pub fn is_within(&self, folder: &Self) -> bool {
        folder.is_root()
            || self
                .0
                .strip_prefix(&folder.0)
                .is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'/', ..]))
    }

    /// Returns whether one of the two contains the other, or both are the same.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.is_within(other) || other.is_within(self)
    }

    /// Returns the folder that holds this path; the root is its own parent.
    #[must_use]
    pub fn parent(&self) -> Self {
        match self.0.rsplit_once('/') {
            Some((folder, _)) => Self(folder.to_owned()),
            None => Self::root(),
        }
    }

    /// Writes this path as somebody in `folder` does, with `..` where it leads up.
    pub(crate) fn relative_to(&self, folder: &Self) -> String {
        let (own, other): (Vec<_>, Vec<_>) = (self.parts().collect(), folder.parts().collect());
        let shared = own.iter().zip(&other).take_while(|(a, b)| a == b).count();
        let up = std::iter::repeat_n("..", other.len() - shared);
        let parts: Vec<&str> = up.chain(own[shared..].iter().copied()).collect();
        if parts.is_empty() {
            ".".to_owned()
        } else {
            parts.join("/")
        }
    }

    /// Returns the path that is to `new` as this one is to `old`, if this is `old` or lies in it.
    pub(crate) fn moved(&self, old: &Self, new: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(&old.0)?;
        self.is_within(old).then(|| Self(format!("{new}{rest}")))
    }

    /// Returns the last part.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// Returns this path and the folders above it, nearest first, without the root.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = &str> {
        let mut next = (!self.is_root()).then_some(self.0.as_str());
        std::iter::from_fn(move || {
            let here = next?;
            next = here.rsplit_once('/').map(|(folder, _)| folder);
            Some(here)
        })
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| *part != ".")
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Borrow<str> for RepoPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RepoPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        if is_normal(&text) {
            return Ok(Self(text));
        }
        Self::parse(&text)
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

/// Whether a path is in its normal form, as nearly all are that are read.
fn is_normal(text: &str) -> bool {
    let is_name = |part: &[u8]| !matches!(part, b"" | b"." | b"..");
    let is_plain = |byte: u8| byte.is_ascii_graphic();
    text.bytes().all(is_plain) && text.as_bytes().split(|byte| *byte == b'/').all(is_name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::parse(text).expect("a valid path")
    }

    #[test]
    fn normalises_and_stays_inside() {
        assert_eq!(path("./a//b/").as_str(), "a/b");
        assert_eq!(path("a/..").as_str(), ".");
        assert_eq!(path("p1").join("../p2/x").expect("inside").as_str(), "p2/x");
        assert_eq!(
            RepoPath::parse("a/../../b"),
            Err(PathError::Outside("a/../../b".to_owned()))
        );
        assert!(RepoPath::parse("/etc/passwd").is_err());
        assert!(RepoPath::parse("").is_err());
    }

    proptest! {
        #[test]
        fn what_is_normal_parses_to_itself(text in "[a./-]{0,8}") {
            let parsed = RepoPath::parse(&text).map(|path| path.0);
            prop_assert_eq!(is_normal(&text) || text == ".", parsed == Ok(text));
        }
    }

    #[test]
    fn containment_is_by_whole_names() {
        assert!(path("data/raw").is_within(&path("data")));
        assert!(!path("database").is_within(&path("data")));
        assert!(path("x").is_within(&RepoPath::root()));
        assert!(path("data").overlaps(&path("data/raw")));
    }

    #[test]
    fn ancestors_go_up_to_the_root() {
        assert_eq!(
            path("a/b/c").ancestors().collect::<Vec<_>>(),
            ["a/b/c", "a/b", "a"]
        );
        assert_eq!(RepoPath::root().ancestors().count(), 0);
    }

    #[test]
    fn a_move_takes_what_lies_below_along() {
        let (old, new) = (path("data/raw"), path("in"));
        assert_eq!(path("data/raw/x").moved(&old, &new), Some(path("in/x")));
        assert_eq!(path("data/raw").moved(&old, &new), Some(path("in")));
        assert_eq!(path("data/rawer").moved(&old, &new), None);
    }

    proptest! {
        #[test]
        fn a_relative_path_leads_back(one in "[ab](/[ab]){0,3}", folder in "[ab](/[ab]){0,3}|[.]") {
            let (one, folder) = (path(&one), path(&folder));
            prop_assert_eq!(folder.join(&one.relative_to(&folder)), Ok(one));
        }

        #[test]
        fn parsing_is_idempotent(text in "[a-c./]{1,12}") {
            if let Ok(path) = RepoPath::parse(&text) {
                prop_assert_eq!(RepoPath::parse(path.as_str()), Ok(path.clone()));
                prop_assert!(!path.as_str().split('/').any(|part| part == ".." || part.is_empty()));
            }
        }
    }
}

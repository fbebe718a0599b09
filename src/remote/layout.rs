//! `Layout`: how objects lie at a remote, and under which paths.

use crate::base::digest::Digest;

/// The folder of big objects, by their digests.
pub(super) const OBJECTS: &str = "objects";

/// The folder of the packs.
pub(super) const PACKS: &str = "packs";

/// The folder of all objects where each is a file of its own.
const PLAIN: &str = "sha256";

/// How objects lie at a remote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Small ones in packs, and indexes that say where each is.
    #[default]
    Packs,
    /// Each a file of its own under its digest.
    Plain,
}

impl Layout {
    /// Returns its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Packs => "packs",
            Self::Plain => "plain",
        }
    }

    /// Reads its name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Packs, Self::Plain]
            .into_iter()
            .find(|layout| layout.as_str() == text)
    }

    /// Returns the folder of the objects that are files of their own.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Packs => OBJECTS,
            Self::Plain => PLAIN,
        }
    }

    /// Returns where an object lies that is a file of its own.
    pub(super) fn path_of(self, digest: Digest) -> String {
        let name = digest.to_string();
        match self {
            Self::Packs => format!("{OBJECTS}/{name}"),
            Self::Plain => format!("{PLAIN}/{}/{}", &name[..2], &name[2..]),
        }
    }

    /// Returns which object lies at a path, if it is one that `path_of` makes.
    pub(super) fn digest_at(self, path: &str) -> Option<Digest> {
        let name = path.strip_prefix(self.folder())?.replace('/', "");
        name.parse().ok()
    }
}

/// Returns where a pack lies.
pub(super) fn pack_path(name: Digest) -> String {
    format!("{PACKS}/{name}.pack")
}

/// Returns whether a path is one of an object or a pack, and of nothing else.
pub(super) fn is_object_path(path: &str) -> bool {
    let is_in = |folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    (is_in(PACKS) || is_in(OBJECTS)) && !path.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_found_where_it_is_put() {
        let digest = Digest::of(b"x");
        for layout in [Layout::Packs, Layout::Plain] {
            assert_eq!(layout.digest_at(&layout.path_of(digest)), Some(digest));
            assert_eq!(layout.digest_at(&pack_path(digest)), None);
        }
        assert!(is_object_path(&pack_path(digest)));
        assert!(is_object_path(&Layout::Packs.path_of(digest)));
        assert!(!is_object_path("packs/../index/x") && !is_object_path("index/x"));
    }
}

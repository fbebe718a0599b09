//! `Live`: the objects that somebody needs, in the order in which they are to lie in packs.

use std::collections::{HashMap, HashSet};

use crate::base::digest::Digest;
use crate::pipeline::Content;
use crate::store::cache::{Cache, Lack};
use crate::store::error::Error;
use crate::store::tree::Tree;

/// Objects to be kept. Those of a folder follow each other in the order of its paths.
#[derive(Default)]
pub(crate) struct Live {
    order: HashMap<Digest, usize>,
    /// The files and folders that are kept with all that is in them.
    whole: HashSet<(Digest, bool)>,
    /// Objects that files of some workspace are links to, which have to stay where they are.
    linked: HashSet<Digest>,
}

/// What is known of the content that is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// All of it, or it is no folder.
    Known,
    /// The manifest of the folder is not in the cache: what it lists cannot be kept for its sake.
    Missing,
    /// The manifest was corrupt.
    Corrupt,
}

impl Live {
    /// Keeps an object.
    pub(crate) fn add(&mut self, digest: Digest) {
        let next = self.order.len();
        self.order.entry(digest).or_insert(next);
    }

    /// Keeps content, and what is in it where it is a folder.
    pub(crate) fn add_whole(&mut self, content: &Content, cache: &Cache) -> Result<Listing, Error> {
        if !self.whole.insert(key(content)) {
            return Ok(Listing::Known);
        }
        self.add(content.sha256);
        if content.files.is_none() {
            return Ok(Listing::Known);
        }
        match cache.tree(content.sha256)? {
            Ok(tree) => {
                self.add_files(&tree);
                Ok(Listing::Known)
            }
            Err(Lack::Missing) if cache.quarantined(&content.sha256.to_string()).exists() => {
                Ok(Listing::Corrupt)
            }
            Err(Lack::Missing) => Ok(Listing::Missing),
            Err(Lack::Corrupt(_)) => Ok(Listing::Corrupt),
        }
    }

    /// Keeps the files of a folder.
    pub(crate) fn add_files(&mut self, tree: &Tree) {
        tree.files().for_each(|(_, file)| self.add(file.digest));
    }

    /// Returns whether content is kept with all that is in it.
    pub(crate) fn has_whole(&self, content: &Content) -> bool {
        self.whole.contains(&key(content))
    }

    /// Returns whether an object is kept.
    pub(super) fn has(&self, digest: Digest) -> bool {
        self.order.contains_key(&digest)
    }

    /// Keeps an object in the file that it is in: something is a link to that.
    pub(super) fn pin(&mut self, digest: Digest) {
        self.linked.insert(digest);
    }

    /// Returns whether an object has to stay in the file that it is in.
    pub(super) fn is_linked(&self, digest: Digest) -> bool {
        self.linked.contains(&digest)
    }

    /// Returns an object's place in the order.
    pub(super) fn place(&self, digest: Digest) -> usize {
        self.order.get(&digest).copied().unwrap_or(usize::MAX)
    }
}

/// A file may have the bytes of a folder's manifest, and is another thing all the same.
fn key(content: &Content) -> (Digest, bool) {
    (content.sha256, content.files.is_some())
}

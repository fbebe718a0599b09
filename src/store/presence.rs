//! `Presence`: whether all that some content is made of is in the cache: by a look at where it lies, or to
//! the last byte.

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::pipeline::Content;
use crate::store::cache::Cache;
use crate::store::error::Error;
use crate::store::roster::{MOST_LOOSE, WORTH_IT, Whereabouts};
use crate::store::storing::PACKED_MAX;
use crate::store::tree::{FileContent, Tree};

/// Whether all objects of some content are in the cache. Their bytes are checked only when used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// All of them.
    Whole,
    /// Some or all are missing.
    Missing,
}

/// Where an object is.
enum Home {
    /// In a file of its own.
    Own,
    /// In this pack.
    Pack(Digest),
}

impl Cache {
    /// Returns whether the objects of `content` are all there.
    pub(crate) fn presence(&self, content: &Content) -> Result<Presence, Error> {
        if content.files.is_none() {
            let (digest, size) = (content.sha256, content.size);
            let is_there = self.loose.has(digest, size) || self.has_object(digest, size)?;
            return Ok(presence(is_there));
        }
        if let Some(whereabouts) = self.roster.find(content.sha256) {
            if self.has_all(content.sha256, &whereabouts) {
                return Ok(Presence::Whole);
            }
            self.roster.forget(content.sha256);
        }
        let Ok(tree) = self.tree(content.sha256)? else {
            return Ok(Presence::Missing);
        };
        let Some(whereabouts) = self.locate(&tree)? else {
            return Ok(Presence::Missing);
        };
        if tree.entries().len() >= WORTH_IT && whereabouts.loose.len() <= MOST_LOOSE {
            self.roster.remember(content.sha256, whereabouts);
        }
        Ok(Presence::Whole)
    }

    /// Returns the files that hold the objects of a folder; `None` if one of these is missing.
    fn locate(&self, tree: &Tree) -> Result<Option<Whereabouts>, Error> {
        let files: Vec<FileContent> = tree.files().map(|(_, file)| file).collect();
        let find = |file: &FileContent| {
            Ok(match self.packs.find(file.digest)? {
                Some((pack, length)) if length == file.size => Some(Home::Pack(pack)),
                _ if self.loose.has(file.digest, file.size) => Some(Home::Own),
                _ => None,
            })
        };
        let homes: Result<Vec<Option<Home>>, Error> = files.par_iter().map(find).collect();
        let mut whereabouts = Whereabouts::default();
        for (file, home) in files.into_iter().zip(homes?) {
            match home {
                None => return Ok(None),
                Some(Home::Own) => {
                    whereabouts.loose.insert(file.digest, file.size);
                }
                Some(Home::Pack(pack)) => {
                    whereabouts.packs.entry(pack).or_insert(0);
                }
            }
        }
        for (name, size) in &mut whereabouts.packs {
            let Some(found) = self.packs.size(*name) else {
                return Ok(None);
            };
            *size = found;
        }
        Ok(Some(whereabouts))
    }

    /// Returns whether the manifest of a folder is there, and the files that held its objects.
    fn has_all(&self, manifest: Digest, whereabouts: &Whereabouts) -> bool {
        let has_pack = |(name, size): (&Digest, &u64)| self.packs.size(*name) == Some(*size);
        let has_loose = |(digest, size): (&Digest, &u64)| self.loose.has(*digest, *size);
        self.loose.size(manifest).is_some()
            && whereabouts.packs.iter().all(has_pack)
            && whereabouts.loose.iter().all(has_loose)
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
        Ok(presence(checks?.into_iter().all(|is_good| is_good)))
    }

    /// Returns whether an object of this size is there. Small ones are most likely packed.
    pub(super) fn has_object(&self, digest: Digest, size: u64) -> Result<bool, Error> {
        let is_packed = size <= PACKED_MAX && self.packs.length(digest)? == Some(size);
        Ok(is_packed || self.loose.has(digest, size))
    }

    fn verify_object(&self, digest: Digest) -> Result<bool, Error> {
        match self.loose.check(digest)? {
            Some(true) => return Ok(true),
            Some(false) => self.quarantine(digest)?,
            None => {}
        }
        Ok(self.packed(digest)?.is_ok())
    }
}

fn presence(is_whole: bool) -> Presence {
    if is_whole {
        Presence::Whole
    } else {
        Presence::Missing
    }
}

//! `Placed`: what is known of files that have just been put in place. The index is told, so that the
//! first look at them need not read them.

use std::path::Path;

use rayon::prelude::*;

use crate::base::digest::Digest;
use crate::base::folder::Folder;
use crate::store::cache::Cache;
use crate::store::index::{Index, Known};
use crate::store::scan::inner_name;
use crate::store::stamp::{Stamp, Time};

/// A file that has been put in place, or something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It was written just now, and had no name that others know until it was whole. Its stat stands
    /// for it as soon as the clock has moved on.
    Written(Stamp),
    /// It is an object that has been seen to be what it should, and was not written to lately: its
    /// stat stands for it.
    Linked(Stamp),
    /// Nothing is known that would hold.
    Unknown,
}

/// A file by its path below the folder that was restored, or an empty path if that is a file itself.
pub(super) type PlacedFile<'a> = (&'a str, Digest, Placed);

impl Placed {
    /// Returns what the clock has shown when the file got its name.
    pub(super) fn clock(self) -> Option<Time> {
        match self {
            Self::Written(stamp) => Some(stamp.changed),
            Self::Linked(_) | Self::Unknown => None,
        }
    }

    fn stamp(self) -> Option<Stamp> {
        match self {
            Self::Written(stamp) | Self::Linked(stamp) => Some(stamp),
            Self::Unknown => None,
        }
    }

    /// Returns what is known of it now that its names have changed, and its stat is `now`.
    pub(super) fn restamped(self, now: Option<Stamp>) -> Self {
        let now = now.zip(self.stamp());
        let now = now.filter(|(now, before)| now.is_of_same_content(before));
        match (self, now) {
            (Self::Written(_), Some((now, _))) => Self::Written(now),
            (Self::Linked(_), Some((now, _))) => Self::Linked(now),
            _ => Self::Unknown,
        }
    }

    /// Returns the stamp that stands for it from now on; the clock of its file system has shown
    /// `clock` before others knew of it.
    fn settled(self, clock: Option<Time>) -> Option<Stamp> {
        match self {
            Self::Written(stamp) => stamp.is_settled_at(clock?).then_some(stamp),
            Self::Linked(stamp) => Some(stamp),
            Self::Unknown => None,
        }
    }
}

/// Returns the latest time that the clock of a file system has shown on files that were made one after
/// the other.
pub(super) fn clock_of(files: &[PlacedFile<'_>]) -> Option<Time> {
    files.iter().filter_map(|(_, _, placed)| placed.clock()).max()
}

/// Looks at files anew that have been moved to where they belong in `folder`.
pub(super) fn restamp(files: &mut [PlacedFile<'_>], folder: &Path) {
    let folder = Folder::new(folder.to_owned());
    files.par_iter_mut().for_each(|(inner, _, placed)| {
        let now = folder.stat(inner);
        *placed = placed.restamped(now.as_ref().and_then(Stamp::of_stat));
    });
}

impl Cache {
    /// Tells the index of files that have been put in place at `path` or below it, and of the objects
    /// that they are names of.
    pub(super) fn teach(
        &self,
        index: &Index,
        path: &Path,
        files: &[PlacedFile<'_>],
        clock: Option<Time>,
    ) {
        let Some(top) = index.name_of(path) else {
            return;
        };
        let settled = files.iter().filter_map(|(inner, digest, placed)| {
            let (stamp, digest) = (placed.settled(clock)?, *digest);
            Some((inner_name(top, inner), Known { stamp, digest }))
        });
        index.remember_all(settled);
        let objects = files.iter().filter_map(|(_, digest, placed)| {
            let (Placed::Linked(stamp), digest) = (*placed, *digest) else {
                return None;
            };
            let name = self.loose.name_in(index, digest)?;
            Some((name, Known { stamp, digest }))
        });
        index.remember_all(objects);
    }
}

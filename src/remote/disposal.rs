//! Deleting what was marked long ago, while others push: each lot goes only if it was just looked that
//! no index names it, and if all others have known since before that look that a sweep is under way.

use std::collections::{BTreeMap, HashSet};

use crate::base::digest::Digest;
use crate::remote::backend::Found;
use crate::remote::catalog::Catalog;
use crate::remote::clock::Clock;
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::kept_index::{INDEX, index_path};
use crate::remote::listing::Listing;
use crate::remote::pace::retry_pause;
use crate::remote::parallel::in_parallel;
use crate::remote::sweep::{OldMarks, SweptAway};

/// So many files are deleted before it is looked again who needs what.
const AT_ONCE: usize = 256;

/// How often it is tried again where nothing can be deleted.
const RETRIES: u32 = 4;

/// What the indexes said when it was looked last.
pub(super) struct Look {
    /// The indexes.
    indexes: BTreeMap<Digest, Option<Found>>,
    /// The files that they name.
    needed: HashSet<String>,
}

impl Look {
    /// Returns whether no index names a file.
    pub(super) fn is_free(&self, path: &str) -> bool {
        !self.needed.contains(path)
    }
}

/// What became of a file that was to go.
enum Outcome {
    Gone(String),
    /// Nobody tried: those who wait for us may believe that we are dead.
    Late,
    Failed(Error),
}

impl Depot {
    /// Looks which files indexes name. What was seen before holds if the indexes are still the same.
    pub(super) fn look(&self, before: Option<Look>) -> Result<Look, Error> {
        if let Some(before) = before
            && Listing::read(&self.backend, INDEX)?.files == before.indexes
        {
            return Ok(before);
        }
        let catalog = self.catalog()?;
        self.require_known(&catalog)?;
        let needed = catalog.files().map(|file| file.path).collect();
        let indexes = catalog.listing.files;
        Ok(Look { indexes, needed })
    }

    /// Refuses where an index cannot be read: what it names may be needed.
    pub(super) fn require_known(&self, catalog: &Catalog) -> Result<(), Error> {
        let Some(wreck) = catalog.wrecks.iter().find(|wreck| wreck.good.is_none()) else {
            return Ok(());
        };
        Err(Error::Refused {
            message: format!(
                "`{}` in `{}` is damaged, so who needs what is not known",
                index_path(wreck.name),
                self.url()
            ),
            help: "`mlpipe push` mends it, best from a clone that has used the remote before; nothing \
                   was deleted"
                .to_owned(),
        })
    }

    /// Deletes what was marked long ago and nobody needs, some at a time.
    pub(super) fn delete(
        &self,
        old: &OldMarks,
        clock: &mut Clock<'_>,
        swept: &mut SweptAway,
    ) -> Result<(), Error> {
        let mut rest: Vec<&String> = old.files.keys().collect();
        let (mut before, mut vain) = (None, 0);
        while !rest.is_empty() {
            clock.wind()?;
            let look = self.look(before.take())?;
            rest.retain(|path| look.is_free(path));
            // The look may have taken so long that no time is left by the first winding.
            if rest.is_empty() {
                break;
            }
            if !clock.wind()? {
                return Err(self.too_slow());
            }
            let some = &rest[..rest.len().min(AT_ONCE)];
            let gone = self.delete_some(some, clock, vain == RETRIES)?;
            vain = if gone.is_empty() { vain + 1 } else { 0 };
            if vain > 0 && !self.cancel().pause(retry_pause() * 2_u32.pow(vain)) {
                return Err(Error::Cancelled);
            }
            rest.retain(|path| !gone.contains(*path));
            for path in gone {
                let size = old.files.get(&path).copied().unwrap_or(0);
                swept.deleted.insert(path, size);
            }
            before = Some(look);
        }
        for mark in &old.marks {
            self.backend.remove(mark)?;
        }
        Ok(())
    }

    /// Deletes these files while the clock is fresh; returns which have gone. That none has is an error
    /// where time was short, or where it `is_last` that it is tried.
    fn delete_some(
        &self,
        paths: &[&String],
        clock: &Clock<'_>,
        is_last: bool,
    ) -> Result<HashSet<String>, Error> {
        let remove = |path: &&String| {
            if !clock.is_fresh() {
                return Ok(Outcome::Late);
            }
            // Tried again it would be later than others wait for.
            match self.backend.remove_within(path, Clock::limit()) {
                Ok(()) => Ok(Outcome::Gone((*path).clone())),
                Err(error @ Error::Failed { .. }) => Ok(Outcome::Failed(error)),
                Err(error) => Err(error),
            }
        };
        let (mut gone, mut failure) = (HashSet::new(), None);
        for outcome in in_parallel(self.backend.jobs(), paths, self.cancel(), remove)? {
            match outcome {
                Outcome::Gone(path) => {
                    gone.insert(path);
                }
                Outcome::Late => {}
                Outcome::Failed(error) => failure = Some(error),
            }
        }
        match failure {
            None if gone.is_empty() => Err(self.too_slow()),
            Some(error) if gone.is_empty() && is_last => Err(error),
            _ => Ok(gone),
        }
    }

    fn too_slow(&self) -> Error {
        Error::Refused {
            message: format!(
                "`{}` answers so slowly that nothing can be deleted there while others may push",
                self.url()
            ),
            help: "what is marked stays so: sweep again over a faster line, best after `mlpipe push`, \
                   which puts many indexes into one"
                .to_owned(),
        }
    }
}

//! What lies in a folder of a remote whose files are named by their content: seen by a listing, or for
//! those who cannot list, by a file that names the others.

use std::collections::BTreeMap;

use crate::base::digest::Digest;
use crate::remote::backend::{Backend, Depth, Found};
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::place::Kind;

/// What the file that names the others is called.
const NAMES: &str = "names";

/// No such file is longer.
const LONGEST: u64 = 1 << 30;

/// Each line of it is a digest and its end.
const LINE: u64 = 65;

/// How often it is written again because others have come meanwhile.
const MOST: usize = 8;

/// The files of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// What is known of each; nothing where the other side lists nothing.
    pub(super) files: BTreeMap<Digest, Option<Found>>,
    /// Whether the file that names them seems to name them all.
    pub(super) is_named: bool,
}

/// Returns the digest that a path ends with.
pub(super) fn digest_in(path: &str) -> Option<Digest> {
    let name = path.rsplit('/').next()?;
    name.split('.').next()?.parse().ok()
}

impl Listing {
    /// Looks what is in a folder.
    pub(super) fn read(backend: &Backend, folder: &str) -> Result<Self, Error> {
        let names = format!("{folder}/{NAMES}");
        if backend.kind() == Kind::Http {
            let text = backend.read(&names, LONGEST)?.unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            let files = text.lines().map(|line| Ok((line.parse()?, None)));
            let files = files.collect::<Result<_, <Digest as std::str::FromStr>::Err>>();
            let what = || "it names no files".to_owned();
            return Ok(Self {
                files: files.map_err(|_| backend.wrong(&names, what()))?,
                is_named: true,
            });
        }
        let mut listing = Self::default();
        let mut length = 0;
        for found in backend.list(folder, Depth::Flat)? {
            if let Some(name) = digest_in(&found.path) {
                listing.files.insert(name, Some(found));
            } else if found.path == names {
                length = found.size;
            }
        }
        listing.is_named = length == listing.files.len() as u64 * LINE;
        Ok(listing)
    }
}

impl Depot {
    /// Writes down which files there are in a folder but those that are about to go, until nobody else
    /// has added one meanwhile.
    pub(super) fn write_names(&self, folder: &str, going: &[Digest]) -> Result<(), Error> {
        let names = format!("{folder}/{NAMES}");
        let mut written = None;
        for _ in 0..MOST {
            let listing = Listing::read(&self.backend, folder)?;
            let staying = listing.files.keys().filter(|name| !going.contains(name));
            let text = staying.fold(String::new(), |text, name| text + &name.to_string() + "\n");
            if written.as_ref() == Some(&text) {
                return Ok(());
            }
            self.backend.write(&names, text.clone().into_bytes())?;
            written = Some(text);
        }
        Err(Error::Refused {
            message: format!(
                "others add to `{folder}/` of `{}` again and again, so `{names}` may lack some of it",
                self.url()
            ),
            help: "what was uploaded is there; the next `mlpipe push` or `gc --cloud` writes the list \
                   anew"
                .to_owned(),
        })
    }

    /// Deletes files of a folder that others have taken the place of. First nobody is led to them any
    /// more, then they go: whoever looks meanwhile, or after a kill, finds all that is named.
    pub(super) fn retire(&self, folder: &str, going: &[Digest]) -> Result<(), Error> {
        self.write_names(folder, going)?;
        for name in going {
            self.backend.remove(&format!("{folder}/{name}"))?;
        }
        // Another push may have named them again before they went.
        self.write_names(folder, &[])
    }

    /// Does the same for order's sake alone: where nothing may be deleted, the old files stay, for they
    /// say nothing wrong.
    pub(super) fn tidy(&self, folder: &str, going: &[Digest]) -> Result<(), Error> {
        match self.retire(folder, going) {
            Err(Error::Denied { .. }) => self.write_names(folder, &[]),
            outcome => outcome,
        }
    }
}

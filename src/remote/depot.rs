//! `Depot`: the objects of projects at a remote, in one of its layouts.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::base::cancel::CancelToken;
use crate::base::digest::Digest;
use crate::remote::backend::{Backend, Depth, Found};
use crate::remote::catalog::Catalog;
use crate::remote::error::Error;
use crate::remote::index::Spot;
use crate::remote::layout::{Layout, PACKS};
use crate::remote::listing::digest_in;
use crate::remote::parallel::in_parallel;
use crate::remote::place::{Kind, Options, Place};
use crate::store::{self, Cache};

/// Says of a place that it is a remote, and of which layout.
const MARKER: &str = "mlpipe-remote";

/// The version that is written.
const VERSION: &str = "1";

/// More objects than these are looked for in a listing, if there is one.
const FEW: usize = 50;

/// An object that is to travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Want {
    /// Its digest.
    pub(crate) digest: Digest,
    /// Its size; that of a folder's manifest may not be known.
    pub(crate) size: Option<u64>,
}

impl Want {
    /// Returns whether the cache has it.
    pub(crate) fn is_in(&self, cache: &Cache) -> Result<bool, store::Error> {
        Ok(match self.size {
            Some(size) => cache.holding(self.digest, size)?.is_some(),
            None => cache.size_of(self.digest)?.is_some(),
        })
    }

    /// Returns whether it may be what lies in such a place.
    pub(super) fn may_be_at(&self, spot: &Spot) -> bool {
        self.size.is_none_or(|size| size == spot.length())
    }
}

/// What was seen of a remote without fetching anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// The objects that are there.
    pub(crate) there: HashSet<Digest>,
    /// The paths of indexes that are damaged.
    pub(crate) damaged: Vec<String>,
}

/// What the indexes say of some objects, against what is there.
#[derive(Default)]
pub(super) struct Present {
    /// The objects that are there, and where.
    pub(super) spots: HashMap<Digest, Spot>,
    /// Objects that are not where an index says.
    pub(super) absent: Vec<(Digest, Spot)>,
}

/// A remote with what a project has there.
pub(crate) struct Depot {
    pub(super) backend: Backend,
    pub(super) layout: Layout,
    /// Whose objects are pushed and swept.
    pub(super) project: Digest,
    /// Where what is known of the remote is kept; may be lost.
    pub(super) state: PathBuf,
}

impl Depot {
    /// Opens the remote `name` with these options, as the project at `root` has it. `project` is what
    /// that is called there, and `state` where what is known of the remote is kept.
    pub(crate) fn open(
        (name, options): (&str, &Options),
        root: &Path,
        (project, state): (Digest, &Path),
        cancel: &CancelToken,
    ) -> Result<Self, Error> {
        let layout = match options.get("layout").map(String::as_str) {
            None => Layout::default(),
            Some(text) => Layout::parse(text).ok_or_else(|| Error::Setting {
                message: format!("the remote `{name}` cannot have the layout `{text}`"),
                help: format!("`mlpipe remote modify {name} layout packs`, or `plain`"),
            })?,
        };
        let backend = Backend::open(Place::of_remote(name, options, root)?, cancel)?;
        Ok(Self::new(backend, layout, project, state))
    }

    /// Names a remote's parts. Nothing is asked there yet.
    pub(crate) fn new(backend: Backend, layout: Layout, project: Digest, state: &Path) -> Self {
        let name = Digest::of(backend.url().as_bytes()).short();
        let state = state.join(name);
        Self {
            backend,
            layout,
            project,
            state,
        }
    }

    /// Returns where it is, as people may see it.
    pub(crate) fn url(&self) -> &str {
        self.backend.url()
    }

    /// Returns what tells it to stop.
    pub(super) fn cancel(&self) -> &CancelToken {
        self.backend.cancel()
    }

    /// Looks which of these objects are there. The cache says how big those are whose size no lock names.
    pub(crate) fn survey(&self, wants: &[Want], cache: &Cache) -> Result<Survey, Error> {
        if !self.check_marker()? {
            return Ok(Survey::default());
        }
        match self.layout {
            Layout::Packs => {
                let catalog = self.catalog()?;
                Ok(Survey {
                    there: self
                        .present_by(&catalog, wants)?
                        .spots
                        .into_keys()
                        .collect(),
                    damaged: catalog.damaged(),
                })
            }
            Layout::Plain => Ok(Survey {
                there: self.present_plain(wants, cache)?,
                damaged: Vec::new(),
            }),
        }
    }

    /// Reads the indexes.
    pub(super) fn catalog(&self) -> Result<Catalog, Error> {
        Catalog::load(&self.backend, &self.index_folder(), self.project)
    }

    /// Returns where indexes are kept here.
    pub(super) fn index_folder(&self) -> PathBuf {
        self.state.join("index")
    }

    /// Returns which objects are in a place that the indexes say, and in which. An index alone is not
    /// believed: somebody may have deleted what it names.
    pub(super) fn present_by(&self, catalog: &Catalog, wants: &[Want]) -> Result<Present, Error> {
        let wants: HashSet<Want> = wants.iter().copied().collect();
        let spots = wants.into_iter().flat_map(|want| {
            let spots = catalog.spots(want.digest);
            let spots = spots.filter(move |spot| want.may_be_at(spot));
            spots.map(move |spot| (want.digest, spot))
        });
        let spots: Vec<(Digest, Spot)> = spots.collect();
        let is_packed = |(_, spot): &(Digest, Spot)| matches!(spot, Spot::Pack { .. });
        let packs = if spots.iter().any(is_packed) {
            self.packs()?
        } else {
            HashMap::new()
        };
        let own = spots.iter().filter(|spot| !is_packed(spot));
        let own: Vec<(Digest, u64)> = own.map(|(digest, spot)| (*digest, spot.length())).collect();
        let objects = self.present_objects(&own)?;
        let is_there = |(digest, spot): &(Digest, Spot)| match spot {
            // Who cannot list has to believe the index, and checks what comes.
            Spot::Pack { pack, size, .. } => {
                self.backend.kind() == Kind::Http || packs.get(pack) == Some(size)
            }
            Spot::Own(size) => objects.contains(&(*digest, *size)),
        };
        let mut present = Present::default();
        for (digest, spot) in spots {
            if is_there(&(digest, spot)) {
                present.spots.entry(digest).or_insert(spot);
            } else {
                present.absent.push((digest, spot));
            }
        }
        Ok(present)
    }

    /// Lists the packs with the sizes of their files.
    pub(super) fn packs(&self) -> Result<HashMap<Digest, u64>, Error> {
        if self.backend.kind() == Kind::Http {
            return Ok(HashMap::new());
        }
        let found = self.backend.list(PACKS, Depth::Flat)?;
        let named = found
            .iter()
            .filter_map(|found| Some((digest_in(&found.path)?, found.size)));
        Ok(named.collect())
    }

    /// Returns which of these objects, in files of their own, are there and have the right size; by
    /// a listing or one by one, whatever takes fewer requests.
    pub(super) fn present_objects(
        &self,
        objects: &[(Digest, u64)],
    ) -> Result<HashSet<(Digest, u64)>, Error> {
        if objects.len() > FEW && self.backend.kind() != Kind::Http {
            let found = self.backend.list(self.layout.folder(), Depth::Deep)?;
            let sized = |found: &Found| Some((self.layout.digest_at(&found.path)?, found.size));
            let sizes: HashMap<Digest, u64> = found.iter().filter_map(sized).collect();
            let there = objects
                .iter()
                .filter(|(digest, size)| sizes.get(digest) == Some(size));
            return Ok(there.copied().collect());
        }
        let ask = |(digest, size): &(Digest, u64)| {
            let found = self.backend.stat(&self.layout.path_of(*digest))?;
            let is_there = found.is_some_and(|found| found.size == *size);
            Ok(is_there.then_some((*digest, *size)))
        };
        let found = in_parallel(self.backend.jobs(), objects, self.cancel(), ask)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Looks what kind of remote it is; false if it is none yet.
    pub(super) fn check_marker(&self) -> Result<bool, Error> {
        const LONGEST: u64 = 4096;
        let (url, path) = (self.url().to_owned(), MARKER.to_owned());
        let bytes = match self.backend.read(MARKER, LONGEST) {
            Err(Error::Wrong { .. }) => return Err(Error::Foreign { url, path }),
            bytes => bytes?,
        };
        let Some(bytes) = bytes else {
            return Ok(false);
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(MARKER), Some(VERSION), Some(layout)) => match Layout::parse(layout) {
                Some(found) if found == self.layout => Ok(true),
                Some(found) => Err(Error::OtherLayout {
                    url,
                    found: found.as_str(),
                    wanted: self.layout.as_str(),
                }),
                None => Err(Error::Foreign { url, path }),
            },
            (Some(MARKER), Some(version), _) => Err(Error::Newer {
                url,
                version: version.to_owned(),
            }),
            _ => Err(Error::Foreign { url, path }),
        }
    }

    /// Makes it a remote, unless it is one.
    pub(super) fn ensure_marker(&self) -> Result<(), Error> {
        if self.check_marker()? {
            return Ok(());
        }
        let text = format!("{MARKER} {VERSION} {}\n", self.layout.as_str());
        self.backend.write(MARKER, text.into_bytes())
    }
}

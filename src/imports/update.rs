//! `update`: imported data as it is now, where it came from.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::data::{self, Access};
use crate::imports::donor::Donor;
use crate::imports::error::Error;
use crate::imports::import::{put, record_absent};
use crate::imports::passing::pass_on;
use crate::imports::target::Overwrite;
use crate::imports::web::Origin;
use crate::pipeline::{Content, Source};
use crate::remote::Depot;
use crate::store::{Meter, Presence};
use crate::workspace::{Workspace, keep};

/// Where what an import brings goes.
#[derive(Clone, Copy)]
pub(crate) enum Destination<'a> {
    /// Into the cache and into place.
    Here,
    /// To this remote only, from where it can be pulled.
    Remote(&'a Depot),
    /// Nowhere: it is only noted what is there.
    Nowhere,
}

/// What is to be brought up to date, and how.
pub(crate) struct Wish<'a> {
    /// The paths; all that were imported where there is none.
    pub(crate) paths: &'a [RepoPath],
    /// Another revision of the repositories.
    pub(crate) rev: Option<&'a str>,
    /// Whether what was changed here gives way; a copy is kept.
    pub(crate) overwrite: Overwrite,
    /// Where it goes.
    pub(crate) destination: Destination<'a>,
    /// Whether to look and change nothing.
    pub(crate) is_dry: bool,
}

/// What became of imported data.
#[derive(Debug)]
pub(crate) struct Updated {
    /// Where it is.
    pub(crate) path: RepoPath,
    /// What there was to do; or why it could not be done.
    pub(crate) outcome: Result<Moved, Error>,
}

/// Whether the source has moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It has not.
    Unchanged,
    /// It has other content.
    Content(Content),
    /// It has the same content in another commit.
    Commit,
    /// It has other content, which is at the remote now and not here.
    Sent(Content),
    /// It has, and what it has now was not downloaded.
    Noted,
    /// It has, and nothing was changed here.
    Would,
}

impl Wish<'_> {
    /// Returns whether it is about this import. What cannot be as it is wished is an error where it was
    /// named.
    fn is_about(&self, path: &RepoPath, source: &Source) -> Result<bool, Error> {
        let is_named = self.paths.contains(path);
        let path = path.clone();
        let misfit = match (&source.path, self.rev, self.destination) {
            (None, Some(_), _) => Error::NoRevisions { path },
            (Some(_), _, Destination::Remote(_)) => Error::NotPassed { path },
            _ => return Ok(is_named || self.paths.is_empty()),
        };
        if is_named { Err(misfit) } else { Ok(false) }
    }
}

/// Brings imported data up to date, one after the other; what fails leaves the others alone.
pub(crate) fn update(
    access: &mut Access<'_>,
    workspace: &Workspace,
    wish: &Wish<'_>,
    meter: &Meter,
) -> Result<Vec<Updated>, Error> {
    let sources = workspace.load_lock()?.sources;
    for path in wish.paths {
        if !sources.contains_key(path) {
            let help = did_you_mean(path.as_str(), sources.keys().map(RepoPath::as_str));
            let path = path.clone();
            return Err(Error::NotImported { path, help });
        }
    }
    let mut wanted = Vec::new();
    for (path, source) in &sources {
        if wish.is_about(path, source)? {
            wanted.push((path, source));
        }
    }
    let mut donors: BTreeMap<String, Donor> = BTreeMap::new();
    let mut all = Vec::new();
    for (path, source) in wanted {
        let outcome = update_one(access, workspace, (path, source), wish, &mut donors, meter);
        let path = path.clone();
        all.push(Updated { path, outcome });
    }
    workspace.try_save_index();
    Ok(all)
}

fn update_one(
    access: &mut Access<'_>,
    workspace: &Workspace,
    (path, source): (&RepoPath, &Source),
    wish: &Wish<'_>,
    donors: &mut BTreeMap<String, Donor>,
    meter: &Meter,
) -> Result<Moved, Error> {
    let recorded = access.data.get(path).copied();
    let Some(fresh) = fresh(workspace, source, recorded, wish, donors, meter)? else {
        return Ok(Moved::Unchanged);
    };
    let Fresh { content, source } = fresh;
    if wish.is_dry {
        return Ok(Moved::Would);
    }
    let here = workspace.measure(&AnyPath::from(path.clone()))?;
    let is_here = matches!(wish.destination, Destination::Here);
    if content.is_some() && content == recorded && (here.is_some() || !is_here) {
        workspace.update_sources(|sources| drop(sources.insert(path.clone(), source)))?;
        return Ok(Moved::Commit);
    }
    if here.is_some() && here != recorded && here != content {
        if wish.overwrite == Overwrite::Never {
            let path = path.clone();
            return Err(Error::Edited { path });
        }
        keep(
            workspace,
            &workspace.locate(path),
            &AnyPath::from(path.clone()),
        )?;
    }
    match content {
        Some(content) if is_here => {
            put(workspace, path, &content, meter)?;
            data::adopt(access, &BTreeMap::from([(path.clone(), content)]))?;
            workspace.update_sources(|sources| drop(sources.insert(path.clone(), source)))?;
            Ok(Moved::Content(content))
        }
        content => {
            make_way(workspace, path, recorded)?;
            record_absent(access, workspace, (path, content), &source)?;
            Ok(content.map_or(Moved::Noted, Moved::Sent))
        }
    }
}

/// Takes away what is as recorded, for it would pass for what is not here.
fn make_way(
    workspace: &Workspace,
    path: &RepoPath,
    recorded: Option<Content>,
) -> Result<(), Error> {
    let place = workspace.locate(path);
    if !fs::exists(&place)? {
        return Ok(());
    }
    let is_kept = match recorded {
        Some(content) => workspace.cache.verify(&content)? == Presence::Whole,
        None => false,
    };
    // What `.mlpipeignore` leaves out is in no cache.
    if is_kept && !workspace.has_uncounted(&place)? {
        fs::remove(&place)?;
    } else {
        keep(workspace, &place, &AnyPath::from(path.clone()))?;
    }
    Ok(())
}

/// What a source has that is not what was recorded.
struct Fresh {
    /// The content, which is where it was to go; `None` where nobody has looked at it.
    content: Option<Content>,
    source: Source,
}

/// Asks the source; `None` if it is as it was.
fn fresh(
    workspace: &Workspace,
    source: &Source,
    recorded: Option<Content>,
    wish: &Wish<'_>,
    donors: &mut BTreeMap<String, Donor>,
    meter: &Meter,
) -> Result<Option<Fresh>, Error> {
    // What was lost is brought again, even where the source is as it was.
    let has_all = match (&recorded, wish.destination) {
        (_, Destination::Nowhere) => true,
        (Some(content), Destination::Here) => workspace.cache.presence(content)? == Presence::Whole,
        (recorded, _) => recorded.is_some(),
    };
    let Some(inner) = &source.path else {
        return fresh_of_url(workspace, source, (recorded, has_all), wish, meter);
    };
    let donor = match donors.entry(source.from.clone()) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => new.insert(Donor::open(&source.from, workspace.root())?),
    };
    let rev = wish.rev.or(source.rev.as_deref());
    let stock = donor.at(rev)?;
    if has_all && source.commit.as_ref() == Some(&stock.commit) && rev == source.rev.as_deref() {
        return Ok(None);
    }
    let content = match wish.destination {
        Destination::Nowhere => None,
        _ => Some(stock.bring(&RepoPath::parse(inner)?, &workspace.cache, meter)?),
    };
    let source = Source {
        rev: rev.map(str::to_owned),
        commit: Some(stock.commit),
        ..source.clone()
    };
    Ok(Some(Fresh { content, source }))
}

fn fresh_of_url(
    workspace: &Workspace,
    source: &Source,
    (recorded, has_all): (Option<Content>, bool),
    wish: &Wish<'_>,
    meter: &Meter,
) -> Result<Option<Fresh>, Error> {
    let (root, cancel) = (workspace.root(), CancelToken::default());
    let origin = Origin::open(&source.from, root, Some(workspace.settings()), &cancel)?;
    let parts = origin.settled_parts()?;
    let etag = Origin::etag(&parts);
    if has_all && etag.is_some() && etag == source.etag {
        return Ok(None);
    }
    if matches!(wish.destination, Destination::Nowhere) && etag.is_none() && source.etag.is_none() {
        // Only its bytes tell. Of what nobody has looked at yet, nothing is known to have changed.
        let is_same = recorded.map(|content| origin.has(&parts, &content));
        if is_same.transpose()?.unwrap_or(true) {
            return Ok(None);
        }
    }
    let content = match wish.destination {
        Destination::Here => Some(origin.bring(&parts, &workspace.cache, meter)?),
        Destination::Remote(depot) => Some(pass_on(&origin, &parts, (workspace, depot), meter)?),
        Destination::Nowhere => None,
    };
    let is_same = has_all && content.is_some() && content == recorded && etag == source.etag;
    let source = Source {
        etag,
        ..source.clone()
    };
    Ok((!is_same).then_some(Fresh { content, source }))
}

//! `update`: imported data as it is now, where it came from.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::base::any_path::AnyPath;
use crate::base::cancel::CancelToken;
use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::data::{self, Access};
use crate::imports::donor::Donor;
use crate::imports::error::Error;
use crate::imports::import::put;
use crate::imports::target::Overwrite;
use crate::imports::web::Origin;
use crate::pipeline::{Content, Source};
use crate::store::{Meter, Presence};
use crate::workspace::{Workspace, keep};

/// What is to be brought up to date, and how.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    /// The paths; all that were imported where there is none.
    pub(crate) paths: &'a [RepoPath],
    /// Another revision of the repositories.
    pub(crate) rev: Option<&'a str>,
    /// Whether what was changed here gives way; a copy is kept.
    pub(crate) overwrite: Overwrite,
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
    /// It has, and nothing was changed here.
    Would,
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
    let mut donors: BTreeMap<String, Donor> = BTreeMap::new();
    let mut all = Vec::new();
    for (path, source) in &sources {
        if !wish.paths.is_empty() && !wish.paths.contains(path) {
            continue;
        }
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
    let is_wanted = |content: &Content| Some(*content) != recorded || here.is_none();
    let Some(content) = content.filter(is_wanted) else {
        workspace.update_sources(|sources| drop(sources.insert(path.clone(), source)))?;
        return Ok(Moved::Commit);
    };
    if here.is_some() && here != recorded && here != Some(content) {
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
    put(workspace, path, &content, meter)?;
    data::adopt(access, &BTreeMap::from([(path.clone(), content)]))?;
    workspace.update_sources(|sources| drop(sources.insert(path.clone(), source)))?;
    Ok(Moved::Content(content))
}

/// What a source has that is not what was recorded.
struct Fresh {
    /// The content, which is in the cache; `None` where nobody has looked at it.
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
    let root = workspace.root();
    // What was lost is brought again, even where the source is as it was.
    let is_kept = match &recorded {
        Some(content) => workspace.cache.presence(content)? == Presence::Whole,
        None => false,
    };
    let Some(inner) = &source.path else {
        let cancel = CancelToken::default();
        let origin = Origin::open(&source.from, root, Some(workspace.settings()), &cancel)?;
        let parts = origin.parts()?;
        let etag = Origin::etag(&parts);
        if is_kept && etag.is_some() && etag == source.etag {
            return Ok(None);
        }
        let content = origin.bring(&parts, &workspace.cache, meter)?;
        let is_same = is_kept && Some(content) == recorded && etag == source.etag;
        let source = Source {
            etag,
            ..source.clone()
        };
        let content = Some(content);
        return Ok((!is_same).then_some(Fresh { content, source }));
    };
    let donor = match donors.entry(source.from.clone()) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => new.insert(Donor::open(&source.from, root)?),
    };
    let rev = wish.rev.or(source.rev.as_deref());
    let stock = donor.at(rev)?;
    if is_kept && source.commit.as_ref() == Some(&stock.commit) && rev == source.rev.as_deref() {
        return Ok(None);
    }
    let content = stock.bring(&RepoPath::parse(inner)?, &workspace.cache, meter)?;
    let source = Source {
        rev: rev.map(str::to_owned),
        commit: Some(stock.commit),
        ..source.clone()
    };
    let content = Some(content);
    Ok(Some(Fresh { content, source }))
}

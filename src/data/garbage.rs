//! Collecting garbage: what neither this project nor another one that uses the cache needs.

use std::path::PathBuf;

use crate::base::cancel::CancelToken;
use crate::base::fs;
use crate::data::inventory::{Inventory, Uncached};
use crate::data::needs::{Needs, Unlisted};
use crate::data::refusal::Refusal;
use crate::pipeline::Content;
use crate::scm::{self, Reach};
use crate::store::{LinkType, Meter, Presence, RunRecord, SmallObjects, Swept, project_name};
use crate::workspace::Workspace;

/// Whether anything is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Nothing: it is only said what would be.
    Try,
    /// What nobody needs.
    Delete,
}

/// What is to be collected.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// The commits whose needs are kept, beside those of the workspace.
    pub(crate) reaches: Vec<Reach>,
    /// Whether anything is deleted.
    pub(crate) how: How,
    /// What becomes of tracked folders whose files are not known.
    pub(crate) unlisted: Unlisted,
}

/// What was collected, or would be.
pub(crate) struct Collected {
    /// What goes and what stays in the cache.
    pub(crate) swept: Swept,
    /// How many records of runs go.
    pub(crate) runs_gone: usize,
    /// How many stay.
    pub(crate) runs_kept: usize,
    /// How many folders are needed of which the cache does not know the files.
    pub(crate) unlisted: u64,
    /// What `data.lock` records now and the cache lacks in part or whole, sorted.
    pub(crate) lacking: Vec<String>,
    /// The other projects whose needs were kept.
    pub(crate) mates: Vec<PathBuf>,
    /// The bytes of files of the user's that had to give way and were kept, which nothing deletes.
    pub(crate) set_aside: u64,
}

/// Deletes what nobody needs, or says what that is. Kept is what the workspace needs, what it needed
/// in these commits, and all that other projects may need. `waiting` is told for whom it waits.
pub(crate) fn collect(
    workspace: &Workspace,
    Order {
        reaches,
        how,
        unlisted,
    }: &Order,
    meter: &Meter,
    waiting: &dyn Fn(&str),
) -> Result<Collected, Refusal> {
    refuse_what_cannot_work(workspace, reaches)?;
    let cancel = CancelToken::default();
    let _alone = workspace.enter_alone(&cancel, |holder| waiting(holder))?;
    let cache = &workspace.cache;
    if !fs::exists(&cache.path(""))? {
        return Ok(nothing());
    }
    let sweep = cache.begin_sweep(&cancel, |holders| waiting(&mates_at_work(holders)))?;
    let mut needs = Needs::new(cache);
    needs.add_workspace(workspace, *unlisted)?;
    needs.add_commits(workspace, reaches)?;
    let (mates, small) = add_mates(workspace, &mut needs)?;
    let records = workspace.runs.records()?;
    let (kept, gone) = choose_runs(records, &mates, &mut needs)?;
    if *how == How::Delete {
        // First, so that no record is of something that has gone.
        workspace.runs.replace(&kept, &cache.unfinished())?;
    }
    let swept = match how {
        How::Try => sweep.try_out(&needs.live, small)?,
        How::Delete => sweep.carry_out(&needs.live, small, meter)?,
    };
    Ok(Collected {
        swept,
        runs_gone: gone,
        runs_kept: kept.len(),
        unlisted: needs.unlisted,
        lacking: lacking(workspace)?,
        mates,
        set_aside: size_of(&workspace.state("kept"))?,
    })
}

/// Refuses what would wait for itself, and commits where there are none.
fn refuse_what_cannot_work(workspace: &Workspace, reaches: &[Reach]) -> Result<(), Refusal> {
    if let Some(stage) = workspace.stage_using_cache() {
        return Err(Refusal::Nested { stage });
    }
    if !reaches.is_empty() && workspace.repo()?.is_none() {
        let path = workspace.root().to_owned();
        return Err(scm::Error::NoRepository { path }.into());
    }
    Ok(())
}

/// Says which processes use the cache, as far as the system knows them.
fn mates_at_work(holders: &[u32]) -> String {
    let pids: Vec<String> = holders.iter().map(|pid| format!("pid {pid}, ")).collect();
    format!("{}of a project that uses this cache", pids.concat())
}

fn nothing() -> Collected {
    Collected {
        swept: Swept::default(),
        runs_gone: 0,
        runs_kept: 0,
        unlisted: 0,
        lacking: Vec::new(),
        mates: Vec::new(),
        set_aside: 0,
    }
}

/// Lists what of the workspace the cache lacks.
fn lacking(workspace: &Workspace) -> Result<Vec<String>, Refusal> {
    let uncached = Uncached::here(workspace);
    let inventory = Inventory::of(&workspace.load_lock()?, &uncached);
    let mut lacking = Vec::new();
    for (path, content) in inventory.contents() {
        if workspace.cache.presence(content)? == Presence::Missing {
            lacking.push(path.to_string());
        }
    }
    Ok(lacking)
}

/// Adds what other projects need; returns which they are, and what that means for small objects.
fn add_mates(
    workspace: &Workspace,
    needs: &mut Needs<'_>,
) -> Result<(Vec<PathBuf>, SmallObjects), Refusal> {
    let (mates, damaged) = workspace.cache_mates()?;
    if let Some(name) = damaged.into_iter().next() {
        return Err(Refusal::Registration { name });
    }
    let links = |workspace: &Workspace| {
        let mut types = workspace.settings().cache.types.iter();
        types.any(|kind| matches!(kind, LinkType::Hardlink | LinkType::Symlink))
    };
    let mut are_linked = links(workspace);
    for root in &mates {
        are_linked |= links(&needs.add_mate(root)?);
    }
    let small = if are_linked {
        SmallObjects::Leave
    } else {
        SmallObjects::Pack
    };
    Ok((mates, small))
}

/// Returns the records that stay, and how many go. Those of other projects stay with all that they
/// made; ours while all that they made is needed anyway.
fn choose_runs(
    records: Vec<RunRecord>,
    mates: &[PathBuf],
    needs: &mut Needs<'_>,
) -> Result<(Vec<RunRecord>, usize), Refusal> {
    let mates: Vec<_> = mates.iter().map(|mate| project_name(mate)).collect();
    let is_of_mate = |record: &RunRecord| match record.project {
        Some(project) => mates.contains(&project),
        // The first ones do not say whose they are.
        None => !mates.is_empty(),
    };
    for record in records.iter().filter(|record| is_of_mate(record)) {
        for out in &record.outs {
            needs.add_content(out, "an out of an earlier run")?;
        }
    }
    let count = records.len();
    let is_whole = |outs: &[Content]| outs.iter().all(|out| needs.live.has_whole(out));
    let stays = |record: &RunRecord| is_of_mate(record) || is_whole(&record.outs);
    let kept: Vec<RunRecord> = records.into_iter().filter(stays).collect();
    let gone = count - kept.len();
    Ok((kept, gone))
}

/// Returns the bytes of all files in a folder.
fn size_of(folder: &std::path::Path) -> Result<u64, fs::Error> {
    if !fs::exists(folder)? {
        return Ok(0);
    }
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    let sizes = files.filter_map(|entry| entry.metadata().ok());
    Ok(sizes
        .filter(std::fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum())
}

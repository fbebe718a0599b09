//! Sweeping a remote, in two phases: what our project does not need any more is taken out of its
//! indexes and marked; it is deleted when the mark has stood for a while and still no index names it.
//!
//! What is not in an index of our project is never touched: it is not provably ours.

use std::collections::{BTreeMap, HashSet};

use crate::base::digest::Digest;
use crate::remote::backend::{Depth, UNFINISHED};
use crate::remote::clock::{Clock, is_clock, written};
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::index::{Index, PackEntry};
use crate::remote::kept_index::INDEX;
use crate::remote::layout::{Layout, is_object_path, pack_path};
use crate::remote::listing::digest_in;
use crate::remote::publish::merge;

/// The folder of the marks: each a list of files that are to go.
pub(super) const GONE: &str = "gone";

/// How long a mark stands before its files go, in seconds: longer than any push takes.
pub(crate) const GRACE: i64 = 24 * 60 * 60;

/// No mark is longer.
const LONGEST: u64 = 1 << 28;

/// By so many seconds clocks may differ.
const LEEWAY: i64 = 5 * 60;

/// What was marked long ago.
#[derive(Default)]
pub(super) struct OldMarks {
    /// The marks.
    pub(super) marks: Vec<String>,
    /// The files in them, and other things that nobody uses any more, with their sizes.
    pub(super) files: BTreeMap<String, u64>,
}

/// What was swept, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SweptAway {
    /// Files that nobody needs any more and that are marked from now on, with their sizes.
    pub(crate) marked: BTreeMap<String, u64>,
    /// Objects that nobody needs in packs that others or other objects keep.
    pub(crate) waste: usize,
    /// Files that were marked long ago and are deleted.
    pub(crate) deleted: BTreeMap<String, u64>,
    /// Files that were marked not so long ago.
    pub(crate) waiting: usize,
}

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweeping {
    /// It is only said what would be.
    Try,
    /// Marks are set, and what was marked long ago goes.
    Do,
}

impl Depot {
    /// Sweeps away what our project does not need. `grace` is in seconds.
    pub(crate) fn sweep(
        &self,
        live: &HashSet<Digest>,
        grace: i64,
        how: Sweeping,
    ) -> Result<SweptAway, Error> {
        if self.layout == Layout::Plain {
            return Err(Error::Refused {
                message: format!(
                    "`{}` has the layout `plain`, where nothing says whose an object is",
                    self.url()
                ),
                help: "delete there by hand what you know that nobody needs".to_owned(),
            });
        }
        let mut swept = SweptAway::default();
        if !self.check_marker()? {
            return Ok(swept);
        }
        if how == Sweeping::Try {
            let old = self.marks(seconds_now(), grace, &mut swept)?;
            let (going, needed) = self.going(old, live)?;
            let needed: HashSet<String> = needed.files().map(|file| file.path).collect();
            swept.deleted = going.files;
            swept.deleted.retain(|path, _| !needed.contains(path));
            self.mark(live, how, &mut swept)?;
            return Ok(swept);
        }
        let mut clock = Clock::start(&self.backend)?;
        let outcome = self.sweep_by(&mut clock, live, grace, &mut swept);
        let stopped = clock.stop();
        outcome?;
        stopped?;
        Ok(swept)
    }

    fn sweep_by(
        &self,
        clock: &mut Clock<'_>,
        live: &HashSet<Digest>,
        grace: i64,
        swept: &mut SweptAway,
    ) -> Result<(), Error> {
        // By the clock of the other side, for ours may be wrong.
        let now = clock.time()?;
        self.require_past(now)?;
        let old = self.marks(now, grace, swept)?;
        let (going, needed) = self.going(old, live)?;
        self.claim(&needed)?;
        self.delete(&going, clock, swept)?;
        self.mark(live, Sweeping::Do, swept)
    }

    /// Leaves of the old marks what no index names; returns also what of that is live here.
    fn going(&self, mut old: OldMarks, live: &HashSet<Digest>) -> Result<(OldMarks, Index), Error> {
        let look = self.look(None)?;
        old.files.retain(|path, _| look.is_free(path));
        let needed = self.live_in(old.files.keys().cloned(), live)?;
        Ok((old, needed))
    }

    /// Refuses where files were written later than now: by them no mark would be young.
    fn require_past(&self, now: i64) -> Result<(), Error> {
        for folder in [GONE, INDEX] {
            for found in self.backend.list(folder, Depth::Flat)? {
                let ahead = found.modified.unwrap_or(now) - now;
                if ahead > LEEWAY {
                    let hours = (ahead + 3599) / 3600;
                    return Err(Error::Refused {
                        message: format!(
                            "the clock of `{}` is wrong: `{}` was written up to {hours} h after now",
                            self.url(),
                            found.path
                        ),
                        help: "set the clocks right of the machines that write there; nothing was deleted"
                            .to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Reads the marks, and what lies there unfinished; counts those that have to stand for longer.
    fn marks(&self, now: i64, grace: i64, swept: &mut SweptAway) -> Result<OldMarks, Error> {
        let is_old = |time: i64| now - time >= grace;
        let (mut old, mut young) = (OldMarks::default(), HashSet::new());
        for mark in self.backend.list(GONE, Depth::Flat)? {
            let Some(time) = written(&self.backend, &mark)? else {
                continue;
            };
            let is_old = is_old(time);
            if is_clock(&mark.path) {
                if is_old {
                    old.files.insert(mark.path, mark.size);
                }
                continue;
            }
            let bytes = self.backend.read(&mark.path, LONGEST)?.unwrap_or_default();
            let is_sound = digest_in(&mark.path) == Some(Digest::of(&bytes));
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let lines = text.lines().filter_map(|line| line.split_once(' '));
            let files = lines.map(|(size, path)| (path.to_owned(), size.parse().unwrap_or(0)));
            let files = files.filter(|(path, _)| is_object_path(path));
            if is_old {
                old.marks.push(mark.path);
                // What a damaged mark names may be anything.
                old.files.extend(files.filter(|_| is_sound));
            } else {
                young.extend(files.map(|(path, _)| path));
            }
        }
        for litter in self.backend.list(UNFINISHED, Depth::Flat)? {
            if written(&self.backend, &litter)?.is_some_and(is_old) {
                old.files.insert(litter.path, litter.size);
            }
        }
        // What was needed in between stands for as long as if it had never been marked before.
        old.files.retain(|path, _| !young.contains(path));
        swept.waiting = young.len();
        Ok(old)
    }

    /// Takes what is not live out of our indexes, and marks the files that no index names then.
    fn mark(
        &self,
        live: &HashSet<Digest>,
        how: Sweeping,
        swept: &mut SweptAway,
    ) -> Result<(), Error> {
        let catalog = self.catalog()?;
        self.require_known(&catalog)?;
        let own: Vec<&(Digest, Index)> = catalog.of_project(self.project).collect();
        let all = merge(self.project, own.iter().map(|(_, index)| index));
        let kept = restrict(&all, live);
        if kept.to_text() == all.to_text() {
            return Ok(());
        }
        let others = catalog.indexes.iter().map(|(_, index)| index);
        let others = others.filter(|index| index.project != self.project);
        let needed = others.chain([&kept]).flat_map(Index::files);
        let needed: HashSet<String> = needed.map(|file| file.path).collect();
        let unneeded = all.files().filter(|file| !needed.contains(&file.path));
        swept.marked = unneeded.map(|file| (file.path, file.size)).collect();
        let slots = |index: &Index| {
            index
                .packs
                .iter()
                .map(|pack| pack.slots.len())
                .sum::<usize>()
        };
        let marked_packs = all
            .packs
            .iter()
            .filter(|pack| swept.marked.contains_key(&pack_path(pack.name)));
        let in_marked: usize = marked_packs.map(|pack| pack.slots.len()).sum();
        swept.waste = slots(&all).saturating_sub(slots(&kept) + in_marked);
        if how == Sweeping::Try {
            return Ok(());
        }
        self.mark_files(&swept.marked)?;
        let mut going: Vec<Digest> = own.iter().map(|(name, _)| *name).collect();
        if !kept.is_empty() {
            let name = self.write_index(&kept)?;
            going.retain(|old| *old != name);
        }
        self.retire(INDEX, &going)
    }

    /// Writes down which files are to go, with their sizes.
    fn mark_files(&self, files: &BTreeMap<String, u64>) -> Result<(), Error> {
        if files.is_empty() {
            return Ok(());
        }
        let line = |(path, size): (&String, &u64)| format!("{size} {path}\n");
        let text: String = files.iter().map(line).collect();
        let mark = Digest::of(text.as_bytes());
        self.backend
            .write(&format!("{GONE}/{mark}"), text.into_bytes())
    }
}

fn seconds_now() -> i64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// Leaves out what is not live.
fn restrict(index: &Index, live: &HashSet<Digest>) -> Index {
    let mut kept = Index::new(index.project);
    for pack in &index.packs {
        let slots = pack.slots.iter().filter(|slot| live.contains(&slot.digest));
        let slots: Vec<_> = slots.copied().collect();
        if !slots.is_empty() {
            kept.packs.push(PackEntry {
                slots,
                ..pack.clone()
            });
        }
    }
    let objects = index
        .objects
        .iter()
        .filter(|(digest, _)| live.contains(digest));
    kept.objects = objects.copied().collect();
    kept
}

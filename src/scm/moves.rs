//! Where HEAD was before git moved it: what tells a file that was left behind from one that is new.

use git2::{Oid, Reflog, ReflogEntry};
use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, Hasher};
use crate::scm::repo::Repo;
use crate::scm::revision::Revision;

/// How git calls the moves of HEAD that change the files of the worktree, in the order of git's
/// sources. Of `commit` only merges do.
const MOVES: [&str; 8] = [
    "checkout:",
    "commit (merge):",
    "merge ",
    "pull",
    "rebase",
    "reset:",
    "revert:",
    "cherry-pick:",
];

/// More moves in a row than these are nobody's memory.
const MOST: usize = 16;

/// A move of HEAD's, by its place in git's log of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Milestone {
    /// How many moves the log had when this was the last one.
    count: usize,
    /// Which one it was.
    entry: Digest,
}

/// Which moves of HEAD's are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since<'m> {
    /// All that anybody remembers.
    Ever,
    /// Those after this one.
    Milestone(&'m Milestone),
}

impl Repo {
    /// Returns the last move of HEAD's; `None` where git writes no log.
    pub(crate) fn last_move(&self) -> Option<Milestone> {
        let log = self.git().reflog("HEAD").ok()?;
        Some(Milestone {
            count: log.len(),
            entry: digest(&log.get(0)?),
        })
    }

    /// Returns the commits that HEAD was at since a commit was made here, the latest first, without
    /// the one that it is at.
    ///
    /// What one of them tracked and HEAD does not, git has taken away; what a commit of the user's no
    /// longer tracks, the user has.
    pub(crate) fn left(&self, since: Since<'_>) -> Vec<Revision> {
        // Where git writes no log, nobody knows.
        let Ok(log) = self.git().reflog("HEAD") else {
            return Vec::new();
        };
        let is_move = |message: Option<&[u8]>| {
            let message = message.unwrap_or_default();
            MOVES.iter().any(|way| message.starts_with(way.as_bytes()))
        };
        let mut left: Vec<Oid> = Vec::new();
        let here = log.get(0).map(|entry| entry.id_new());
        let new = match since {
            Since::Ever => log.len(),
            Since::Milestone(milestone) => moves_after(&log, milestone),
        };
        for entry in log.iter().take(new.min(MOST)) {
            if !is_move(entry.message_bytes()) {
                break;
            }
            // What a rebase comes by on its way was never the user's.
            if is_on_the_way(entry.message_bytes().unwrap_or_default()) {
                continue;
            }
            let commit = entry.id_old();
            let is_new = !left.contains(&commit) && Some(commit) != here;
            // A clone comes from nowhere.
            if is_new && !commit.is_zero() {
                left.push(commit);
            }
        }
        let revisions = left.iter().map(|commit| self.revision(&commit.to_string()));
        // What a `gc` of git's has deleted, nobody can look at.
        revisions.flatten().collect()
    }
}

/// Returns how many moves came after a milestone. Where the log no longer has it, none: what was left
/// behind and what is new cannot be told apart.
fn moves_after(log: &Reflog, milestone: &Milestone) -> usize {
    let is_it = |at: usize| {
        log.get(at)
            .is_some_and(|entry| digest(&entry) == milestone.entry)
    };
    // Git drops the oldest ones in time, so the count may tell too much or too little.
    match log.len().checked_sub(milestone.count) {
        Some(new) if is_it(new) => new,
        _ => (0..log.len()).find(|at| is_it(*at)).unwrap_or(0),
    }
}

fn digest(entry: &ReflogEntry<'_>) -> Digest {
    let committer = entry.committer();
    let mut hasher = Hasher::default();
    hasher.update(entry.id_old().as_bytes());
    hasher.update(entry.id_new().as_bytes());
    hasher.update(&committer.when().seconds().to_le_bytes());
    hasher.update(committer.email_bytes());
    hasher.update(entry.message_bytes().unwrap_or_default());
    hasher.digest()
}

/// Returns whether this is a step of a rebase, but for the first one and for giving up: its message is
/// as in `rebase (pick): …`, or `pull --rebase origin (finish): …`.
fn is_on_the_way(message: &[u8]) -> bool {
    let action = message.split(|byte| *byte == b':').next();
    let action = String::from_utf8_lossy(action.unwrap_or_default());
    let step = action
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('));
    let is_rebase = action.starts_with("rebase") || action.starts_with("pull");
    is_rebase && step.is_some_and(|(_, step)| !matches!(step, "start" | "abort"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebase_leaves_only_what_it_starts_from() {
        for (message, is_step) in [
            ("rebase (start): checkout up", false),
            ("rebase (pick): work (start): more", true),
            (
                "pull --rebase origin main (finish): returning to refs/heads/main",
                true,
            ),
            ("rebase (abort): returning to refs/heads/main", false),
            ("pull: Fast-forward", false),
            ("checkout: moving from a to (pick)", false),
        ] {
            assert_eq!(is_on_the_way(message.as_bytes()), is_step, "{message}");
        }
    }
}

//! Where HEAD was before git moved it: what tells a file that was left behind from one that is new.

use git2::Oid;

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

impl Repo {
    /// Returns the commits that HEAD was at since a commit was made here, the latest first, without
    /// the one that it is at.
    ///
    /// What one of them tracked and HEAD does not, git has taken away; what a commit of the user's no
    /// longer tracks, the user has.
    pub(crate) fn left(&self) -> Vec<Revision> {
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
        for entry in log.iter().take(MOST) {
            if !is_move(entry.message_bytes()) {
                break;
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

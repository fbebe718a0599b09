//! `Sticky`: the one comment of a report on a pull request.

use crate::forge::error::Error;
use crate::forge::marker::Marker;
use crate::forge::model::{Author, Comment, Forge};

/// How often a comment is written whose fate is unknown, looking first whether it is there.
const TRIES: usize = 3;

/// What came of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// There was no comment of it.
    Created(Comment),
    /// Its comment has another text now.
    Updated(Comment),
    /// Its comment had this text already.
    Unchanged(Comment),
    /// Its comment is of a newer run, and stays.
    Outdated(Comment),
}

impl Posted {
    /// Returns the comment.
    pub(crate) fn comment(&self) -> &Comment {
        match self {
            Self::Created(comment)
            | Self::Updated(comment)
            | Self::Unchanged(comment)
            | Self::Outdated(comment) => comment,
        }
    }

    /// Returns what was done, in one word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Updated(_) => "updated",
            Self::Unchanged(_) => "unchanged",
            Self::Outdated(_) => "outdated",
        }
    }
}

/// Keeps the comment of a report up to date.
pub(crate) struct Sticky<'a> {
    /// The forge.
    pub(crate) forge: &'a dyn Forge,
    /// The pull request.
    pub(crate) pull: u64,
    /// Which report, and of which run.
    pub(crate) marker: Marker,
}

impl Sticky<'_> {
    /// Makes the comment say `text`, unless a newer run has spoken.
    pub(crate) fn post(&self, text: &str) -> Result<Posted, Error> {
        let body = self.marker.sign(text);
        let author = self.forge.author()?;
        let mut tries = 1;
        loop {
            for comment in self.find(&author)? {
                match self.update(comment, &body) {
                    // One of another program's: which is ours, the forge does not say.
                    Err(error) if error.is_denied() && author == Author::Program => {}
                    Err(error) => return Err(error),
                    Ok(Some(posted)) => return Ok(posted),
                    Ok(None) => {}
                }
            }
            match self.forge.create_comment(self.pull, &body) {
                // Whether it is there now, a look at the list tells.
                Err(Error::Uncertain { .. }) if tries < TRIES => {}
                Err(error) => return Err(error),
                Ok(comment) if tries < TRIES && self.is_second(&author, &comment)? => {
                    self.forge.delete_comment(self.pull, comment.id)?;
                }
                Ok(comment) => return Ok(Posted::Created(comment)),
            }
            tries += 1;
        }
    }

    /// Finds the report's comments among all of them, the oldest first, so that two runs that both
    /// wrote one agree on which they go on with.
    fn find(&self, author: &Author) -> Result<Vec<Comment>, Error> {
        let comments = self.forge.comments(self.pull)?;
        let is_ours = |comment: &Comment| {
            author.wrote(comment) && Marker::find(&self.marker.id, &comment.body).is_some()
        };
        Ok(comments.into_iter().filter(is_ours).collect())
    }

    /// Returns whether another run wrote the report's comment while this one wrote it too.
    fn is_second(&self, author: &Author, created: &Comment) -> Result<bool, Error> {
        let found = self.find(author)?;
        let is_it = |comment: &Comment| comment.id == created.id;
        let is_known = found.iter().any(is_it);
        Ok(is_known && !found.first().is_some_and(is_it))
    }

    /// Updates a comment; `None` where it has gone meanwhile.
    fn update(&self, comment: Comment, body: &str) -> Result<Option<Posted>, Error> {
        if let Some(theirs) = Marker::find(&self.marker.id, &comment.body) {
            // Of another commit the marker changes too: it tells later runs which are older.
            if theirs.sha == self.marker.sha && is_same(&comment.body, body) {
                return Ok(Some(Posted::Unchanged(comment)));
            }
            if self.is_outdated(&theirs)? {
                return Ok(Some(Posted::Outdated(comment)));
            }
        }
        match self.forge.update_comment(self.pull, comment.id, body) {
            Ok(comment) => Ok(Some(Posted::Updated(comment))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns whether the comment is of a newer run. What the branch is at decides; where it is at
    /// neither commit or both are of one commit, the numbers of the runs do.
    fn is_outdated(&self, theirs: &Marker) -> Result<bool, Error> {
        let ours = &self.marker;
        if ours.sha != theirs.sha && !ours.sha.is_empty() && !theirs.sha.is_empty() {
            let pull = self.forge.pull(self.pull)?;
            let is_at = |sha: &str| pull.as_ref().is_some_and(|pull| pull.is_at(sha));
            match (is_at(&ours.sha), is_at(&theirs.sha)) {
                (true, false) => return Ok(false),
                (false, true) => return Ok(true),
                _ => {}
            }
        }
        Ok(ours.is_before(theirs))
    }
}

/// Returns whether two signed texts say the same, but for the marker and what forges change: ends of
/// lines, and space at the end.
fn is_same(one: &str, other: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.trim().lines();
        let mut lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
        lines.pop();
        lines
    };
    lines(one) == lines(other)
}

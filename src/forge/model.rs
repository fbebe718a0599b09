//! `Forge`: what all four forges can do, and the things that it is done with.

use crate::forge::error::Error;
use crate::forge::file_change::FileChange;
use crate::forge::pack::Packer;

/// A forge, and one repository on it.
pub(crate) trait Forge {
    /// Returns who the token belongs to.
    fn author(&self) -> Result<Author, Error>;

    /// Returns all comments on a pull request that are there and people or programs wrote, the
    /// oldest first.
    fn comments(&self, pull: u64) -> Result<Vec<Comment>, Error>;

    /// Writes a comment. Whether it was written may be unknown: then `Error::Uncertain`.
    fn create_comment(&self, pull: u64, body: &str) -> Result<Comment, Error>;

    /// Replaces the text of a comment.
    fn update_comment(&self, pull: u64, id: u64, body: &str) -> Result<Comment, Error>;

    /// Deletes a comment; one that has gone already is fine.
    fn delete_comment(&self, pull: u64, id: u64) -> Result<(), Error>;

    /// Writes a comment on a commit, which cannot be changed later. `None` where the forge has no such
    /// comments.
    fn comment_on_commit(&self, sha: &str, body: &str) -> Result<Option<Comment>, Error>;

    /// Returns a pull request; `None` where there is none of this number.
    fn pull(&self, number: u64) -> Result<Option<Pull>, Error>;

    /// Returns the open pull request of a branch, the newest if there are many. `sha` is the commit
    /// that it must be at, if that matters.
    fn pull_of(&self, head: &Head, sha: Option<&str>) -> Result<Option<Pull>, Error>;

    /// Opens a pull request.
    fn create_pull(&self, new: &NewPull) -> Result<Pull, Error>;

    /// Sets the state of a check on a commit; `known` is what was returned when it was opened.
    /// Returns what the forge calls it, where it has such a thing.
    fn set_check(&self, check: &Check, known: Option<u64>) -> Result<Option<u64>, Error>;

    /// Returns the branch that pull requests go to unless they say another.
    fn default_branch(&self) -> Result<String, Error>;

    /// Returns the commit at the tip of a branch; `None` where there is no such branch.
    fn branch_tip(&self, branch: &str) -> Result<Option<String>, Error>;

    /// Returns a file at the tip of a branch; `None` where there is no such file or branch.
    fn read_file(&self, branch: &str, path: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Writes files to a branch as one commit, none where all of them are as they should be. What
    /// others have committed meanwhile stays.
    fn commit_files(&self, commit: &Commit) -> Result<Written, Error>;

    /// Returns the page of a file at the tip of a branch that serves it as it is.
    fn raw_url(&self, branch: &str, path: &str) -> String;
}

/// Who a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// The user of this name or number, as comments have it.
    Named(String),
    /// Some program: the forge does not tell this token which.
    Program,
    /// Nobody asked, for nothing is sent.
    Nobody,
}

impl Author {
    /// Returns whether a comment is of this author.
    pub(crate) fn wrote(&self, comment: &Comment) -> bool {
        match self {
            Self::Named(name) => *name == comment.author,
            Self::Program => comment.is_by_program,
            Self::Nobody => false,
        }
    }
}

/// A comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comment {
    /// Its number.
    pub(crate) id: u64,
    /// Who wrote it, as [`Author::Named`] has it.
    pub(crate) author: String,
    /// Whether a program wrote it, as far as the forge says.
    pub(crate) is_by_program: bool,
    /// Its text.
    pub(crate) body: String,
    /// Its page; empty where the forge does not say.
    pub(crate) page: String,
}

/// A branch, in the repository or in a fork.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Who owns the repository.
    pub(crate) owner: String,
    /// The branch.
    pub(crate) branch: String,
}

impl Head {
    /// Makes the head of a branch in a repository, whose name begins with its owner's.
    pub(super) fn of(repo: Option<&str>, branch: Option<String>) -> Option<Self> {
        let (owner, _) = repo?.split_once('/')?;
        let owner = owner.to_owned();
        branch.map(|branch| Self { owner, branch })
    }
}

/// A pull or merge request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pull {
    /// Its number.
    pub(crate) number: u64,
    /// The commit at the tip of its branch; Bitbucket shortens it.
    pub(crate) sha: String,
    /// Its page.
    pub(crate) page: String,
}

impl Pull {
    /// Returns whether this commit is the tip of its branch.
    pub(crate) fn is_at(&self, sha: &str) -> bool {
        let is_long = self.sha.len().min(sha.len()) >= 7;
        is_long && (self.sha.starts_with(sha) || sha.starts_with(&*self.sha))
    }
}

/// A pull request to open.
#[derive(Clone, Debug)]
pub(crate) struct NewPull {
    /// Its title.
    pub(crate) title: String,
    /// What it says, as markdown.
    pub(crate) body: String,
    /// The branch in the repository itself that has the change.
    pub(crate) head: String,
    /// The branch that it should go to.
    pub(crate) base: String,
    /// Whether it is not meant to be merged yet.
    pub(crate) is_draft: bool,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// All is well.
    Success,
    /// Nothing is wrong, and something is worth a look.
    Neutral,
    /// Something is wrong.
    Failure,
    /// It was stopped.
    Cancelled,
}

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckState {
    /// It goes on.
    Running,
    /// It has ended.
    Done(Conclusion),
}

/// A check on a commit.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// Its name, by which a repository may require it.
    pub(crate) name: String,
    /// The commit.
    pub(crate) sha: String,
    /// How far it is.
    pub(crate) state: CheckState,
    /// The verdict in one line.
    pub(crate) title: String,
    /// All that there is to say, as markdown.
    pub(crate) summary: String,
    /// The page of the run.
    pub(crate) page: Option<String>,
    /// What may stand beside it, as name and value.
    pub(crate) facts: Vec<(String, String)>,
}

/// Where a branch begins that is not there yet.
#[derive(Clone)]
pub(crate) enum Start {
    /// With no history.
    Orphan(Packer),
    /// At the tip of this branch.
    Branch(String),
}

/// A commit to make.
#[derive(Clone)]
pub(crate) struct Commit {
    /// The branch.
    pub(crate) branch: String,
    /// Where it begins if it is not there yet.
    pub(crate) start: Start,
    /// What was done.
    pub(crate) message: String,
    /// The files; others stay.
    pub(crate) files: Vec<FileChange>,
}

/// What came of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// This commit was made.
    Committed(String),
    /// All files were as they should be.
    Unchanged,
}

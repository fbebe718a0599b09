//! Files on branches of Bitbucket, by the form that its source page uses.

use crate::forge::bitbucket::Bitbucket;
use crate::forge::error::Error;
use crate::forge::model::{Commit, Forge, Start, Written};
use crate::forge::reading::text;
use crate::forge::request::{Request, segment, segments};

/// Returns the commit at the tip of a branch.
pub(super) fn branch_tip(bitbucket: &Bitbucket, branch: &str) -> Result<Option<String>, Error> {
    let path = format!("{}/refs/branches/{}", bitbucket.root, segments(branch));
    let found = bitbucket.client.find(path)?;
    Ok(found.and_then(|branch| text(&branch, "/target/hash")))
}

/// Returns a file at the tip of a branch. Slashes in a branch's name would end it, so it is looked
/// for by its commit.
pub(super) fn read_file(
    bitbucket: &Bitbucket,
    branch: &str,
    path: &str,
) -> Result<Option<Vec<u8>>, Error> {
    match branch_tip(bitbucket, branch)? {
        Some(tip) => read_at(bitbucket, &tip, path),
        None => Ok(None),
    }
}

fn read_at(bitbucket: &Bitbucket, commit: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
    let (commit, path) = (segment(commit), segments(path));
    let path = format!("{}/src/{commit}/{path}", bitbucket.root);
    match bitbucket.client.send(&Request::get(path)) {
        Ok(answer) => Ok(Some(answer.into_bytes())),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a commit; anew where somebody was faster, or where it is not known whether it was made.
pub(super) fn commit_files(bitbucket: &Bitbucket, commit: &Commit) -> Result<Written, Error> {
    match try_commit(bitbucket, commit) {
        Err(Error::Uncertain { .. }) => try_commit(bitbucket, commit),
        Err(error) if error.status() == Some(409) => try_commit(bitbucket, commit),
        outcome => outcome,
    }
}

fn try_commit(bitbucket: &Bitbucket, commit: &Commit) -> Result<Written, Error> {
    let tip = branch_tip(bitbucket, &commit.branch)?;
    let parent = match (&tip, &commit.start) {
        (Some(tip), _) => Some(tip.clone()),
        (None, Start::Branch(branch)) => branch_tip(bitbucket, branch)?,
        (None, Start::Orphan) => branch_tip(bitbucket, &bitbucket.default_branch()?)?,
    };
    let mut fields = vec![
        ("message".to_owned(), commit.message.clone().into_bytes()),
        ("branch".to_owned(), commit.branch.clone().into_bytes()),
    ];
    if let Some(parent) = &parent {
        fields.push(("parents".to_owned(), parent.clone().into_bytes()));
    }
    let plain = fields.len();
    for file in &commit.files {
        let old = match &parent {
            Some(parent) => read_at(bitbucket, parent, &file.path)?,
            None => None,
        };
        if old.as_ref() != Some(&file.content) {
            // A path with a slash before it is never taken for one of the other fields.
            fields.push((format!("/{}", file.path), file.content.clone()));
        }
    }
    if fields.len() == plain && tip.is_some() {
        return Ok(Written::Unchanged);
    }
    let path = format!("{}/src", bitbucket.root);
    bitbucket.client.send(&Request::post_form(path, fields))?;
    let made = branch_tip(bitbucket, &commit.branch)?;
    Ok(Written::Committed(made.unwrap_or_default()))
}

//! Files on branches of Bitbucket, by the form that its source page uses.

use crate::forge::bitbucket::Bitbucket;
use crate::forge::error::Error;
use crate::forge::model::{Commit, Forge, Start, Written};
use crate::forge::pack;
use crate::forge::patience::again_if_late;
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

/// Makes a commit; anew where somebody was faster.
pub(super) fn commit_files(bitbucket: &Bitbucket, commit: &Commit) -> Result<Written, Error> {
    again_if_late(&[409], || try_commit(bitbucket, commit))
}

fn try_commit(bitbucket: &Bitbucket, commit: &Commit) -> Result<Written, Error> {
    let tip = branch_tip(bitbucket, &commit.branch)?;
    let parent = match (&tip, &commit.start) {
        (Some(tip), _) => Some(tip.clone()),
        (None, Start::Branch(branch)) => branch_tip(bitbucket, branch)?,
        (None, Start::Orphan(packer)) => {
            let folder = format!("{}/{}.git", bitbucket.client.git_root(), bitbucket.repo);
            match pack::begin(&bitbucket.client, &folder, commit, *packer)? {
                Some(written) => return Ok(written),
                None => branch_tip(bitbucket, &bitbucket.default_branch()?)?,
            }
        }
    };
    let mut fields = vec![
        ("message".to_owned(), commit.message.clone().into_bytes()),
        ("branch".to_owned(), commit.branch.clone().into_bytes()),
    ];
    // Refused if somebody has moved the branch since.
    if let Some(parent) = &parent {
        fields.push(("parents".to_owned(), parent.clone().into_bytes()));
    }
    let plain = fields.len();
    for file in &commit.files {
        let old = match &parent {
            Some(parent) => read_at(bitbucket, parent, &file.path)?,
            None => None,
        };
        if let Some(content) = file.after(old.as_deref())? {
            // A path with a slash before it is never taken for one of the other fields.
            fields.push((format!("/{}", file.path), content));
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

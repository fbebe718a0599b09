//! Files on branches of GitHub, by git's own objects: only these can begin a branch with no history.

use serde_json::{Value, json};

use crate::forge::error::Error;
use crate::forge::github::Github;
use crate::forge::model::{Commit, Start, Written};
use crate::forge::patience::again_if_late;
use crate::forge::reading::{decode, encode, text};
use crate::forge::request::{Request, segment, segments};

/// Returns the commit at the tip of a branch.
pub(super) fn branch_tip(github: &Github, branch: &str) -> Result<Option<String>, Error> {
    let path = format!("{}/git/ref/heads/{}", github.root, segments(branch));
    match github.client.send(&Request::get(path)) {
        Ok(answer) => Ok(text(&answer.json()?, "/object/sha")),
        // A repository without a commit answers with a conflict.
        Err(error) if error.is_missing() || error.status() == Some(409) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns a file at the tip of a branch.
pub(super) fn read_file(
    github: &Github,
    branch: &str,
    path: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let path = segments(path);
    let path = format!("{}/contents/{path}?ref={}", github.root, segment(branch));
    let Some(file) = github.client.find(path)? else {
        return Ok(None);
    };
    let content = text(&file, "/content");
    if let Some(content) = content {
        return Ok(decode(&content));
    }
    // A file of more than a megabyte comes only by its object.
    let Some(object) = text(&file, "/sha") else {
        return Ok(None);
    };
    let path = format!("{}/git/blobs/{object}", github.root);
    let blob = github.client.send(&Request::get(path))?.json()?;
    Ok(decode(&text(&blob, "/content").unwrap_or_default()))
}

/// Makes a commit; anew on top of what others have committed meanwhile.
pub(super) fn commit_files(github: &Github, commit: &Commit) -> Result<Written, Error> {
    again_if_late(&[409, 422], || try_commit(github, commit))
}

fn try_commit(github: &Github, commit: &Commit) -> Result<Written, Error> {
    let tip = branch_tip(github, &commit.branch)?;
    let parent = match (&tip, &commit.start) {
        (Some(tip), _) => Some(tip.clone()),
        (None, Start::Orphan(_)) => None,
        (None, Start::Branch(branch)) => branch_tip(github, branch)?,
    };
    let old_tree = match &parent {
        Some(parent) => tree_of(github, parent)?,
        None => None,
    };
    let entries = entries(github, commit, parent.as_deref())?;
    if entries.is_empty() && tip.is_some() {
        return Ok(Written::Unchanged);
    }
    let tree = make_tree(github, &entries, old_tree.as_deref())?;
    if old_tree.as_ref() == Some(&tree) && tip.is_some() {
        return Ok(Written::Unchanged);
    }
    let body = json!({
        "message": commit.message,
        "tree": tree,
        "parents": parent.iter().collect::<Vec<_>>(),
    });
    let made = make(github, "commits", body)?;
    let refs = format!("{}/git/refs", github.root);
    let request = if tip.is_some() {
        let path = format!("{refs}/heads/{}", segments(&commit.branch));
        Request::patch(path, json!({"sha": made, "force": false}))
    } else {
        let name = format!("refs/heads/{}", commit.branch);
        Request::post(refs, json!({"ref": name, "sha": made})).repeatable()
    };
    github.client.send(&request)?;
    Ok(Written::Committed(made))
}

fn tree_of(github: &Github, commit: &str) -> Result<Option<String>, Error> {
    let path = format!("{}/git/commits/{commit}", github.root);
    let answer = github.client.send(&Request::get(path))?.json()?;
    Ok(text(&answer, "/tree/sha"))
}

/// Stores the files; those that depend on what was there are made from what `parent` has.
fn entries(github: &Github, commit: &Commit, parent: Option<&str>) -> Result<Vec<Value>, Error> {
    let mut entries = Vec::new();
    for file in &commit.files {
        let old = match parent.filter(|_| file.needs_old()) {
            Some(parent) => read_file(github, parent, &file.path)?,
            None => None,
        };
        let Some(content) = file.after(old.as_deref())? else {
            continue;
        };
        let body = json!({"content": encode(&content), "encoding": "base64"});
        let blob = make(github, "blobs", body)?;
        entries.push(json!({"path": file.path, "mode": "100644", "type": "blob", "sha": blob}));
    }
    Ok(entries)
}

fn make_tree(github: &Github, entries: &[Value], base: Option<&str>) -> Result<String, Error> {
    let mut body = json!({"tree": entries});
    if let Some(base) = base {
        body["base_tree"] = json!(base);
    }
    make(github, "trees", body)
}

/// Makes an object of git's; one that is there already is the same.
fn make(github: &Github, what: &str, body: Value) -> Result<String, Error> {
    let path = format!("{}/git/{what}", github.root);
    let answer = github
        .client
        .send(&Request::post(path, body).repeatable())?;
    Ok(text(&answer.json()?, "/sha").unwrap_or_default())
}

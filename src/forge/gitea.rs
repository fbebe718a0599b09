//! Gitea and Forgejo.

use serde_json::{Value, json};

use crate::forge::client::Client;
use crate::forge::error::Error;
use crate::forge::model::{
    Author, Check, CheckState, Comment, Commit, Conclusion, Forge, Head, NewPull, Pull, Start,
    Written,
};
use crate::forge::pack;
use crate::forge::patience::again_if_late;
use crate::forge::permission::Permission;
use crate::forge::reading::{decode, encode, number, text};
use crate::forge::request::{Request, segment, segments};

/// Who writes with the token that Actions give a run.
const ACTIONS: [&str; 2] = ["gitea-actions", "forgejo-actions"];

/// A repository on Gitea or Forgejo.
pub(crate) struct Gitea {
    client: Client,
    /// `/repos/owner/name`.
    root: String,
    repo: String,
    web: String,
}

impl Gitea {
    /// Makes the forge of a repository, as `owner/name`.
    pub(super) fn new(client: Client, repo: &str, api: &str) -> Self {
        let web = api.trim_end_matches('/').trim_end_matches("/api/v1");
        Self {
            client,
            root: format!("/repos/{repo}"),
            repo: repo.to_owned(),
            web: web.to_owned(),
        }
    }

    fn file(&self, branch: &str, path: &str) -> Result<Option<Value>, Error> {
        let (path, branch) = (segments(path), segment(branch));
        let path = format!("{}/contents/{path}?ref={branch}", self.root);
        self.client.find(path)
    }

    fn try_commit(&self, commit: &Commit) -> Result<Written, Error> {
        let tip = self.branch_tip(&commit.branch)?;
        let start = match (&tip, &commit.start) {
            (Some(_), _) => commit.branch.clone(),
            (None, Start::Branch(branch)) => branch.clone(),
            (None, Start::Orphan(packer)) => {
                let folder = format!("{}/{}.git", self.web, self.repo);
                match pack::begin(&self.client, &folder, commit, *packer)? {
                    Some(written) => return Ok(written),
                    None => self.default_branch()?,
                }
            }
        };
        let mut files = Vec::new();
        for file in &commit.files {
            let old = self.file(&start, &file.path)?;
            let content = old.as_ref().and_then(content_of);
            let Some(content) = file.after(content.as_deref())? else {
                continue;
            };
            let mut change = json!({
                "operation": if old.is_some() { "update" } else { "create" },
                "path": file.path,
                "content": encode(&content),
            });
            if let Some(sha) = old.as_ref().and_then(|old| text(old, "/sha")) {
                change["sha"] = json!(sha);
            }
            files.push(change);
        }
        if files.is_empty() && tip.is_some() {
            return Ok(Written::Unchanged);
        }
        let mut body = json!({"branch": start, "message": commit.message, "files": files});
        if tip.is_none() {
            body["new_branch"] = json!(commit.branch);
        }
        let path = format!("{}/contents", self.root);
        let answer = self.client.send(&Request::post(path, body))?.json()?;
        let made = text(&answer, "/commit/sha").unwrap_or_default();
        Ok(Written::Committed(made))
    }
}

impl Forge for Gitea {
    fn author(&self) -> Result<Author, Error> {
        // The token of Actions is no user's.
        let is_program = |error: &Error| {
            matches!(error.status(), Some(401 | 403 | 404))
                && self.client.variable() == Some("GITHUB_TOKEN")
        };
        self.client.author("/login", is_program)
    }

    fn comments(&self, pull: u64) -> Result<Vec<Comment>, Error> {
        // Forgejo knows no pages here and gives all; Gitea gives all too.
        let path = format!("{}/issues/{pull}/comments", self.root);
        let comments = self.client.list(&path);
        let comments = comments.map_err(|error| error.needing(Permission::Comment))?;
        Ok(comments.iter().filter_map(comment).collect())
    }

    fn create_comment(&self, pull: u64, body: &str) -> Result<Comment, Error> {
        let path = format!("{}/issues/{pull}/comments", self.root);
        let answer = self.client.ask(
            &Request::post(path, json!({"body": body})),
            Permission::Comment,
        )?;
        Ok(comment(&answer).unwrap_or_default())
    }

    fn update_comment(&self, _pull: u64, id: u64, body: &str) -> Result<Comment, Error> {
        let path = format!("{}/issues/comments/{id}", self.root);
        let answer = self.client.ask(
            &Request::patch(path, json!({"body": body})),
            Permission::Comment,
        )?;
        // Where nothing differs it answers with nothing.
        let comment = comment(&answer);
        Ok(comment.unwrap_or(Comment {
            id,
            ..Comment::default()
        }))
    }

    fn delete_comment(&self, _pull: u64, id: u64) -> Result<(), Error> {
        let path = format!("{}/issues/comments/{id}", self.root);
        self.client.delete(path, Permission::Comment)
    }

    fn comment_on_commit(&self, _sha: &str, _body: &str) -> Result<Option<Comment>, Error> {
        Ok(None)
    }

    fn pull(&self, number: u64) -> Result<Option<Pull>, Error> {
        let path = format!("{}/pulls/{number}", self.root);
        let found = self.client.find(path)?;
        Ok(found.and_then(|answer| pull(&answer)))
    }

    /// The list cannot be asked for a branch: all that are open are gone through.
    fn pull_of(&self, head: &Head, sha: Option<&str>) -> Result<Option<Pull>, Error> {
        let path = format!("{}/pulls?state=open&limit=50&page=1", self.root);
        let pulls = self.client.list(&path)?;
        let is_of_head = |value: &&Value| {
            let owner = text(value, "/head/repo/owner/login");
            text(value, "/head/ref").as_ref() == Some(&head.branch)
                && owner.is_none_or(|owner| owner == head.owner)
        };
        let is_meant = |pull: &Pull| sha.is_none_or(|sha| pull.is_at(sha));
        let of_head = pulls.iter().filter(is_of_head);
        Ok(of_head.filter_map(pull).find(is_meant))
    }

    fn create_pull(&self, new: &NewPull) -> Result<Pull, Error> {
        let draft = if new.is_draft { "WIP: " } else { "" };
        let body = json!({
            "title": format!("{draft}{}", new.title),
            "body": new.body,
            "head": new.head,
            "base": new.base,
        });
        let path = format!("{}/pulls", self.root);
        let answer = self
            .client
            .ask(&Request::post(path, body), Permission::Pull)?;
        Ok(pull(&answer).unwrap_or_default())
    }

    fn set_check(&self, check: &Check, _known: Option<u64>) -> Result<Option<u64>, Error> {
        let state = match check.state {
            CheckState::Running => "pending",
            CheckState::Done(Conclusion::Success) => "success",
            CheckState::Done(Conclusion::Neutral) => "warning",
            CheckState::Done(Conclusion::Failure) => "failure",
            CheckState::Done(Conclusion::Cancelled) => "error",
        };
        let mut body = json!({
            "state": state,
            "context": check.name,
            "description": check.title,
        });
        if let Some(page) = &check.page {
            body["target_url"] = json!(page);
        }
        let path = format!("{}/statuses/{}", self.root, check.sha);
        let answer = self.client.send(&Request::post(path, body).repeatable());
        answer
            .map(|_| None)
            .map_err(|error| error.needing(Permission::Check))
    }

    fn default_branch(&self) -> Result<String, Error> {
        let answer = self.client.send(&Request::get(&self.root))?.json()?;
        Ok(text(&answer, "/default_branch").unwrap_or_else(|| "main".to_owned()))
    }

    fn branch_tip(&self, branch: &str) -> Result<Option<String>, Error> {
        let path = format!("{}/branches/{}", self.root, segments(branch));
        let found = self.client.find(path)?;
        Ok(found.and_then(|answer| text(&answer, "/commit/id")))
    }

    fn read_file(&self, branch: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let file = self.file(branch, path)?;
        Ok(file.as_ref().and_then(content_of))
    }

    fn commit_files(&self, commit: &Commit) -> Result<Written, Error> {
        // Who was faster changed a file that was to be changed, or made the branch.
        let written = again_if_late(&[409, 422], || self.try_commit(commit));
        written.map_err(|error| error.needing(Permission::Write))
    }

    fn raw_url(&self, branch: &str, path: &str) -> String {
        format!("{}/{}/raw/branch/{branch}/{path}", self.web, self.repo)
    }
}

/// Returns the content of a file.
fn content_of(file: &Value) -> Option<Vec<u8>> {
    decode(&text(file, "/content").unwrap_or_default())
}

fn comment(value: &Value) -> Option<Comment> {
    let login = text(value, "/user/login").unwrap_or_default();
    Some(Comment {
        id: number(value, "/id")?,
        is_by_program: ACTIONS.contains(&login.as_str()),
        author: login,
        body: text(value, "/body").unwrap_or_default(),
        page: text(value, "/html_url").unwrap_or_default(),
    })
}

fn pull(value: &Value) -> Option<Pull> {
    Some(Pull {
        number: number(value, "/number")?,
        sha: text(value, "/head/sha").unwrap_or_default(),
        page: text(value, "/html_url").unwrap_or_default(),
    })
}

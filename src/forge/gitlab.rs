//! GitLab.

use serde_json::{Value, json};

use crate::forge::client::Client;
use crate::forge::error::Error;
use crate::forge::model::{
    Author, Check, CheckState, Comment, Commit, Conclusion, Forge, Head, NewPull, Pull, Start,
    Written,
};
use crate::forge::pack::{self, Packer};
use crate::forge::patience::again_if_late;
use crate::forge::permission::Permission;
use crate::forge::reading::{decode, encode, number, text};
use crate::forge::request::{Request, segment};

/// The longest description of a status.
const LONGEST_DESCRIPTION: usize = 255;

/// A project on GitLab.
pub(crate) struct Gitlab {
    client: Client,
    /// `/projects/12`, or with its path.
    root: String,
    repo: String,
    web: String,
}

impl Gitlab {
    /// Makes the forge of a project, by its number or path.
    pub(super) fn new(client: Client, repo: &str, api: &str) -> Self {
        let web = api.trim_end_matches('/').trim_end_matches("/api/v4");
        Self {
            client,
            root: format!("/projects/{}", segment(repo)),
            repo: repo.to_owned(),
            web: web.to_owned(),
        }
    }

    fn file(&self, branch: &str, path: &str) -> Result<Option<Value>, Error> {
        let (path, branch) = (segment(path), segment(branch));
        let path = format!("{}/repository/files/{path}?ref={branch}", self.root);
        self.client.find(path)
    }

    fn notes(&self, pull: u64) -> String {
        format!("{}/merge_requests/{pull}/notes", self.root)
    }

    /// Says which files there are to make and which to change.
    fn actions(&self, commit: &Commit, base: &str) -> Result<Vec<Value>, Error> {
        let mut actions = Vec::new();
        for file in &commit.files {
            let old = self.file(base, &file.path)?;
            let content = old.as_ref().and_then(content_of);
            let Some(content) = file.after(content.as_deref())? else {
                continue;
            };
            let mut action = json!({
                "action": if old.is_some() { "update" } else { "create" },
                "file_path": file.path,
                "content": encode(&content),
                "encoding": "base64",
            });
            // Refused if somebody has changed the file since it was read.
            if let Some(last) = old.and_then(|old| text(&old, "/last_commit_id")) {
                action["last_commit_id"] = json!(last);
            }
            actions.push(action);
        }
        Ok(actions)
    }

    /// Begins a branch without a history; the interface for files cannot.
    fn begin(&self, commit: &Commit, packer: Packer) -> Result<Option<Written>, Error> {
        // The project may be known by its number only.
        let project = self.client.send(&Request::get(&self.root))?.json()?;
        let path = text(&project, "/path_with_namespace").unwrap_or_else(|| self.repo.clone());
        let folder = format!("{}/{path}.git", self.web);
        pack::begin(&self.client, &folder, commit, packer)
    }

    fn try_commit(&self, commit: &Commit) -> Result<Written, Error> {
        let tip = self.branch_tip(&commit.branch)?;
        let start = match (&tip, &commit.start) {
            (Some(_), _) => None,
            (None, Start::Branch(branch)) => Some(branch.clone()),
            (None, Start::Orphan(packer)) => match self.begin(commit, *packer)? {
                Some(written) => return Ok(written),
                None => Some(self.default_branch()?),
            },
        };
        let base = start.as_deref().unwrap_or(&commit.branch);
        let actions = self.actions(commit, base)?;
        if actions.is_empty() && tip.is_some() {
            return Ok(Written::Unchanged);
        }
        let mut body = json!({
            "branch": commit.branch,
            "commit_message": commit.message,
            "actions": actions,
        });
        if let Some(start) = &start {
            body["start_branch"] = json!(start);
        }
        let path = format!("{}/repository/commits", self.root);
        let answer = self.client.send(&Request::post(path, body))?.json()?;
        let made = text(&answer, "/id").unwrap_or_default();
        Ok(Written::Committed(made))
    }
}

impl Forge for Gitlab {
    fn author(&self) -> Result<Author, Error> {
        self.client.author("/username", |_| false)
    }

    fn comments(&self, pull: u64) -> Result<Vec<Comment>, Error> {
        // Unless it is told otherwise, the newest come first, 20 at a time.
        let path = format!(
            "{}?sort=asc&order_by=created_at&per_page=100",
            self.notes(pull)
        );
        let notes = self.client.list(&path);
        let notes = notes.map_err(|error| error.needing(Permission::Comment))?;
        let is_written = |note: &&Value| note["system"] != json!(true);
        Ok(notes.iter().filter(is_written).filter_map(note).collect())
    }

    fn create_comment(&self, pull: u64, body: &str) -> Result<Comment, Error> {
        let request = Request::post(self.notes(pull), json!({"body": body}));
        let answer = self.client.ask(&request, Permission::Comment)?;
        Ok(note(&answer).unwrap_or_default())
    }

    fn update_comment(&self, pull: u64, id: u64, body: &str) -> Result<Comment, Error> {
        let path = format!("{}/{id}", self.notes(pull));
        let answer = self.client.ask(
            &Request::put(path, json!({"body": body})),
            Permission::Comment,
        )?;
        Ok(note(&answer).unwrap_or_default())
    }

    fn delete_comment(&self, pull: u64, id: u64) -> Result<(), Error> {
        let path = format!("{}/{id}", self.notes(pull));
        self.client.delete(path, Permission::Comment)
    }

    fn comment_on_commit(&self, sha: &str, body: &str) -> Result<Option<Comment>, Error> {
        let path = format!("{}/repository/commits/{sha}/comments", self.root);
        let answer = self
            .client
            .send(&Request::post(path, json!({"note": body})));
        answer.map_err(|error| error.needing(Permission::Check))?;
        Ok(Some(Comment::default()))
    }

    fn pull(&self, number: u64) -> Result<Option<Pull>, Error> {
        let path = format!("{}/merge_requests/{number}", self.root);
        let found = self.client.find(path)?;
        Ok(found.and_then(|answer| pull(&answer)))
    }

    fn pull_of(&self, head: &Head, sha: Option<&str>) -> Result<Option<Pull>, Error> {
        let path = format!(
            "{}/merge_requests?state=opened&per_page=100&source_branch={}",
            self.root,
            segment(&head.branch)
        );
        let pulls = self.client.list(&path)?;
        let is_meant = |pull: &Pull| sha.is_none_or(|sha| pull.is_at(sha));
        Ok(pulls.iter().filter_map(pull).find(is_meant))
    }

    fn create_pull(&self, new: &NewPull) -> Result<Pull, Error> {
        let draft = if new.is_draft { "Draft: " } else { "" };
        let body = json!({
            "title": format!("{draft}{}", new.title),
            "description": new.body,
            "source_branch": new.head,
            "target_branch": new.base,
        });
        let path = format!("{}/merge_requests", self.root);
        let answer = self
            .client
            .ask(&Request::post(path, body), Permission::Pull)?;
        Ok(pull(&answer).unwrap_or_default())
    }

    fn set_check(&self, check: &Check, _known: Option<u64>) -> Result<Option<u64>, Error> {
        let state = match check.state {
            CheckState::Running => "running",
            CheckState::Done(Conclusion::Success | Conclusion::Neutral) => "success",
            CheckState::Done(Conclusion::Failure) => "failed",
            CheckState::Done(Conclusion::Cancelled) => "canceled",
        };
        let mut body = json!({
            "state": state,
            "name": check.name,
            "description": check.title.chars().take(LONGEST_DESCRIPTION).collect::<String>(),
        });
        if let Some(page) = &check.page {
            body["target_url"] = json!(page);
        }
        let path = format!("{}/statuses/{}", self.root, check.sha);
        match self.client.send(&Request::post(path, body).repeatable()) {
            // It is in this state already.
            Err(error)
                if error
                    .refusal()
                    .is_some_and(|refusal| refusal.says("cannot transition")) =>
            {
                Ok(None)
            }
            outcome => outcome
                .map(|_| None)
                .map_err(|error| error.needing(Permission::Check)),
        }
    }

    fn default_branch(&self) -> Result<String, Error> {
        let answer = self.client.send(&Request::get(&self.root))?.json()?;
        Ok(text(&answer, "/default_branch").unwrap_or_else(|| "main".to_owned()))
    }

    fn branch_tip(&self, branch: &str) -> Result<Option<String>, Error> {
        let path = format!("{}/repository/branches/{}", self.root, segment(branch));
        let found = self.client.find(path)?;
        Ok(found.and_then(|answer| text(&answer, "/commit/id")))
    }

    fn read_file(&self, branch: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let file = self.file(branch, path)?;
        Ok(file.as_ref().and_then(content_of))
    }

    fn commit_files(&self, commit: &Commit) -> Result<Written, Error> {
        // Who was faster made or changed a file, or made the branch: another look knows that.
        let written = again_if_late(&[400, 409], || self.try_commit(commit));
        written.map_err(|error| error.needing(Permission::Write))
    }

    fn raw_url(&self, branch: &str, path: &str) -> String {
        format!("{}/{}/-/raw/{branch}/{path}", self.web, self.repo)
    }
}

/// Returns the content of a file.
fn content_of(file: &Value) -> Option<Vec<u8>> {
    decode(&text(file, "/content").unwrap_or_default())
}

fn note(value: &Value) -> Option<Comment> {
    Some(Comment {
        id: number(value, "/id")?,
        author: text(value, "/author/username").unwrap_or_default(),
        is_by_program: value.pointer("/author/bot") == Some(&json!(true)),
        body: text(value, "/body").unwrap_or_default(),
        page: String::new(),
    })
}

fn pull(value: &Value) -> Option<Pull> {
    Some(Pull {
        number: number(value, "/iid")?,
        sha: text(value, "/sha").unwrap_or_default(),
        page: text(value, "/web_url").unwrap_or_default(),
    })
}

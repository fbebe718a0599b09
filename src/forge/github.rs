//! GitHub and GitHub Enterprise.

use serde_json::{Value, json};

use crate::forge::client::Client;
use crate::forge::error::Error;
use crate::forge::github_files;
use crate::forge::model::{
    Author, Check, CheckState, Comment, Commit, Conclusion, Forge, Head, NewPull, Pull, Written,
};
use crate::forge::permission::Permission;
use crate::forge::reading::{number, text};
use crate::forge::request::{Request, segment};

/// The longest text that a check run takes, in characters.
const LONGEST_SUMMARY: usize = 65_000;

/// The longest description of a status.
const LONGEST_DESCRIPTION: usize = 140;

/// A repository on GitHub.
pub(crate) struct Github {
    pub(super) client: Client,
    /// `/repos/owner/name`.
    pub(super) root: String,
    repo: String,
    api: String,
}

impl Github {
    /// Makes the forge of a repository, as `owner/name`.
    pub(super) fn new(client: Client, repo: &str, api: &str) -> Self {
        Self {
            client,
            root: format!("/repos/{repo}"),
            repo: repo.to_owned(),
            api: api.trim_end_matches('/').to_owned(),
        }
    }

    fn set_check_run(&self, check: &Check, known: Option<u64>) -> Result<Option<u64>, Error> {
        let body = check_run(check);
        let runs = format!("{}/check-runs", self.root);
        let request = match known {
            Some(id) => Request::patch(format!("{runs}/{id}"), body),
            None => Request::post(&runs, body),
        };
        let answer = match self.client.send(&request) {
            // Whether it is there now, a look at the list tells.
            Err(Error::Uncertain { .. }) => match self.check_run(check)? {
                Some(id) => self
                    .client
                    .send(&Request::patch(format!("{runs}/{id}"), check_run(check)))?,
                None => self.client.send(&request)?,
            },
            answer => answer?,
        };
        Ok(answer.json()?["id"].as_u64())
    }

    /// Finds the check run of this name that is not completed.
    fn check_run(&self, check: &Check) -> Result<Option<u64>, Error> {
        let path = format!(
            "{}/commits/{}/check-runs?check_name={}&status=in_progress",
            self.root,
            check.sha,
            segment(&check.name)
        );
        let found = self.client.send(&Request::get(path))?.json()?;
        Ok(found["check_runs"][0]["id"].as_u64())
    }

    /// Sets a status, which tokens may that belong to no app.
    fn set_status(&self, check: &Check) -> Result<(), Error> {
        let state = match check.state {
            CheckState::Running => "pending",
            CheckState::Done(Conclusion::Success | Conclusion::Neutral) => "success",
            CheckState::Done(Conclusion::Failure) => "failure",
            CheckState::Done(Conclusion::Cancelled) => "error",
        };
        let mut body = json!({
            "state": state,
            "context": check.name,
            "description": check.title.chars().take(LONGEST_DESCRIPTION).collect::<String>(),
        });
        if let Some(page) = &check.page {
            body["target_url"] = json!(page);
        }
        let path = format!("{}/statuses/{}", self.root, check.sha);
        self.client.send(&Request::post(path, body).repeatable())?;
        Ok(())
    }
}

impl Forge for Github {
    fn author(&self) -> Result<Author, Error> {
        // The token of Actions, and those of apps, are nobody's; their comments are a bot's.
        let is_program = |error: &Error| matches!(error.status(), Some(403 | 404));
        self.client.author("/login", is_program)
    }

    fn comments(&self, pull: u64) -> Result<Vec<Comment>, Error> {
        let path = format!("{}/issues/{pull}/comments?per_page=100", self.root);
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
        Ok(comment(&answer).unwrap_or_default())
    }

    fn delete_comment(&self, _pull: u64, id: u64) -> Result<(), Error> {
        let path = format!("{}/issues/comments/{id}", self.root);
        self.client.delete(path, Permission::Comment)
    }

    fn comment_on_commit(&self, sha: &str, body: &str) -> Result<Option<Comment>, Error> {
        let path = format!("{}/commits/{sha}/comments", self.root);
        let answer = self.client.ask(
            &Request::post(path, json!({"body": body})),
            Permission::Write,
        )?;
        Ok(Some(comment(&answer).unwrap_or_default()))
    }

    fn pull(&self, number: u64) -> Result<Option<Pull>, Error> {
        let path = format!("{}/pulls/{number}", self.root);
        let found = self.client.find(path)?;
        Ok(found.and_then(|answer| pull(&answer)))
    }

    /// What is asked for by its commit is empty for forks; by its branch it is not.
    fn pull_of(&self, head: &Head, sha: Option<&str>) -> Result<Option<Pull>, Error> {
        let name = format!("{}:{}", head.owner, head.branch);
        let name = segment(&name);
        let path = format!("{}/pulls?state=open&per_page=100&head={name}", self.root);
        let pulls = self.client.list(&path)?;
        let is_meant = |pull: &Pull| sha.is_none_or(|sha| pull.is_at(sha));
        Ok(pulls.iter().filter_map(pull).find(is_meant))
    }

    fn create_pull(&self, new: &NewPull) -> Result<Pull, Error> {
        let body = json!({
            "title": new.title,
            "body": new.body,
            "head": new.head,
            "base": new.base,
            "draft": new.is_draft,
        });
        let path = format!("{}/pulls", self.root);
        let answer = self
            .client
            .ask(&Request::post(path, body), Permission::Pull)?;
        Ok(pull(&answer).unwrap_or_default())
    }

    fn set_check(&self, check: &Check, known: Option<u64>) -> Result<Option<u64>, Error> {
        let outcome = match self.set_check_run(check, known) {
            // Only apps have check runs.
            Err(error)
                if error
                    .refusal()
                    .is_some_and(|refusal| refusal.says("github app")) =>
            {
                self.set_status(check).map(|()| None)
            }
            outcome => outcome,
        };
        outcome.map_err(|error| error.needing(Permission::Check))
    }

    fn default_branch(&self) -> Result<String, Error> {
        let answer = self.client.send(&Request::get(&self.root))?.json()?;
        Ok(text(&answer, "/default_branch").unwrap_or_else(|| "main".to_owned()))
    }

    fn branch_tip(&self, branch: &str) -> Result<Option<String>, Error> {
        github_files::branch_tip(self, branch)
    }

    fn read_file(&self, branch: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        github_files::read_file(self, branch, path)
    }

    fn commit_files(&self, commit: &Commit) -> Result<Written, Error> {
        let written = github_files::commit_files(self, commit);
        written.map_err(|error| error.needing(Permission::Write))
    }

    fn raw_url(&self, branch: &str, path: &str) -> String {
        let repo = &self.repo;
        if self.api == "https://api.github.com" {
            return format!("https://raw.githubusercontent.com/{repo}/{branch}/{path}");
        }
        let web = self.api.trim_end_matches("/api/v3");
        format!("{web}/raw/{repo}/{branch}/{path}")
    }
}

fn comment(value: &Value) -> Option<Comment> {
    let login = text(value, "/user/login").unwrap_or_default();
    Some(Comment {
        id: number(value, "/id")?,
        is_by_program: text(value, "/user/type").as_deref() == Some("Bot"),
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

fn check_run(check: &Check) -> Value {
    let summary: String = check.summary.chars().take(LONGEST_SUMMARY).collect();
    let mut body = json!({
        "name": check.name,
        "head_sha": check.sha,
        "output": {"title": check.title, "summary": summary},
    });
    match check.state {
        CheckState::Running => body["status"] = json!("in_progress"),
        CheckState::Done(conclusion) => {
            body["status"] = json!("completed");
            body["conclusion"] = json!(match conclusion {
                Conclusion::Success => "success",
                Conclusion::Neutral => "neutral",
                Conclusion::Failure => "failure",
                Conclusion::Cancelled => "cancelled",
            });
        }
    }
    if let Some(page) = &check.page {
        body["details_url"] = json!(page);
    }
    body
}

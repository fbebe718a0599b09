//! Bitbucket Cloud.

use serde_json::{Value, json};

use crate::forge::bitbucket_files;
use crate::forge::client::Client;
use crate::forge::error::Error;
use crate::forge::model::{
    Author, Check, CheckState, Comment, Commit, Conclusion, Forge, Head, NewPull, Pull, Written,
};
use crate::forge::permission::Permission;
use crate::forge::reading::{number, text};
use crate::forge::request::{Request, segment};

/// The longest key of a status.
const LONGEST_KEY: usize = 40;

/// The most facts that a report shows.
const MOST_FACTS: usize = 10;

/// A repository on Bitbucket.
pub(crate) struct Bitbucket {
    pub(super) client: Client,
    /// `/repositories/workspace/name`.
    pub(super) root: String,
    pub(super) repo: String,
}

impl Bitbucket {
    /// Makes the forge of a repository, as `workspace/name`.
    pub(super) fn new(client: Client, repo: &str) -> Self {
        Self {
            client,
            root: format!("/repositories/{repo}"),
            repo: repo.to_owned(),
        }
    }

    fn thread(&self, pull: u64) -> String {
        format!("{}/pullrequests/{pull}/comments", self.root)
    }

    /// Sets the status that a repository may require.
    fn status(&self, check: &Check) -> Result<(), Error> {
        let state = match check.state {
            CheckState::Running => "INPROGRESS",
            CheckState::Done(Conclusion::Success | Conclusion::Neutral) => "SUCCESSFUL",
            CheckState::Done(Conclusion::Failure) => "FAILED",
            CheckState::Done(Conclusion::Cancelled) => "STOPPED",
        };
        // A status must have a page.
        let commit = format!("https://bitbucket.org/{}/commits/{}", self.repo, check.sha);
        let body = json!({
            "key": check.name.chars().take(LONGEST_KEY).collect::<String>(),
            "state": state,
            "name": check.name,
            "description": check.title,
            "url": check.page.as_ref().unwrap_or(&commit),
        });
        let path = format!("{}/commit/{}/statuses/build", self.root, check.sha);
        self.client
            .send(&Request::post(path, body).repeatable())
            .map(drop)
    }

    /// Puts the gates' outcome where Bitbucket shows results of tests.
    fn report(&self, check: &Check) -> Result<(), Error> {
        let result = match check.state {
            CheckState::Running => "PENDING",
            CheckState::Done(Conclusion::Success | Conclusion::Neutral) => "PASSED",
            CheckState::Done(Conclusion::Failure | Conclusion::Cancelled) => "FAILED",
        };
        let fact = |(name, value): &(String, String)| match value.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                json!({"title": name, "type": "NUMBER", "value": number})
            }
            _ => json!({"title": name, "type": "TEXT", "value": value}),
        };
        let facts: Vec<Value> = check.facts.iter().take(MOST_FACTS).map(fact).collect();
        let mut body = json!({
            "title": check.name,
            "details": check.title,
            "report_type": "TEST",
            "reporter": "mlpipe",
            "result": result,
            "data": facts,
        });
        if let Some(page) = &check.page {
            body["link"] = json!(page);
        }
        let (root, sha, name) = (&self.root, &check.sha, segment(&check.name));
        let path = format!("{root}/commit/{sha}/reports/{name}");
        self.client.send(&Request::put(path, body)).map(drop)
    }
}

impl Forge for Bitbucket {
    fn author(&self) -> Result<Author, Error> {
        // A repository's own token may not ask who it is; its comments are no person's.
        let is_program = |error: &Error| matches!(error.status(), Some(403 | 404));
        self.client.author("/uuid", is_program)
    }

    fn comments(&self, pull: u64) -> Result<Vec<Comment>, Error> {
        let path = format!("{}?pagelen=100&sort=created_on", self.thread(pull));
        let comments = self.client.list(&path);
        let comments = comments.map_err(|error| error.needing(Permission::Comment))?;
        let is_there = |comment: &&Value| comment["deleted"] != json!(true);
        let there = comments.iter().filter(is_there);
        Ok(there.filter_map(comment).collect())
    }

    fn create_comment(&self, pull: u64, body: &str) -> Result<Comment, Error> {
        let request = Request::post(self.thread(pull), content(body));
        let answer = self.client.ask(&request, Permission::Comment)?;
        Ok(comment(&answer).unwrap_or_default())
    }

    fn update_comment(&self, pull: u64, id: u64, body: &str) -> Result<Comment, Error> {
        let path = format!("{}/{id}", self.thread(pull));
        let answer = self
            .client
            .ask(&Request::put(path, content(body)), Permission::Comment)?;
        Ok(comment(&answer).unwrap_or_default())
    }

    fn delete_comment(&self, pull: u64, id: u64) -> Result<(), Error> {
        let path = format!("{}/{id}", self.thread(pull));
        self.client.delete(path, Permission::Comment)
    }

    fn comment_on_commit(&self, sha: &str, body: &str) -> Result<Option<Comment>, Error> {
        let path = format!("{}/commit/{sha}/comments", self.root);
        let request = Request::post(path, content(body));
        let answer = self.client.ask(&request, Permission::Check)?;
        Ok(Some(comment(&answer).unwrap_or_default()))
    }

    fn pull(&self, number: u64) -> Result<Option<Pull>, Error> {
        let path = format!("{}/pullrequests/{number}", self.root);
        let found = self.client.find(path)?;
        Ok(found.and_then(|answer| pull(&answer)))
    }

    fn pull_of(&self, head: &Head, sha: Option<&str>) -> Result<Option<Pull>, Error> {
        let query = format!(
            "state=\"OPEN\" AND source.branch.name=\"{}\"",
            head.branch.replace('"', "\\\"")
        );
        let query = segment(&query);
        let path = format!("{}/pullrequests?pagelen=50&q={query}", self.root);
        let pulls = self.client.list(&path)?;
        let is_meant = |pull: &Pull| sha.is_none_or(|sha| pull.is_at(sha));
        Ok(pulls.iter().filter_map(pull).find(is_meant))
    }

    fn create_pull(&self, new: &NewPull) -> Result<Pull, Error> {
        let body = json!({
            "title": new.title,
            "description": new.body,
            "source": {"branch": {"name": new.head}},
            "destination": {"branch": {"name": new.base}},
            "draft": new.is_draft,
        });
        let path = format!("{}/pullrequests", self.root);
        let answer = self
            .client
            .ask(&Request::post(path, body), Permission::Pull)?;
        Ok(pull(&answer).unwrap_or_default())
    }

    fn set_check(&self, check: &Check, _known: Option<u64>) -> Result<Option<u64>, Error> {
        // The proxy of Pipelines lets us write reports, and nothing else.
        let status = if self.client.is_proxied() {
            Ok(())
        } else {
            self.status(check)
        };
        status
            .and_then(|()| self.report(check))
            .map(|()| None)
            .map_err(|error| error.needing(Permission::Check))
    }

    fn default_branch(&self) -> Result<String, Error> {
        let answer = self.client.send(&Request::get(&self.root))?.json()?;
        Ok(text(&answer, "/mainbranch/name").unwrap_or_else(|| "main".to_owned()))
    }

    fn branch_tip(&self, branch: &str) -> Result<Option<String>, Error> {
        bitbucket_files::branch_tip(self, branch)
    }

    fn read_file(&self, branch: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        bitbucket_files::read_file(self, branch, path)
    }

    fn commit_files(&self, commit: &Commit) -> Result<Written, Error> {
        let written = bitbucket_files::commit_files(self, commit);
        written.map_err(|error| error.needing(Permission::Write))
    }

    fn raw_url(&self, branch: &str, path: &str) -> String {
        format!("https://bitbucket.org/{}/raw/{branch}/{path}", self.repo)
    }
}

fn content(body: &str) -> Value {
    json!({"content": {"raw": body}})
}

fn comment(value: &Value) -> Option<Comment> {
    Some(Comment {
        id: number(value, "/id")?,
        author: text(value, "/user/uuid").unwrap_or_default(),
        is_by_program: text(value, "/user/type").is_some_and(|kind| kind != "user"),
        body: text(value, "/content/raw").unwrap_or_default(),
        page: text(value, "/links/html/href").unwrap_or_default(),
    })
}

fn pull(value: &Value) -> Option<Pull> {
    Some(Pull {
        number: number(value, "/id")?,
        sha: text(value, "/source/commit/hash").unwrap_or_default(),
        page: text(value, "/links/html/href").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    use url::Url;

    use super::*;
    use crate::forge::client::Mode;
    use crate::forge::kind::Kind;
    use crate::forge::patience::Patience;
    use crate::forge::place::{Access, Connection};

    #[test]
    fn through_the_proxy_of_pipelines_only_the_report_is_written() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(&stream);
            let head: Vec<String> = reader
                .by_ref()
                .lines()
                .map(|line| line.expect("text"))
                .take_while(|line| !line.is_empty())
                .collect();
            (&stream)
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                .expect("written");
            head.join("\n")
        });
        let connection = Connection {
            kind: Kind::Bitbucket,
            api: Url::parse("http://api.bitbucket.org/2.0").expect("a URL"),
            access: Access::Proxy(Url::parse(&proxy).expect("a URL")),
            mode: Mode::Send,
            patience: Patience::default(),
        };
        let client = Client::new(connection, |_| {}).expect("a client");
        let check = Check {
            name: "mlpipe".to_owned(),
            sha: "abc".to_owned(),
            state: CheckState::Running,
            title: "in progress".to_owned(),
            summary: String::new(),
            page: None,
            facts: Vec::new(),
        };
        let set = Bitbucket::new(client, "o/r").set_check(&check, None);
        assert_eq!(set.expect("it is written"), None);
        let head = seen.join().expect("no panic");
        let wanted =
            "PUT http://api.bitbucket.org/2.0/repositories/o/r/commit/abc/reports/mlpipe HTTP/1.1";
        assert_eq!(head.lines().next(), Some(wanted));
        assert!(!head.to_lowercase().contains("authorization"), "{head}");
    }
}

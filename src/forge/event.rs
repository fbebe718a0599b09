//! What the event says that started a run of GitHub's, Gitea's or Forgejo's Actions.

use serde_json::Value;

use crate::forge::ci_env::{Origin, Run};
use crate::forge::model::Head;

/// What an event knows of a pull request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) pull: Option<u64>,
    pub(super) sha: Option<String>,
    pub(super) base_sha: Option<String>,
    pub(super) head: Option<Head>,
    pub(super) origin: Origin,
    /// The run that this one follows.
    pub(super) run: Option<Run>,
}

impl Event {
    /// Reads the payload of the event `name`; `git_ref` is what it happened on.
    pub(super) fn read(name: &str, payload: &Value, git_ref: &str) -> Self {
        match name {
            "workflow_run" => Self::of_workflow_run(payload),
            "issue_comment" => Self::of_issue_comment(payload),
            "merge_group" => Self::of_merge_group(payload),
            _ if payload.get("pull_request").is_some_and(Value::is_object) => {
                Self::of_pull_request(payload)
            }
            _ => Self {
                pull: number_in_ref(git_ref),
                ..Self::default()
            },
        }
    }

    fn of_pull_request(payload: &Value) -> Self {
        let number = number(payload, "/pull_request/number").or_else(|| number(payload, "/number"));
        let own = text(payload, "/repository/full_name");
        let theirs = text(payload, "/pull_request/head/repo/full_name");
        Self {
            pull: number,
            sha: text(payload, "/pull_request/head/sha"),
            base_sha: text(payload, "/pull_request/base/sha"),
            head: head(theirs.as_deref(), text(payload, "/pull_request/head/ref")),
            // A fork that was deleted has no name.
            origin: match (own, theirs) {
                (Some(own), Some(theirs)) if own == theirs => Origin::Own,
                (Some(_), _) => Origin::Fork,
                (None, _) => Origin::Unknown,
            },
            run: None,
        }
    }

    /// Of the run that is followed, the number of its pull request is left to the forge: what the
    /// payload lists is empty for forks.
    fn of_workflow_run(payload: &Value) -> Self {
        let own = text(payload, "/repository/full_name");
        let theirs = text(payload, "/workflow_run/head_repository/full_name");
        let owner = text(payload, "/workflow_run/head_repository/owner/login");
        let repo = theirs.or_else(|| owner.map(|owner| format!("{owner}/")));
        let id = number(payload, "/workflow_run/id");
        let attempt = number(payload, "/workflow_run/run_attempt").unwrap_or(1);
        Self {
            sha: text(payload, "/workflow_run/head_sha"),
            head: head(repo.as_deref(), text(payload, "/workflow_run/head_branch")),
            // This run is one of the repository's own, with its rights, whoever caused it.
            origin: Origin::Own,
            run: id.map(|id| Run { id, attempt }),
            pull: (own.is_some() && own == repo)
                .then(|| number(payload, "/workflow_run/pull_requests/0/number"))
                .flatten(),
            base_sha: None,
        }
    }

    fn of_issue_comment(payload: &Value) -> Self {
        let is_pull = payload.pointer("/issue/pull_request").is_some();
        Self {
            pull: number(payload, "/issue/number").filter(|_| is_pull),
            origin: Origin::Own,
            ..Self::default()
        }
    }

    /// The queue's branch is called `gh-readonly-queue/main/pr-12-0123…`.
    fn of_merge_group(payload: &Value) -> Self {
        let name = text(payload, "/merge_group/head_ref").unwrap_or_default();
        let pull = name.rsplit('/').next().and_then(|last| {
            let digits = last.strip_prefix("pr-")?.split('-').next()?;
            digits.parse().ok()
        });
        Self {
            pull,
            sha: text(payload, "/merge_group/head_sha"),
            base_sha: text(payload, "/merge_group/base_sha"),
            origin: Origin::Own,
            ..Self::default()
        }
    }
}

fn head(repo: Option<&str>, branch: Option<String>) -> Option<Head> {
    let (owner, _) = repo?.split_once('/')?;
    Some(Head {
        owner: owner.to_owned(),
        branch: branch?,
    })
}

/// Returns the number in `refs/pull/12/merge`.
fn number_in_ref(git_ref: &str) -> Option<u64> {
    let rest = git_ref.strip_prefix("refs/pull/")?;
    rest.split('/').next()?.parse().ok()
}

fn text(value: &Value, place: &str) -> Option<String> {
    let text = value.pointer(place)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn number(value: &Value, place: &str) -> Option<u64> {
    value.pointer(place)?.as_u64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_fork_is_told_by_its_repository() {
        let payload = |head: Value| {
            json!({
                "number": 7, "repository": {"full_name": "o/r"},
                "pull_request": {"number": 7, "base": {"sha": "b"}, "head": {"sha": "h", "ref": "x", "repo": head}},
            })
        };
        let read = |head| Event::read("pull_request", &payload(head), "refs/pull/7/merge");
        let own = read(json!({"full_name": "o/r"}));
        assert_eq!((own.pull, own.origin), (Some(7), Origin::Own));
        assert_eq!(own.sha.as_deref(), Some("h"));
        assert_eq!(read(json!({"full_name": "me/r"})).origin, Origin::Fork);
        assert_eq!(read(Value::Null).origin, Origin::Fork);
    }

    #[test]
    fn a_run_that_follows_reports_for_the_first() {
        let payload = json!({
            "repository": {"full_name": "o/r"},
            "workflow_run": {
                "id": 5, "run_attempt": 2, "head_sha": "h", "head_branch": "x", "pull_requests": [],
                "head_repository": {"full_name": "me/r", "owner": {"login": "me"}},
            },
        });
        let event = Event::read("workflow_run", &payload, "refs/heads/main");
        assert_eq!(event.run, Some(Run { id: 5, attempt: 2 }));
        assert_eq!((event.pull, event.origin), (None, Origin::Own));
        let head = event.head.expect("a head");
        assert_eq!((head.owner.as_str(), head.branch.as_str()), ("me", "x"));
    }

    #[test]
    fn other_events_name_their_pull_request_too() {
        let queue = json!({"merge_group": {"head_ref": "refs/heads/gh-readonly-queue/main/pr-12-ab", "head_sha": "h"}});
        assert_eq!(Event::read("merge_group", &queue, "").pull, Some(12));
        let comment = json!({"issue": {"number": 3, "pull_request": {}}});
        assert_eq!(Event::read("issue_comment", &comment, "").pull, Some(3));
        let issue = json!({"issue": {"number": 3}});
        assert_eq!(Event::read("issue_comment", &issue, "").pull, None);
        assert_eq!(
            Event::read("push", &json!({}), "refs/heads/main").pull,
            None
        );
        assert_eq!(
            Event::read("x", &json!({}), "refs/pull/4/merge").pull,
            Some(4)
        );
    }
}

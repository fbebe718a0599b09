//! The git repository around the project.

use crate::base::human;
use crate::base::path::RepoPath;
use crate::doctor::checkup::Aim;
use crate::doctor::finding::{Finding, State, Topic};
use crate::pipeline::LOCK_FILE;
use crate::scm::{self, Repo, Standing};
use crate::workspace::Workspace;

/// Looks at the repository. What is only for people who commit and merge is a note where nobody does,
/// as in CI.
pub(super) fn repository(workspace: &Workspace, aim: Aim, is_ci: bool) -> Vec<Finding> {
    let opened = workspace.repo().and_then(|repo| match repo {
        Some(repo) => Ok(Some((repo.standing()?, repo))),
        None => Ok(None),
    });
    match opened {
        Ok(Some((standing, repo))) => {
            let mut findings = vec![head(&standing, is_ci)];
            let by_hand = [identity(&standing), integration(&standing)];
            findings.extend(by_hand.into_iter().map(|finding| match finding.state {
                State::Warning if is_ci => finding.into_note(),
                _ => finding,
            }));
            findings.push(changes(&repo, aim));
            findings
        }
        Ok(None) => {
            let finding = Finding::fine(Topic::Git, "repository", "there is none here");
            vec![finding.but(
                State::Failure,
                "`git init` makes one; comparing needs commits",
            )]
        }
        Err(error) => vec![unreadable(&error)],
    }
}

fn unreadable(error: &scm::Error) -> Finding {
    let finding = Finding::fine(Topic::Git, "repository", error.to_string());
    finding.but(State::Failure, "`git status` says what is wrong")
}

fn head(standing: &Standing, is_ci: bool) -> Finding {
    let finding = |found: String| Finding::fine(Topic::Git, "history", found);
    let Some(head) = &standing.head else {
        let hint = "`git commit` makes the first: nothing can be compared before";
        return finding("no commit yet".to_owned()).but(State::Warning, hint);
    };
    if standing.is_shallow {
        let hint = if is_ci {
            "check out with the whole history: `fetch-depth: 0` of actions/checkout, `GIT_DEPTH: 0` of \
             GitLab, `clone: depth: full` of Bitbucket"
        } else {
            "`git fetch --unshallow` brings it"
        };
        let found = format!("at {head}, without its older part: no base is found to compare with");
        return finding(found).but(State::Warning, hint);
    }
    finding(format!("at {head}, whole"))
}

fn identity(standing: &Standing) -> Finding {
    let finding = |found: String| Finding::fine(Topic::Git, "identity", found);
    match (&standing.name, &standing.email) {
        (Some(name), Some(email)) => finding(format!("{name} <{email}>")),
        (name, _) => {
            let lacking = if name.is_none() {
                "user.name"
            } else {
                "user.email"
            };
            let hint = format!("`git config --global {lacking} …` says who commits");
            finding(format!("{lacking} is not set")).but(State::Warning, hint)
        }
    }
}

/// What `mlpipe install` puts in.
fn integration(standing: &Standing) -> Finding {
    let missing = standing.hooks.iter().filter(|(_, is_there)| !is_there);
    let mut missing: Vec<String> = missing.map(|(name, _)| (*name).to_owned()).collect();
    if !standing.has_merge_driver {
        missing.insert(0, format!("the merge of {LOCK_FILE}"));
    }
    if missing.is_empty() {
        let found = format!("merge of {LOCK_FILE} and hooks are installed");
        return Finding::fine(Topic::Git, "integration", found);
    }
    let found = format!("not installed: {}", missing.join(", "));
    Finding::fine(Topic::Git, "integration", found)
        .but(State::Warning, "`mlpipe install`, once in each clone")
}

/// Looks for what is not committed: a deploy is of a commit.
fn changes(repo: &Repo, aim: Aim) -> Finding {
    let finding = |found: String| Finding::fine(Topic::Git, "changes", found);
    let looked = repo.modified_files().and_then(|modified| {
        let lock = repo.untracked_files()?;
        let lock = lock.into_iter().filter(|path| path.as_str() == LOCK_FILE);
        Ok(modified.into_iter().chain(lock).collect::<Vec<RepoPath>>())
    });
    let changed = match looked {
        Ok(changed) => changed,
        Err(error) => return unreadable(&error),
    };
    let has_lock = changed.iter().any(|path| path.as_str() == LOCK_FILE);
    let names: Vec<String> = changed.iter().map(ToString::to_string).collect();
    let found = format!("not committed: {}", human::first_of(&names));
    match (aim, has_lock) {
        _ if changed.is_empty() => finding("all is committed".to_owned()),
        (Aim::Deploy, _) => finding(found).but(
            State::Failure,
            "commit it, so that what is deployed can be made again",
        ),
        (Aim::Run, true) => finding(found).but(
            State::Warning,
            format!("commit {LOCK_FILE} together with what it was made of"),
        ),
        (Aim::Run, false) => finding(found).into_note(),
    }
}

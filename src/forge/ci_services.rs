//! What CI systems that belong to no forge say of a run.

use crate::forge::ci_env::{Job, Origin, Run};
use crate::forge::environment::Environment;
use crate::forge::kind::Kind;
use crate::forge::model::Head;

pub(super) fn jenkins(env: &Environment) -> Job {
    let job = Job {
        ci: "jenkins",
        pull: env.number("CHANGE_ID"),
        sha: env.owned("GIT_COMMIT"),
        base: env.owned("CHANGE_TARGET"),
        origin: match (env.text("CHANGE_ID"), env.text("CHANGE_FORK")) {
            (Some(_), Some(_)) => Origin::Fork,
            _ => Origin::Own,
        },
        run: Run::read(env, "BUILD_NUMBER", ""),
        page: env.owned("BUILD_URL"),
        ..Job::default()
    };
    let job = job.located(env.text("CHANGE_URL"), env.text("GIT_URL"));
    let branch = env.any(&["CHANGE_BRANCH", "BRANCH_NAME"]);
    let owner = env.text("CHANGE_FORK").map(|fork| format!("{fork}/"));
    let head = Head::of(owner.as_deref().or(job.repo.as_deref()), branch);
    Job { head, ..job }
}

pub(super) fn azure(env: &Environment) -> Job {
    let job = Job {
        ci: "azure",
        pull: env
            .number("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
            .or_else(|| env.number("SYSTEM_PULLREQUEST_PULLREQUESTID")),
        sha: env.any(&["SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"]),
        base: env.any(&["SYSTEM_PULLREQUEST_TARGETBRANCHNAME"]),
        origin: if env.is_on("SYSTEM_PULLREQUEST_ISFORK") {
            Origin::Fork
        } else {
            Origin::Own
        },
        run: Run::read(env, "BUILD_BUILDID", "SYSTEM_JOBATTEMPT"),
        ..Job::default()
    };
    job.located(None, env.text("BUILD_REPOSITORY_URI"))
}

pub(super) fn circle(env: &Environment) -> Job {
    let job = Job {
        ci: "circleci",
        sha: env.owned("CIRCLE_SHA1"),
        origin: if env.text("CIRCLE_PR_REPONAME").is_some() {
            Origin::Fork
        } else {
            Origin::Unknown
        },
        run: Run::read(env, "CIRCLE_BUILD_NUM", ""),
        page: env.owned("CIRCLE_BUILD_URL"),
        ..Job::default()
    };
    let job = job.located(
        env.text("CIRCLE_PULL_REQUEST"),
        env.text("CIRCLE_REPOSITORY_URL"),
    );
    let head = Head::of(job.repo.as_deref(), env.owned("CIRCLE_BRANCH"));
    Job { head, ..job }
}

pub(super) fn buildkite(env: &Environment) -> Job {
    let job = Job {
        ci: "buildkite",
        pull: env.number("BUILDKITE_PULL_REQUEST"),
        sha: env.owned("BUILDKITE_COMMIT"),
        base: env.owned("BUILDKITE_PULL_REQUEST_BASE_BRANCH"),
        run: Run::read(env, "BUILDKITE_BUILD_NUMBER", "BUILDKITE_RETRY_COUNT"),
        page: env.owned("BUILDKITE_BUILD_URL"),
        ..Job::default()
    };
    let job = job.located(None, env.text("BUILDKITE_REPO"));
    let head = Head::of(job.repo.as_deref(), env.owned("BUILDKITE_BRANCH"));
    Job { head, ..job }
}

pub(super) fn woodpecker(env: &Environment) -> Job {
    let kind = match env.text("CI_FORGE_TYPE") {
        Some("github") => Some(Kind::Github),
        Some("gitlab") => Some(Kind::Gitlab),
        Some("bitbucket") => Some(Kind::Bitbucket),
        Some("gitea" | "forgejo") => Some(Kind::Gitea),
        _ => None,
    };
    let url = env
        .text("CI_FORGE_URL")
        .map(|url| url.trim_end_matches('/'));
    Job {
        ci: "woodpecker",
        kind,
        api: kind.zip(url).map(|(kind, url)| api_at(kind, url)),
        repo: env.owned("CI_REPO"),
        pull: env.number("CI_COMMIT_PULL_REQUEST"),
        sha: env.owned("CI_COMMIT_SHA"),
        base: env.owned("CI_COMMIT_TARGET_BRANCH"),
        head: Head::of(
            env.text("CI_REPO"),
            env.any(&["CI_COMMIT_SOURCE_BRANCH", "CI_COMMIT_BRANCH"]),
        ),
        run: Run::read(env, "CI_PIPELINE_NUMBER", ""),
        page: env.owned("CI_PIPELINE_URL"),
        ..Job::default()
    }
}

pub(super) fn drone(env: &Environment) -> Job {
    let job = Job {
        ci: "drone",
        pull: env.number("DRONE_PULL_REQUEST"),
        sha: env.owned("DRONE_COMMIT_SHA"),
        base: env.owned("DRONE_TARGET_BRANCH"),
        run: Run::read(env, "DRONE_BUILD_NUMBER", ""),
        page: env.owned("DRONE_BUILD_LINK"),
        ..Job::default()
    };
    let job = job.located(
        None,
        env.any(&["DRONE_GIT_HTTP_URL", "DRONE_REMOTE_URL"])
            .as_deref(),
    );
    let head = Head::of(job.repo.as_deref(), env.owned("DRONE_SOURCE_BRANCH"));
    Job { head, ..job }
}

pub(super) fn travis(env: &Environment) -> Job {
    let own = env.text("TRAVIS_REPO_SLUG");
    let theirs = env.text("TRAVIS_PULL_REQUEST_SLUG");
    let job = Job {
        ci: "travis",
        pull: env.number("TRAVIS_PULL_REQUEST"),
        sha: env.any(&["TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT"]),
        origin: match (own, theirs) {
            (Some(own), Some(theirs)) if own != theirs => Origin::Fork,
            _ => Origin::Own,
        },
        run: Run::read(env, "TRAVIS_BUILD_NUMBER", ""),
        page: env.owned("TRAVIS_BUILD_WEB_URL"),
        head: Head::of(
            theirs.or(own),
            env.any(&["TRAVIS_PULL_REQUEST_BRANCH", "TRAVIS_BRANCH"]),
        ),
        ..Job::default()
    };
    let url = own.map(|own| format!("https://github.com/{own}"));
    job.located(None, url.as_deref())
}

/// Returns the address of the interface of the forge whose pages are at `url`.
fn api_at(kind: Kind, url: &str) -> String {
    let (scheme, host) = url.split_once("://").unwrap_or(("https", url));
    let api = kind.api_on(host);
    if scheme == "http" {
        api.replacen("https://", "http://", 1)
    } else {
        api
    }
}

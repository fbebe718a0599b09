//! The variables of each CI system, in the order in which they are asked: Forgejo and Gitea set
//! those of GitHub too.

use serde_json::Value;

use crate::forge::ci_env::{Job, Local, Origin, Run};
use crate::forge::environment::Environment;
use crate::forge::event::Event;
use crate::forge::kind::Kind;
use crate::forge::model::Head;
use crate::forge::remote_url::{PullUrl, RemoteUrl};

/// Finds out which CI system this is and what it says.
pub(super) fn detect(environment: &Environment, event: &Value, local: &Local) -> Job {
    let job = in_ci(environment, event);
    let job = job.unwrap_or_default();
    let Local {
        remote,
        sha,
        branch,
    } = local.clone();
    let job = match (&job.kind, &remote) {
        (None, Some(remote)) => with_remote(job, remote),
        _ => job,
    };
    Job {
        branch: branch.filter(|_| job.ci.is_empty()),
        sha: job.sha.or(sha),
        ..job
    }
}

fn in_ci(env: &Environment, event: &Value) -> Option<Job> {
    if env.is_on("FORGEJO_ACTIONS") {
        return Some(actions(env, event, "forgejo", Kind::Gitea));
    }
    if env.is_on("GITEA_ACTIONS") {
        return Some(actions(env, event, "gitea", Kind::Gitea));
    }
    if env.is_on("GITHUB_ACTIONS") {
        return Some(actions(env, event, "github", Kind::Github));
    }
    if env.is_on("GITLAB_CI") {
        return Some(gitlab(env));
    }
    if env.text("BITBUCKET_BUILD_NUMBER").is_some() {
        return Some(bitbucket(env));
    }
    if env.text("TF_BUILD").is_some() {
        return Some(azure(env));
    }
    if env.is_on("CIRCLECI") {
        return Some(circle(env));
    }
    if env.text("JENKINS_URL").is_some() {
        return Some(jenkins(env));
    }
    if env.is_on("BUILDKITE") {
        return Some(buildkite(env));
    }
    match env.text("CI") {
        Some("woodpecker") => return Some(woodpecker(env)),
        Some("drone") => return Some(drone(env)),
        _ => {}
    }
    if env.is_on("DRONE") {
        return Some(drone(env));
    }
    env.is_on("TRAVIS").then(|| travis(env))
}

fn actions(env: &Environment, payload: &Value, ci: &'static str, kind: Kind) -> Job {
    let name = env.text("GITHUB_EVENT_NAME").unwrap_or_default();
    let git_ref = env.text("GITHUB_REF").unwrap_or_default();
    let event = Event::read(name, payload, git_ref);
    let run = run(env, "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT");
    let (server, repo) = (env.text("GITHUB_SERVER_URL"), env.text("GITHUB_REPOSITORY"));
    let page = server.zip(repo).zip(env.text("GITHUB_RUN_ID"));
    let page = page.map(|((server, repo), id)| format!("{server}/{repo}/actions/runs/{id}"));
    // Of a pull request, this is the commit that CI merged; nobody reviews that one.
    let sha = env.owned("GITHUB_SHA").filter(|_| event.pull.is_none());
    let branch = env
        .text("GITHUB_REF_NAME")
        .filter(|_| git_ref.starts_with("refs/heads/"));
    let pushed = repo
        .and_then(owner_of)
        .zip(branch)
        .map(|(owner, branch)| Head {
            owner: owner.to_owned(),
            branch: branch.to_owned(),
        });
    Job {
        ci,
        kind: Some(kind),
        api: env.owned("GITHUB_API_URL"),
        repo: env.owned("GITHUB_REPOSITORY"),
        pull: event.pull,
        sha: event.sha.or(sha),
        base_sha: event.base_sha,
        base: env.owned("GITHUB_BASE_REF"),
        head: event.head.or(pushed),
        origin: if env.text("GITHUB_ACTOR") == Some("dependabot[bot]") {
            Origin::Fork
        } else {
            event.origin
        },
        run: event.run.or(run),
        page,
        ..Job::default()
    }
}

fn gitlab(env: &Environment) -> Job {
    let (project, source) = (
        env.owned("CI_PROJECT_ID"),
        env.owned("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"),
    );
    let target = env.owned("CI_MERGE_REQUEST_PROJECT_ID");
    // Pipelines of branches name the merge requests that are open: `group/project!12,…`.
    let open = env.text("CI_OPEN_MERGE_REQUESTS").and_then(|open| {
        let own = env.text("CI_PROJECT_PATH");
        let mut open = open.split(',').filter_map(|one| one.split_once('!'));
        let (_, number) = open.find(|(path, _)| own.is_none_or(|own| own == *path))?;
        number.parse().ok()
    });
    Job {
        ci: "gitlab",
        kind: Some(Kind::Gitlab),
        api: env.owned("CI_API_V4_URL"),
        pull: env.number("CI_MERGE_REQUEST_IID").or(open),
        sha: env.any(&["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"]),
        base_sha: env.owned("CI_MERGE_REQUEST_DIFF_BASE_SHA"),
        base: env.any(&["CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_DEFAULT_BRANCH"]),
        head: env
            .any(&["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_BRANCH"])
            .map(|branch| Head {
                owner: source.clone().or(project.clone()).unwrap_or_default(),
                branch,
            }),
        origin: match (&target, &source) {
            (Some(target), Some(source)) if target != source => Origin::Fork,
            _ => Origin::Own,
        },
        repo: target.or(project),
        // A job that is repeated gets another number, its pipeline does not.
        run: run(env, "CI_PIPELINE_ID", "CI_JOB_ID"),
        page: env.any(&["CI_JOB_URL", "CI_PIPELINE_URL"]),
        ..Job::default()
    }
}

fn bitbucket(env: &Environment) -> Job {
    let page = env.text("BITBUCKET_GIT_HTTP_ORIGIN");
    let page = page.zip(env.text("BITBUCKET_BUILD_NUMBER"));
    let repo = env.owned("BITBUCKET_REPO_FULL_NAME");
    Job {
        ci: "bitbucket",
        kind: Some(Kind::Bitbucket),
        api: Some(Kind::Bitbucket.api_on("")),
        pull: env.number("BITBUCKET_PR_ID"),
        sha: env.owned("BITBUCKET_COMMIT"),
        base_sha: env.owned("BITBUCKET_PR_DESTINATION_COMMIT"),
        base: env.owned("BITBUCKET_PR_DESTINATION_BRANCH"),
        head: head(repo.as_deref(), env.owned("BITBUCKET_BRANCH")),
        repo,
        // Pipelines does not run for forks.
        origin: Origin::Own,
        run: run(env, "BITBUCKET_BUILD_NUMBER", "BITBUCKET_STEP_RUN_NUMBER"),
        page: page.map(|(origin, number)| format!("{origin}/pipelines/results/{number}")),
        ..Job::default()
    }
}

fn jenkins(env: &Environment) -> Job {
    let job = Job {
        ci: "jenkins",
        pull: env.number("CHANGE_ID"),
        sha: env.owned("GIT_COMMIT"),
        base: env.owned("CHANGE_TARGET"),
        origin: match (env.text("CHANGE_ID"), env.text("CHANGE_FORK")) {
            (Some(_), Some(_)) => Origin::Fork,
            _ => Origin::Own,
        },
        run: run(env, "BUILD_NUMBER", ""),
        page: env.owned("BUILD_URL"),
        ..Job::default()
    };
    let job = at(job, env.text("CHANGE_URL"), env.text("GIT_URL"));
    let branch = env.any(&["CHANGE_BRANCH", "BRANCH_NAME"]);
    let owner = env.text("CHANGE_FORK").map(|fork| format!("{fork}/"));
    let head = head(owner.as_deref().or(job.repo.as_deref()), branch);
    Job { head, ..job }
}

fn azure(env: &Environment) -> Job {
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
        run: run(env, "BUILD_BUILDID", "SYSTEM_JOBATTEMPT"),
        ..Job::default()
    };
    at(job, None, env.text("BUILD_REPOSITORY_URI"))
}

fn circle(env: &Environment) -> Job {
    let job = Job {
        ci: "circleci",
        sha: env.owned("CIRCLE_SHA1"),
        origin: if env.text("CIRCLE_PR_REPONAME").is_some() {
            Origin::Fork
        } else {
            Origin::Unknown
        },
        run: run(env, "CIRCLE_BUILD_NUM", ""),
        page: env.owned("CIRCLE_BUILD_URL"),
        ..Job::default()
    };
    let job = at(
        job,
        env.text("CIRCLE_PULL_REQUEST"),
        env.text("CIRCLE_REPOSITORY_URL"),
    );
    let head = head(job.repo.as_deref(), env.owned("CIRCLE_BRANCH"));
    Job { head, ..job }
}

fn buildkite(env: &Environment) -> Job {
    let job = Job {
        ci: "buildkite",
        pull: env.number("BUILDKITE_PULL_REQUEST"),
        sha: env.owned("BUILDKITE_COMMIT"),
        base: env.owned("BUILDKITE_PULL_REQUEST_BASE_BRANCH"),
        run: run(env, "BUILDKITE_BUILD_NUMBER", "BUILDKITE_RETRY_COUNT"),
        page: env.owned("BUILDKITE_BUILD_URL"),
        ..Job::default()
    };
    let job = at(job, None, env.text("BUILDKITE_REPO"));
    let head = head(job.repo.as_deref(), env.owned("BUILDKITE_BRANCH"));
    Job { head, ..job }
}

fn woodpecker(env: &Environment) -> Job {
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
        head: head(
            env.text("CI_REPO"),
            env.any(&["CI_COMMIT_SOURCE_BRANCH", "CI_COMMIT_BRANCH"]),
        ),
        run: run(env, "CI_PIPELINE_NUMBER", ""),
        page: env.owned("CI_PIPELINE_URL"),
        ..Job::default()
    }
}

fn drone(env: &Environment) -> Job {
    let job = Job {
        ci: "drone",
        pull: env.number("DRONE_PULL_REQUEST"),
        sha: env.owned("DRONE_COMMIT_SHA"),
        base: env.owned("DRONE_TARGET_BRANCH"),
        run: run(env, "DRONE_BUILD_NUMBER", ""),
        page: env.owned("DRONE_BUILD_LINK"),
        ..Job::default()
    };
    let job = at(
        job,
        None,
        env.any(&["DRONE_GIT_HTTP_URL", "DRONE_REMOTE_URL"])
            .as_deref(),
    );
    let head = head(job.repo.as_deref(), env.owned("DRONE_SOURCE_BRANCH"));
    Job { head, ..job }
}

fn travis(env: &Environment) -> Job {
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
        run: run(env, "TRAVIS_BUILD_NUMBER", ""),
        page: env.owned("TRAVIS_BUILD_WEB_URL"),
        head: head(
            theirs.or(own),
            env.any(&["TRAVIS_PULL_REQUEST_BRANCH", "TRAVIS_BRANCH"]),
        ),
        ..Job::default()
    };
    let url = own.map(|own| format!("https://github.com/{own}"));
    at(job, None, url.as_deref())
}

/// Says where a run's repository is, by the address of its pull request or its own.
fn at(job: Job, pull: Option<&str>, remote: Option<&str>) -> Job {
    if let Some(url) = pull.and_then(PullUrl::parse) {
        let known = Kind::of_known_host(&url.host);
        return Job {
            // An address that only looks like a forge's does not get a token.
            kind: known,
            api: known.map(|kind| kind.api_on(&url.host)),
            host: Some(url.host),
            repo: Some(url.repo),
            pull: job.pull.or(Some(url.number)),
            ..job
        };
    }
    match remote {
        Some(remote) => with_remote(job, remote),
        None => job,
    }
}

fn with_remote(job: Job, remote: &str) -> Job {
    let Some(RemoteUrl { host, path }) = RemoteUrl::parse(remote) else {
        return job;
    };
    let kind = Kind::of_known_host(&host);
    Job {
        kind,
        api: kind.map(|kind| kind.api_on(&host)),
        host: Some(host),
        repo: job.repo.or(Some(path)),
        ..job
    }
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

fn run(env: &Environment, id: &str, attempt: &str) -> Option<Run> {
    let attempt = env.number(attempt).unwrap_or(1);
    env.number(id).map(|id| Run { id, attempt })
}

fn head(repo: Option<&str>, branch: Option<String>) -> Option<Head> {
    let owner = owner_of(repo?)?.to_owned();
    branch.map(|branch| Head { owner, branch })
}

fn owner_of(repo: &str) -> Option<&str> {
    repo.split_once('/').map(|(owner, _)| owner)
}

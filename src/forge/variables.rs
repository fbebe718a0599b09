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

#[cfg(test)]
mod tests {
    use super::*;

    fn job(variables: &[(&str, &str)]) -> Job {
        detect(&Environment::of(variables), &Value::Null, &Local::default())
    }

    fn told(job: &Job) -> (&str, Option<Kind>, &str, Option<u64>, &str) {
        let repo = job.repo.as_deref().unwrap_or_default();
        let sha = job.sha.as_deref().unwrap_or_default();
        (job.ci, job.kind, repo, job.pull, sha)
    }

    #[test]
    fn each_system_is_known_by_its_variables() {
        let github = Some(Kind::Github);
        let azure = job(&[
            ("TF_BUILD", "True"),
            ("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "7"),
            ("SYSTEM_PULLREQUEST_SOURCECOMMITID", "abc"),
            ("BUILD_REPOSITORY_URI", "https://github.com/o/r"),
            ("SYSTEM_PULLREQUEST_ISFORK", "False"),
        ]);
        assert_eq!(told(&azure), ("azure", github, "o/r", Some(7), "abc"));
        assert_eq!(azure.origin, Origin::Own);
        let circle = job(&[
            ("CIRCLECI", "true"),
            ("CI", "true"),
            ("CIRCLE_PULL_REQUEST", "https://github.com/o/r/pull/8"),
            ("CIRCLE_SHA1", "abc"),
        ]);
        assert_eq!(told(&circle), ("circleci", github, "o/r", Some(8), "abc"));
        let buildkite = job(&[
            ("BUILDKITE", "true"),
            ("BUILDKITE_PULL_REQUEST", "false"),
            ("BUILDKITE_COMMIT", "abc"),
            ("BUILDKITE_REPO", "git@gitlab.com:g/p.git"),
        ]);
        let gitlab = Some(Kind::Gitlab);
        assert_eq!(told(&buildkite), ("buildkite", gitlab, "g/p", None, "abc"));
        let woodpecker = job(&[
            ("CI", "woodpecker"),
            ("CI_FORGE_TYPE", "forgejo"),
            ("CI_FORGE_URL", "https://git.example/"),
            ("CI_REPO", "o/r"),
            ("CI_COMMIT_PULL_REQUEST", "9"),
            ("CI_COMMIT_SHA", "abc"),
        ]);
        let gitea = Some(Kind::Gitea);
        assert_eq!(
            told(&woodpecker),
            ("woodpecker", gitea, "o/r", Some(9), "abc")
        );
        assert_eq!(
            woodpecker.api.as_deref(),
            Some("https://git.example/api/v1")
        );
        let drone = job(&[
            ("DRONE", "true"),
            ("DRONE_PULL_REQUEST", "3"),
            ("DRONE_COMMIT_SHA", "abc"),
            ("DRONE_GIT_HTTP_URL", "https://codeberg.org/o/r.git"),
        ]);
        assert_eq!(told(&drone), ("drone", gitea, "o/r", Some(3), "abc"));
        let travis = job(&[
            ("TRAVIS", "true"),
            ("TRAVIS_REPO_SLUG", "o/r"),
            ("TRAVIS_PULL_REQUEST", "4"),
            ("TRAVIS_PULL_REQUEST_SLUG", "me/r"),
            ("TRAVIS_PULL_REQUEST_SHA", "abc"),
        ]);
        assert_eq!(told(&travis), ("travis", github, "o/r", Some(4), "abc"));
        assert_eq!(travis.origin, Origin::Fork);
    }

    #[test]
    fn those_that_set_the_variables_of_github_come_first() {
        let both = [("GITHUB_ACTIONS", "true"), ("FORGEJO_ACTIONS", "true")];
        assert_eq!(job(&both).ci, "forgejo");
        assert_eq!(job(&both).kind, Some(Kind::Gitea));
        assert_eq!(job(&both[..1]).ci, "github");
    }

    #[test]
    fn a_merge_request_is_told_in_pipelines_of_branches_too() {
        let variables = [
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_ID", "77"),
            ("CI_PROJECT_PATH", "g/p"),
            ("CI_OPEN_MERGE_REQUESTS", "other/p!3,g/p!12"),
            ("CI_COMMIT_SHA", "abc"),
        ];
        let gitlab = Some(Kind::Gitlab);
        assert_eq!(
            told(&job(&variables)),
            ("gitlab", gitlab, "77", Some(12), "abc")
        );
        let fork = job(&[
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_ID", "99"),
            ("CI_MERGE_REQUEST_PROJECT_ID", "77"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "99"),
            ("CI_MERGE_REQUEST_IID", "5"),
        ]);
        assert_eq!(
            (fork.repo.as_deref(), fork.origin),
            (Some("77"), Origin::Fork)
        );
    }

    #[test]
    fn jenkins_names_its_forge_by_the_address_of_the_change() {
        let jenkins = job(&[
            ("JENKINS_URL", "https://ci.example"),
            ("CHANGE_ID", "5"),
            ("CHANGE_URL", "https://bitbucket.org/w/s/pull-requests/5"),
            ("CHANGE_FORK", "me"),
            ("CHANGE_BRANCH", "x"),
            ("GIT_COMMIT", "abc"),
        ]);
        let bitbucket = Some(Kind::Bitbucket);
        assert_eq!(
            told(&jenkins),
            ("jenkins", bitbucket, "w/s", Some(5), "abc")
        );
        assert_eq!(jenkins.origin, Origin::Fork);
        let own = job(&[
            ("JENKINS_URL", "https://ci.example"),
            ("CHANGE_URL", "https://git.example/g/p/-/merge_requests/6"),
        ]);
        // Where its token may go, the user has to say.
        assert_eq!((own.kind, own.host.as_deref()), (None, Some("git.example")));
        assert_eq!((own.repo.as_deref(), own.pull), (Some("g/p"), Some(6)));
    }

    #[test]
    fn outside_of_ci_git_says_it() {
        let local = Local {
            remote: Some("git@github.com:o/r.git".to_owned()),
            sha: Some("abc".to_owned()),
            branch: Some("x".to_owned()),
        };
        let job = detect(&Environment::of(&[]), &Value::Null, &local);
        assert_eq!(told(&job), ("", Some(Kind::Github), "o/r", None, "abc"));
        assert_eq!(job.branch.as_deref(), Some("x"));
    }
}

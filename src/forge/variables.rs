//! The variables of each CI system, in the order in which they are asked: Forgejo and Gitea set
//! those of GitHub too.

use serde_json::Value;

use crate::forge::ci_env::{Job, Local};
use crate::forge::environment::Environment;
use crate::forge::kind::Kind;
use crate::forge::{ci_forges, ci_services};

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
        (None, Some(remote)) => job.with_remote(remote),
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
        return Some(ci_forges::actions(env, event, "forgejo", Kind::Gitea));
    }
    if env.is_on("GITEA_ACTIONS") {
        return Some(ci_forges::actions(env, event, "gitea", Kind::Gitea));
    }
    if env.is_on("GITHUB_ACTIONS") {
        return Some(ci_forges::actions(env, event, "github", Kind::Github));
    }
    if env.is_on("GITLAB_CI") {
        return Some(ci_forges::gitlab(env));
    }
    if env.text("BITBUCKET_BUILD_NUMBER").is_some() {
        return Some(ci_forges::bitbucket(env));
    }
    if env.text("TF_BUILD").is_some() {
        return Some(ci_services::azure(env));
    }
    if env.is_on("CIRCLECI") {
        return Some(ci_services::circle(env));
    }
    if env.text("JENKINS_URL").is_some() {
        return Some(ci_services::jenkins(env));
    }
    if env.is_on("BUILDKITE") {
        return Some(ci_services::buildkite(env));
    }
    match env.text("CI") {
        Some("woodpecker") => return Some(ci_services::woodpecker(env)),
        Some("drone") => return Some(ci_services::drone(env)),
        _ => {}
    }
    if env.is_on("DRONE") {
        return Some(ci_services::drone(env));
    }
    env.is_on("TRAVIS").then(|| ci_services::travis(env))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::ci_env::Origin;

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

//! What the CI systems of the forges themselves say of a run.

use serde_json::Value;

use crate::forge::ci_env::{Job, Origin, Run};
use crate::forge::environment::Environment;
use crate::forge::event::Event;
use crate::forge::kind::Kind;
use crate::forge::model::Head;

pub(super) fn actions(env: &Environment, payload: &Value, ci: &'static str, kind: Kind) -> Job {
    let name = env.text("GITHUB_EVENT_NAME").unwrap_or_default();
    let git_ref = env.text("GITHUB_REF").unwrap_or_default();
    let event = Event::read(name, payload, git_ref);
    let run = Run::read(env, "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT");
    let (server, repo) = (env.text("GITHUB_SERVER_URL"), env.text("GITHUB_REPOSITORY"));
    let page = server.zip(repo).zip(env.text("GITHUB_RUN_ID"));
    let page = page.map(|((server, repo), id)| format!("{server}/{repo}/actions/runs/{id}"));
    // Of a pull request, this is the commit that CI merged; nobody reviews that one.
    let sha = env.owned("GITHUB_SHA").filter(|_| event.pull.is_none());
    let branch = env
        .text("GITHUB_REF_NAME")
        .filter(|_| git_ref.starts_with("refs/heads/"));
    let pushed = Head::of(repo, branch.map(str::to_owned));
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

pub(super) fn gitlab(env: &Environment) -> Job {
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
        run: Run::read(env, "CI_PIPELINE_ID", "CI_JOB_ID"),
        page: env.any(&["CI_JOB_URL", "CI_PIPELINE_URL"]),
        ..Job::default()
    }
}

pub(super) fn bitbucket(env: &Environment) -> Job {
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
        head: Head::of(repo.as_deref(), env.owned("BITBUCKET_BRANCH")),
        repo,
        // Pipelines does not run for forks.
        origin: Origin::Own,
        run: Run::read(env, "BITBUCKET_BUILD_NUMBER", "BITBUCKET_STEP_RUN_NUMBER"),
        page: page.map(|(origin, number)| format!("{origin}/pipelines/results/{number}")),
        ..Job::default()
    }
}

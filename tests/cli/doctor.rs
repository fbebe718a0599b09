//! `mlpipe doctor`: what is found, and which of it makes the exit code.

use serde_json::Value;

use crate::support::{Output, Project};

/// Returns the findings by name, and the verdict.
fn findings(output: &Output) -> (Vec<(String, String, String)>, String) {
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().expect("a list").iter();
    let checks = checks.map(|one| (text(&one["name"]), text(&one["state"]), text(&one["found"])));
    (checks.collect(), text(&report["verdict"]))
}

fn state_of(findings: &[(String, String, String)], name: &str) -> String {
    let found = findings.iter().find(|(known, ..)| known == name);
    found
        .unwrap_or_else(|| panic!("{name}: {findings:?}"))
        .1
        .clone()
}

#[test]
fn a_tool_that_is_missing_fails_the_checkup() {
    let project = Project::with(
        "stages:\n  \
         a: {cmd: no-such-tool --fast < in > out && sort out, outs: [out]}\n  \
         b: {cmd: python3 missing.py, deps: [out]}\n  \
         c: {cmd: ./made.sh, deps: [made.sh]}\n  \
         d: {cmd: echo > made.sh, outs: [made.sh]}\n",
    );
    project.commit();
    let output = project.run(&["doctor", "--json"]);
    assert_eq!(output.code, Some(1));
    let (findings, verdict) = findings(&output);
    assert_eq!(verdict, "failure");
    assert_eq!(state_of(&findings, "no-such-tool"), "failure");
    assert_eq!(state_of(&findings, "sort"), "fine");
    assert_eq!(state_of(&findings, "missing.py"), "failure");
    // What a stage makes need not be there yet, and what a shell does itself is no tool.
    assert!(
        !findings
            .iter()
            .any(|(name, ..)| name == "./made.sh" || name == "echo")
    );
    let text = project.run(&["doctor"]);
    assert_eq!(text.code, Some(1));
    assert!(
        text.stdout.contains("not on the PATH; stage a calls it"),
        "{}",
        text.stdout
    );
    assert!(text.stdout.contains("2 failures"), "{}", text.stdout);
    let quiet = project.run(&["doctor", "--quiet"]);
    assert!(!quiet.stdout.contains("sort") && quiet.stdout.contains("no-such-tool"));
}

#[test]
fn warnings_leave_the_exit_code_alone() {
    let project = Project::chain();
    project.run(&["init"]).success();
    project.run(&["repro"]).success();
    let output = project.run(&["doctor", "--json"]);
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    let (findings, verdict) = findings(&output);
    assert_eq!(verdict, "warning");
    assert_eq!(state_of(&findings, "history"), "warning");
    assert_eq!(state_of(&findings, "integration"), "warning");
    assert_eq!(state_of(&findings, "changes"), "warning");
}

#[test]
fn what_was_set_up_is_fine() {
    let project = Project::chain();
    project.run(&["init"]).success();
    project.run(&["install"]).data();
    project.run(&["repro"]).success();
    project.commit();
    let (findings, verdict) = findings(&project.run(&["doctor", "--json"]));
    for name in [
        "history",
        "identity",
        "integration",
        "changes",
        "folder",
        "disk",
        "pipeline",
    ] {
        assert_eq!(state_of(&findings, name), "fine", "{findings:?}");
    }
    assert_eq!(verdict, "note");
}

#[test]
fn a_deploy_is_of_a_commit() {
    let project = Project::chain();
    project.commit();
    project.run(&["repro"]).success();
    assert_eq!(project.run(&["doctor"]).code, Some(0));
    let output = project.run(&["doctor", "--deploy", "--json"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(state_of(&findings(&output).0, "changes"), "failure");
    project.commit();
    assert_eq!(project.run(&["doctor", "--deploy"]).code, Some(0));
}

#[test]
fn a_clone_without_history_and_secrets_without_value_are_told() {
    let project = Project::chain();
    project.commit();
    project.git(&["commit", "-q", "--allow-empty", "-m", "another"]);
    let url = format!("file://{}", project.root().display());
    project.git(&["clone", "-q", "--depth", "1", &url, ".git/shallow"]);
    let output = Output::of(
        project
            .command(&["--cd", ".git/shallow", "doctor", "--json"])
            .env("CI", "true")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_REPOSITORY", "me/mine")
            .env("GITLAB_TOKEN", "")
            .env("GITHUB_TOKEN", "s3cr3t-value")
            .env("AWS_ACCESS_KEY_ID", "AKIAXXXXXXXX"),
    );
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    assert!(!output.stdout.contains("s3cr3t") && !output.stdout.contains("AKIAX"));
    assert!(!output.stderr.contains("s3cr3t") && !output.stderr.contains("AKIAX"));
    let (findings, _) = findings(&output);
    assert_eq!(state_of(&findings, "history"), "warning");
    assert_eq!(state_of(&findings, "GITLAB_TOKEN"), "warning");
    assert_eq!(state_of(&findings, "GITHUB_TOKEN"), "fine");
    assert_eq!(state_of(&findings, "AWS_ACCESS_KEY_ID"), "warning");
    // Nobody commits or merges in CI.
    assert_eq!(state_of(&findings, "integration"), "note");
    assert_eq!(state_of(&findings, "job"), "fine");
    assert_eq!(state_of(&findings, "forge"), "fine");
}

#[test]
fn more_than_the_machine_has_is_told() {
    let project = Project::with(
        "stages:\n  \
         a: {cmd: echo, resources: {cpus: 4000, memory: 4000TiB}}\n  \
         b: {cmd: echo, resources: {gpus: 99}}\n",
    );
    let output = project.run(&["doctor", "--json"]);
    assert_eq!(output.code, Some(1));
    let (findings, _) = findings(&output);
    assert_eq!(state_of(&findings, "cores"), "warning");
    assert_eq!(state_of(&findings, "memory"), "warning");
    assert_eq!(state_of(&findings, "graphics cards"), "failure");
}

#[test]
fn what_cannot_be_had_does_not_hide_the_rest() {
    let project = Project::new();
    let (none, _) = findings(&project.run(&["doctor", "--json"]));
    assert_eq!(state_of(&none, "folder"), "failure");
    assert_eq!(state_of(&none, "cores"), "fine");
    project.write("pipeline.yaml", "stages: [");
    project.write("data.lock", "schema: x");
    let (broken, _) = findings(&project.run(&["doctor", "--json"]));
    assert_eq!(state_of(&broken, "pipeline"), "failure");
    assert_eq!(state_of(&broken, "data.lock"), "failure");
    assert_eq!(state_of(&broken, "links"), "note");
}

#[test]
fn remotes_are_asked_and_not_made() {
    let project = Project::chain();
    project.run(&["init"]).success();
    project.commit();
    let (none, _) = findings(&project.run(&["doctor", "--deploy", "--json"]));
    assert_eq!(state_of(&none, "remotes"), "warning");
    let store = project.path(".git/store").display().to_string();
    let add = ["remote", "add", "--local", "--default", "store", &store];
    assert_eq!(project.run(&add).code, Some(0));
    let (absent, _) = findings(&project.run(&["doctor", "--json"]));
    assert_eq!(state_of(&absent, "store"), "note");
    assert!(!project.exists(".git/store"));
    std::fs::create_dir(&store).expect("makes it");
    let (there, _) = findings(&project.run(&["doctor", "--json"]));
    assert_eq!(state_of(&there, "store"), "fine");
    // Nobody listens there.
    let closed = ["remote", "add", "--local", "web", "http://127.0.0.1:1/x"];
    assert_eq!(project.run(&closed).code, Some(0));
    let output = project.run(&["doctor", "--json"]);
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    assert_eq!(state_of(&findings(&output).0, "web"), "warning");
    let output = project.run(&["doctor", "--deploy", "--json"]);
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    assert_eq!(state_of(&findings(&output).0, "web"), "failure");
}

//! `mlpipe check`: opened, and always concluded.

use std::process::Stdio;

use super::*;

/// The states that were set, in their order.
fn states(stub: &Stub) -> Vec<String> {
    let world = stub.world();
    let state = |body: &serde_json::Value| {
        ["conclusion", "status", "state", "result"]
            .iter()
            .find_map(|key| Some(body[*key].as_str()?.to_owned()))
    };
    world.checks.iter().filter_map(state).collect()
}

#[test]
fn the_gates_conclude_a_check() {
    let (project, sha) = reviewed();
    for (forge, states_of_success, states_of_failure) in [
        (
            Forge::Github,
            vec!["in_progress", "success"],
            vec!["in_progress", "failure"],
        ),
        (
            Forge::Gitlab,
            vec!["running", "success"],
            vec!["running", "failed"],
        ),
        (
            Forge::Bitbucket,
            vec!["INPROGRESS", "PENDING", "SUCCESSFUL", "PASSED"],
            vec!["INPROGRESS", "PENDING", "FAILED", "FAILED"],
        ),
        (
            Forge::Gitea,
            vec!["pending", "success"],
            vec!["pending", "failure"],
        ),
    ] {
        let stub = Stub::new(forge);
        let ci = Ci::of(&stub, &project, 1, &sha);
        let said = ci.run(&project, &["check"]).data();
        assert!(said.starts_with("accuracy 0.9000 → 0.9500"), "{said}");
        assert_eq!(states(&stub), states_of_success, "{forge:?}");
        let stub = Stub::new(forge);
        let ci = Ci::of(&stub, &project, 1, &sha);
        let set = "score=0.2";
        let arguments = ["check", "--name", "gates", "--", "sh", "-c"];
        let command =
            format!("sed -i 's/score.*/score: 0.2/' params.yaml; mlpipe repro -q; echo {set}");
        let mut all = arguments.to_vec();
        all.push(&command);
        let output = ci.run(&project, &all);
        assert!(
            output.stdout.starts_with("score=0.2\n"),
            "{}",
            output.stdout
        );
        output.failure(4);
        assert_eq!(states(&stub), states_of_failure, "{forge:?}");
        project.git(&["checkout", "-q", "."]);
        project.run(&["repro"]).success();
    }
}

#[test]
fn a_command_that_fails_concludes_its_check() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    let ci = Ci::of(&stub, &project, 1, &sha);
    ci.run(&project, &["check", "--", "false"]).failure(3);
    assert_eq!(states(&stub), ["in_progress", "failure"]);
    // So does a mistake of the user's.
    project.write("pipeline.yaml", "stages: 3\n");
    ci.run(&project, &["check"]).failure(1);
    assert_eq!(states(&stub)[2..], ["in_progress", "failure"]);
}

#[test]
fn a_check_that_is_stopped_is_concluded_as_such() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let stub = Stub::new(forge);
        let ci = Ci::of(&stub, &project, 1, &sha);
        let mut arguments = vec!["check"];
        arguments.extend(ci.arguments.iter().map(String::as_str));
        arguments.extend(["--", "sh", "-c", "echo started; exec sleep 1000"]);
        let mut command = project.command(&arguments);
        command.envs(ci.variables.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let mut first = [0; 8];
        let stdout = child.stdout.as_mut().expect("piped");
        std::io::Read::read_exact(stdout, &mut first).expect("it starts");
        let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("an id"));
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).expect("signals");
        let status = child.wait().expect("ends");
        assert_eq!(status.code(), Some(130), "{forge:?}");
        let ended = states(&stub).pop().expect("a state");
        let stopped = ["cancelled", "canceled", "FAILED", "error"];
        assert!(
            stopped.contains(&ended.as_str()),
            "{forge:?}: {:?}",
            states(&stub)
        );
    }
}

#[test]
fn tokens_without_an_app_set_a_status() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    stub.world().is_app = false;
    let ci = Ci::of(&stub, &project, 1, &sha);
    ci.run(&project, &["check"]).success();
    assert_eq!(states(&stub), ["pending", "success"]);
    let writes = stub.writes();
    assert!(
        writes.contains(&format!("POST /repos/o/r/statuses/{sha}")),
        "{writes:?}"
    );
}

#[test]
fn bitbucket_shows_the_metrics() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Bitbucket);
    Ci::of(&stub, &project, 1, &sha)
        .run(&project, &["check"])
        .success();
    let world = stub.world();
    let report = world.checks.last().expect("a report");
    let wanted = json!([
        {"title": "accuracy", "type": "NUMBER", "value": 0.95},
        {"title": "loss", "type": "NUMBER", "value": 0.5},
    ]);
    assert_eq!(report["data"], wanted);
}

#[test]
fn in_pipelines_code_insights_need_no_token() {
    let (project, sha) = reviewed();
    let ci = Ci::plain(&[
        ("BITBUCKET_BUILD_NUMBER", "7"),
        ("BITBUCKET_REPO_FULL_NAME", "o/r"),
        ("BITBUCKET_COMMIT", &sha),
    ]);
    let told = ci.run(&project, &["check", "--dry-run"]).data();
    let report =
        format!("PUT http://api.bitbucket.org/2.0/repositories/o/r/commit/{sha}/reports/mlpipe\n");
    assert_eq!(told.matches(&report).count(), 2, "{told}");
    assert!(told.contains("\"result\": \"PASSED\""), "{told}");
    assert!(!told.contains("/statuses/"), "{told}");
    // Comments need one.
    let refused = ci.run(&project, &["comment", "--pr", "1"]).failure(1);
    assert!(
        refused.contains("there is no token for Bitbucket"),
        "{refused}"
    );
}

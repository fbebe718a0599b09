//! The one comment of a report.

use super::*;

#[test]
fn ten_pushes_make_one_comment_whatever_their_order() {
    let (project, first) = reviewed();
    let mut shas = vec![first];
    for push_number in 1..10 {
        shas.push(push(&project, &format!("0.9{push_number}1")));
    }
    for forge in FORGES {
        let stub = Stub::new(forge);
        chatter(&stub);
        // The runs of the third and the seventh push are slow: the next push reports first.
        let order = [0, 1, 3, 2, 4, 5, 7, 6, 8, 9];
        let mut newest = 0;
        for index in order {
            newest = newest.max(index);
            at(&stub, &shas[newest]);
            project.git(&["checkout", "-q", &shas[index]]);
            let ci = Ci::of(&stub, &project, 100 + index as u64, &shas[index]);
            let said = ci.run(&project, &["comment"]).data();
            let is_late = index < newest;
            assert_eq!(
                said.contains("a newer run has reported"),
                is_late,
                "{forge:?}: {said}"
            );
            let comments = ours(&stub);
            assert_eq!(comments.len(), 1, "{forge:?}: {comments:?}");
            let marker = format!("#sha={};", shas[newest]);
            assert!(comments[0].contains(&marker), "{forge:?}: {}", comments[0]);
        }
        assert!(
            ours(&stub)[0].starts_with("### ✅ accuracy 0.9"),
            "{}",
            ours(&stub)[0]
        );
        let writes = stub.writes();
        assert_eq!(writes.len(), 8, "{forge:?}: {writes:?}");
        assert!(writes[0].starts_with("POST "), "{writes:?}");
        assert!(
            writes[1..].iter().all(|write| !write.starts_with("POST ")),
            "{writes:?}"
        );
        project.git(&["checkout", "-q", "branch"]);
    }
}

#[test]
fn a_run_without_news_changes_nothing() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let stub = Stub::new(forge);
        at(&stub, &sha);
        Ci::of(&stub, &project, 1, &sha)
            .run(&project, &["comment"])
            .success();
        let again = Ci::of(&stub, &project, 2, &sha).run(&project, &["comment"]);
        assert!(again.data().contains("says this already"), "{forge:?}");
        assert_eq!(stub.writes().len(), 1, "{forge:?}");
    }
}

#[test]
fn several_reports_stand_side_by_side() {
    let (project, sha) = reviewed();
    project.write("a.md", "# one\n[mlpipe:b]: https://x#sha=forged\n");
    project.write("b.md", "# two\n");
    for forge in FORGES {
        let stub = Stub::new(forge);
        let ci = Ci::of(&stub, &project, 1, &sha);
        for _ in 0..2 {
            ci.run(&project, &["comment", "a.md", "--id", "a"])
                .success();
            ci.run(&project, &["comment", "b.md", "--id", "b"])
                .success();
        }
        let comments = ours(&stub);
        let begins: Vec<&str> = comments.iter().map(|text| &text[..5]).collect();
        assert_eq!(begins, ["# one", "# two"], "{forge:?}");
        assert!(!comments[0].contains("forged"), "{}", comments[0]);
    }
}

#[test]
fn five_ci_systems_tell_where_to_post() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let stub = Stub::new(forge);
        Ci::of(&stub, &project, 1, &sha)
            .run(&project, &["comment"])
            .success();
        assert_eq!(ours(&stub).len(), 1, "{forge:?}");
    }
    let stub = Stub::new(Forge::Github);
    let jenkins = Ci::plain(&[
        ("JENKINS_URL", "https://ci.example/"),
        ("CHANGE_ID", "12"),
        ("CHANGE_URL", "https://github.com/o/r/pull/12"),
        ("CHANGE_TARGET", "main"),
        ("GIT_COMMIT", &sha),
        ("BUILD_NUMBER", "7"),
        ("GITHUB_TOKEN", TOKEN),
    ]);
    let jenkins = jenkins.flags(&["--api-url", &stub.api()]);
    jenkins.run(&project, &["comment"]).success();
    assert_eq!(stub.writes(), ["POST /repos/o/r/issues/12/comments"]);
    assert!(
        ours(&stub)[0].contains(";ci=jenkins;run=7;"),
        "{}",
        ours(&stub)[0]
    );
}

#[test]
fn flags_say_it_where_no_ci_does() {
    let (project, sha) = reviewed();
    for (forge, name) in [
        (Forge::Github, "github"),
        (Forge::Gitlab, "gitlab"),
        (Forge::Bitbucket, "bitbucket"),
        (Forge::Gitea, "forgejo"),
    ] {
        let stub = Stub::new(forge);
        at(&stub, &sha);
        let repo = if forge == Forge::Gitlab { "77" } else { "o/r" };
        let ci = Ci::plain(&[("MY_TOKEN", TOKEN)]).flags(&[
            "--forge",
            name,
            "--api-url",
            &stub.api(),
            "--repo",
            repo,
            "--token-env",
            "MY_TOKEN",
        ]);
        ci.run(&project, &["comment", "--target", "pr/12"])
            .success();
        // Without a number it is found by the branch and its commit.
        let again = ci.run(&project, &["comment"]).data();
        assert!(again.contains("says this already"), "{forge:?}: {again}");
        assert_eq!(ours(&stub).len(), 1, "{forge:?}");
    }
}

#[test]
fn a_run_that_follows_another_finds_the_pull_request_of_a_fork() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    at(&stub, &sha);
    stub.world().pulls[0].owner = "me".to_owned();
    let event = json!({
        "repository": {"full_name": "o/r"},
        "workflow_run": {
            "id": 5, "run_attempt": 1, "head_sha": sha, "head_branch": "branch", "pull_requests": [],
            "head_repository": {"full_name": "me/r", "owner": {"login": "me"}},
        },
    });
    let ci = Ci::of(&stub, &project, 9, &sha)
        .with("GITHUB_EVENT_NAME", "workflow_run")
        .with("GITHUB_REF", "refs/heads/main");
    project.write(".git/event.json", &event.to_string());
    ci.run(&project, &["comment"]).success();
    assert!(
        ours(&stub)[0].contains(";run=5;attempt=1"),
        "{}",
        ours(&stub)[0]
    );
    // It has moved on since: nobody must take the old results for those of the new commit.
    stub.world().pulls[0].sha = "f".repeat(40);
    let text = ci.run(&project, &["comment"]).failure(1);
    assert!(
        text.contains("no open pull request is known for this commit"),
        "{text}"
    );
}

#[test]
fn a_comment_that_is_deleted_is_written_anew() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let stub = Stub::new(forge);
        let ci = Ci::of(&stub, &project, 1, &sha);
        ci.run(&project, &["comment", "--id", "x"]).success();
        at(&stub, &sha);
        let body = ours(&stub)[0].replace(&sha, "0000000");
        stub.world().comments[0].body = body;
        // Somebody deletes it after it was found.
        let method = if matches!(forge, Forge::Github | Forge::Gitea) {
            "PATCH"
        } else {
            "PUT"
        };
        let gone = Response::json(404, &json!({"message": "Not Found"}));
        stub.fail(method, "1001", Fault::Answer(gone));
        let said = ci.run(&project, &["comment", "--id", "x"]).data();
        assert!(said.contains("posted on"), "{forge:?}: {said}");
    }
}

#[test]
fn a_program_without_a_name_knows_its_comments() {
    let (project, sha) = reviewed();
    for forge in [Forge::Github, Forge::Bitbucket] {
        let stub = Stub::new(forge);
        stub.world().knows_itself = false;
        chatter(&stub);
        for (run, commit) in [(1, &"a".repeat(40)), (2, &sha)] {
            at(&stub, commit);
            Ci::of(&stub, &project, run, commit)
                .run(&project, &["comment"])
                .success();
        }
        assert_eq!(ours(&stub).len(), 1, "{forge:?}");
    }
}

#[test]
fn a_text_that_is_too_long_is_cut() {
    let (project, sha) = reviewed();
    project.write("long.md", &"a line of text\n".repeat(100_000));
    for forge in FORGES {
        let stub = Stub::new(forge);
        // Less than the forge's documents say.
        let limit = if forge == Forge::Gitlab {
            500_000
        } else {
            20_000
        };
        stub.world().limit = limit;
        let ci = Ci::of(&stub, &project, 1, &sha);
        ci.run(&project, &["comment", "long.md"]).success();
        let comments = ours(&stub);
        assert_eq!(comments.len(), 1, "{forge:?}");
        assert!(comments[0].chars().count() <= limit, "{forge:?}");
        assert!(comments[0].contains("The rest is too long"), "{forge:?}");
        assert!(comments[0].contains("\n[mlpipe:report]: "), "{forge:?}");
    }
}

#[test]
fn a_commit_has_comments_on_three_forges() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let stub = Stub::new(forge);
        let ci = Ci::of(&stub, &project, 1, &sha);
        let output = ci.run(&project, &["comment", "--target", "commit"]);
        if forge == Forge::Gitea {
            let text = output.failure(1);
            assert!(text.contains("Gitea has no comments on commits"), "{text}");
        } else {
            output.success();
            assert!(
                stub.writes()[0].contains(&sha),
                "{forge:?}: {:?}",
                stub.writes()
            );
        }
    }
}

#[test]
fn files_for_the_ci_system_are_written() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    let file = |name: &str| project.path(name).display().to_string();
    project.write("summary.md", "before\n");
    let ci = Ci::of(&stub, &project, 1, &sha)
        .with("GITHUB_STEP_SUMMARY", &file("summary.md"))
        .with("GITHUB_OUTPUT", &file("output"));
    ci.run(
        &project,
        &["comment", "--step-summary", "--metrics-file", "metrics.txt"],
    )
    .success();
    let summary = project.read("summary.md");
    assert!(summary.starts_with("before\n### ✅ accuracy"), "{summary}");
    assert!(!summary.contains("[mlpipe:"), "{summary}");
    assert_eq!(
        project.read("output"),
        "comment=created\nverdict=pass\ncomment-url=https://forge.example/c/1001\n"
    );
    assert_eq!(
        project.read("metrics.txt"),
        "accuracy{file=\"metrics.json\"} 0.95\nloss{file=\"metrics.json\"} 0.5\n# EOF\n"
    );
}

#[test]
fn a_dry_run_tells_all_and_changes_nothing() {
    let (project, sha) = reviewed();
    project.write("text.md", "# a text\n");
    for forge in FORGES {
        let stub = Stub::new(forge);
        let ci = Ci::of(&stub, &project, 1, &sha);
        let shown = ci
            .run(&project, &["comment", "text.md", "--dry-run"])
            .data();
        assert!(
            shown.contains(&format!("\nPOST {}", stub.api())),
            "{forge:?}: {shown}"
        );
        assert!(
            shown.contains("\"# a text\\n\\n[mlpipe:report]: https:"),
            "{forge:?}: {shown}"
        );
        assert_eq!(stub.writes(), [""; 0], "{forge:?}");
        // Without a token, nothing is asked either.
        let asked = stub.world().log.len();
        let bare = ["GITHUB_TOKEN", "GITLAB_TOKEN", "BITBUCKET_TOKEN"];
        let ci = bare.iter().fold(ci, |ci, name| ci.without(name));
        ci.run(&project, &["comment", "text.md", "--dry-run"])
            .success();
        assert_eq!(stub.world().log.len(), asked, "{forge:?}");
    }
}

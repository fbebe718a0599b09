//! Bad days: forges that refuse, are busy, silent or send elsewhere.

use super::*;

#[test]
fn a_fork_may_only_read_and_that_is_no_mistake() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    stub.world().is_readonly = true;
    let ci = Ci::of(&stub, &project, 1, &sha);
    let event = project.read(".git/event.json").replace(
        "\"repo\":{\"full_name\":\"o/r\"}",
        "\"repo\":{\"full_name\":\"me/r\"}",
    );
    project.write(".git/event.json", &event);
    let text = ci.run(&project, &["comment", "--gate"]).success();
    assert_eq!(
        text,
        "warning: not posted: this run is of a fork's code, whose token may at most read \
         (403 Resource not accessible by integration)\n"
    );
    let text = ci
        .clone()
        .without("GITHUB_TOKEN")
        .run(&project, &["comment"])
        .success();
    assert!(
        text.contains("(none of GITHUB_TOKEN, GH_TOKEN, REPO_TOKEN is set)"),
        "{text}"
    );
    push(&project, "0.1");
    let text = ci.run(&project, &["comment", "--gate"]).failure(4);
    assert!(text.starts_with("warning: not posted"), "{text}");
    let text = ci.run(&project, &["check"]).failure(4);
    assert!(text.starts_with("warning: no check"), "{text}");
}

#[test]
fn a_token_that_may_not_write_is_told_what_it_lacks() {
    let (project, sha) = reviewed();
    for (forge, variable, scope) in [
        (Forge::Github, "GITHUB_TOKEN", "`pull-requests: write`"),
        (
            Forge::Gitlab,
            "GITLAB_TOKEN",
            "the scope `api` and the role Reporter",
        ),
        (Forge::Bitbucket, "BITBUCKET_TOKEN", "`pullrequest:write`"),
        (Forge::Gitea, "GITHUB_TOKEN", "`write:issue`"),
    ] {
        let stub = Stub::new(forge);
        stub.world().is_readonly = true;
        let ci = Ci::of(&stub, &project, 1, &sha);
        let text = ci.run(&project, &["comment"]).failure(1);
        let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains(&format!("the token in {variable} needs")),
            "{forge:?}: {text}"
        );
        assert!(flat.contains(scope), "{forge:?}: {text}");
        assert!(flat.contains("https://"), "{forge:?}: {text}");
        let text = ci.without(variable).run(&project, &["comment"]).failure(1);
        let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("there is no token for"), "{forge:?}: {text}");
        assert!(flat.contains(variable), "{forge:?}: {text}");
        assert!(flat.contains(scope), "{forge:?}: {text}");
    }
}

#[test]
fn a_locked_pull_request_is_no_mistake_either() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    let locked = json!({"message": "Unable to create comment because issue is locked."});
    stub.fail(
        "POST",
        "/comments",
        Fault::Answer(Response::json(403, &locked)),
    );
    let text = Ci::of(&stub, &project, 1, &sha)
        .run(&project, &["comment"])
        .success();
    assert!(text.contains("it is locked"), "{text}");
}

#[test]
fn a_comment_whose_fate_is_unknown_is_looked_for_first() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let end = if forge == Forge::Gitlab {
            "/notes"
        } else {
            "/comments"
        };
        let out = Response::json(502, &json!({"message": "Bad Gateway"}));
        // It was written, and nobody heard of it.
        let stub = Stub::new(forge);
        stub.fail("POST", end, Fault::BreakAfter);
        let ci = Ci::of(&stub, &project, 1, &sha);
        let said = ci.run(&project, &["comment"]).data();
        assert!(said.contains("says this already"), "{forge:?}: {said}");
        assert_eq!(
            (ours(&stub).len(), stub.writes().len()),
            (1, 1),
            "{forge:?}"
        );
        // It was not.
        let stub = Stub::new(forge);
        stub.fail("POST", end, Fault::Answer(out));
        let ci = Ci::of(&stub, &project, 1, &sha);
        ci.run(&project, &["comment"]).success();
        assert_eq!(
            (ours(&stub).len(), stub.writes().len()),
            (1, 2),
            "{forge:?}"
        );
    }
}

#[test]
fn two_runs_at_once_end_with_one_comment() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let end = if forge == Forge::Gitlab {
            "/notes"
        } else {
            "/comments"
        };
        let stub = Stub::new(forge);
        at(&stub, &sha);
        stub.fail("POST", end, Fault::OtherFirst);
        let ci = Ci::of(&stub, &project, 1, &sha);
        ci.run(&project, &["comment"]).success();
        let comments = ours(&stub);
        assert_eq!(comments.len(), 1, "{forge:?}: {comments:?}");
        assert_eq!(stub.world().comments[0].id, 1, "{forge:?}");
    }
}

#[test]
fn a_comment_of_another_program_is_left_alone() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    stub.world().knows_itself = false;
    stub.world().comments.push(StoredComment {
        id: 1,
        author: "another[bot]".to_owned(),
        body: format!("x\n\n[mlpipe:report]: https://x#sha={sha};run=0"),
        is_void: false,
    });
    at(&stub, &sha);
    for run in [1, 2] {
        let ci = Ci::of(&stub, &project, run, &sha);
        ci.run(&project, &["comment"]).success();
    }
    assert_eq!(ours(&stub).len(), 1);
    assert!(stub.world().comments[0].body.starts_with("x\n"));
}

#[test]
fn a_forge_that_is_out_of_order_is_asked_again() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    let ci = Ci::of(&stub, &project, 1, &sha);
    for status in [500, 503, 504] {
        let bad = Response::json(status, &json!({}));
        stub.fail("GET", "/comments", Fault::Answer(bad));
    }
    ci.run(&project, &["comment"]).success();
    for _ in 0..5 {
        let bad = Response::json(503, &json!({"message": "down for today"}));
        stub.fail("GET", "/comments", Fault::Answer(bad));
    }
    let text = ci.run(&project, &["comment"]).failure(1);
    assert!(text.contains("503 down for today"), "{text}");
    assert_eq!(stub.world().faults.len(), 0);
}

#[test]
fn a_busy_forge_says_when_to_come_back() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    let ci = Ci::of(&stub, &project, 1, &sha);
    let slow = json!({"message": "You have exceeded a secondary rate limit"});
    let soon = Response::json(403, &slow).with("retry-after", "0");
    stub.fail("POST", "/comments", Fault::Answer(soon));
    ci.run(&project, &["comment"]).success();
    assert_eq!(ours(&stub).len(), 1);
    let spent = Response::json(403, &json!({"message": "API rate limit exceeded"}))
        .with("x-ratelimit-remaining", "0")
        .with("x-ratelimit-reset", "99999999999");
    stub.fail("GET", "/comments", Fault::Answer(spent));
    let text = ci.run(&project, &["comment"]).failure(1);
    assert!(text.contains("wants no request for"), "{text}");
}

#[test]
fn a_silent_forge_is_not_waited_for_forever() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    let mut ci = Ci::of(&stub, &project, 1, &sha);
    ci.arguments = vec!["--timeout".to_owned(), "300ms".to_owned()];
    for _ in 0..5 {
        stub.fail("GET", "/user", Fault::Hang);
    }
    let text = ci.run(&project, &["comment"]).failure(1);
    assert!(text.contains("did not answer within"), "{text}");
    // Nobody is there at all.
    let ci = ci.with("GITHUB_API_URL", "http://127.0.0.1:9/api/v3");
    let text = ci.run(&project, &["comment"]).failure(1);
    assert!(text.contains("no connection to 127.0.0.1:9"), "{text}");
}

#[test]
fn the_token_goes_to_no_other_host() {
    let (project, sha) = reviewed();
    let trap = Stub::new(Forge::Github);
    let away = |path: &str| format!("http://{}{path}", trap.address);
    let sends = [
        (
            "GET",
            "/comments",
            Response::json(302, &json!({})).with("Location", away("/steal")),
        ),
        (
            "POST",
            "/comments",
            Response::json(307, &json!({})).with("Location", away("/steal")),
        ),
        (
            "GET",
            "/comments",
            Response::json(200, &json!([]))
                .with("Link", format!("<{}>; rel=\"next\"", away("/p2"))),
        ),
        (
            "GET",
            "/comments",
            Response::json(200, &json!({"values": [], "next": away("/p2")})),
        ),
    ];
    for (method, end, response) in sends {
        let stub = Stub::new(Forge::Github);
        stub.fail(method, end, Fault::Answer(response));
        let text = Ci::of(&stub, &project, 1, &sha)
            .run(&project, &["comment"])
            .failure(1);
        assert!(text.contains("the token goes to no other host"), "{text}");
        assert!(text.contains(&trap.address), "{text}");
    }
    assert_eq!(trap.world().log.len(), 0);
    // Its own other address is fine, as of a repository that has another name now.
    let stub = Stub::new(Forge::Github);
    let moved = Response::json(301, &json!({})).with(
        "Location",
        format!("{}/repos/o/r/issues/12/comments", stub.api()),
    );
    stub.fail("GET", "/comments", Fault::Answer(moved));
    Ci::of(&stub, &project, 1, &sha)
        .run(&project, &["comment"])
        .success();
}

#[test]
fn a_host_that_nobody_named_gets_no_token() {
    let (project, _) = reviewed();
    project.git(&["remote", "add", "origin", "git@github.evil.example:o/r.git"]);
    let ci = Ci::plain(&[("GITHUB_TOKEN", TOKEN)]);
    let text = ci.run(&project, &["comment", "--dry-run"]).failure(1);
    assert!(
        text.contains("`github.evil.example` is no host that is known to be a forge"),
        "{text}"
    );
    project.git(&[
        "remote",
        "set-url",
        "origin",
        "https://user:password@github.com/o/r",
    ]);
    let text = ci
        .without("GITHUB_TOKEN")
        .run(&project, &["comment", "--pr", "3", "--dry-run"])
        .data();
    assert!(
        text.contains("POST https://api.github.com/repos/o/r/issues/3/comments\n"),
        "{text}"
    );
    assert!(!text.contains("password"), "{text}");
}

#[test]
fn an_answer_that_repeats_the_token_is_masked() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let stub = Stub::new(forge);
        let echo =
            json!({"message": format!("bad header Bearer {TOKEN}"), "error": {"message": TOKEN}});
        stub.fail("GET", "/user", Fault::Answer(Response::json(400, &echo)));
        let text = Ci::of(&stub, &project, 1, &sha)
            .run(&project, &["comment"])
            .failure(1);
        assert!(text.contains("***"), "{forge:?}: {text}");
        // Nor is it in what was written.
        for file in crate::support::files(project.root()) {
            let bytes = std::fs::read(&file).expect("reads");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(TOKEN), "{}", file.display());
        }
        assert!(ours(&stub).iter().all(|text| !text.contains(TOKEN)));
    }
}

#[test]
fn mistakes_of_the_command_line() {
    let project = Project::chain();
    let ci = Ci::plain(&[("GITHUB_TOKEN", TOKEN)]);
    for (arguments, code, said) in [
        (vec!["comment"], 1, "it is not known which forge this is"),
        (
            vec!["comment", "--forge", "github"],
            1,
            "which repository on GitHub",
        ),
        (
            vec!["comment", "--forge", "github", "--repo", "o/../r"],
            2,
            "`o/../r` is no repository",
        ),
        (
            vec![
                "comment",
                "--forge",
                "github",
                "--repo",
                "o/r",
                "--api-url",
                "ftp://x",
            ],
            2,
            "it does not begin with https://",
        ),
        (
            vec![
                "comment",
                "--forge",
                "gitlab",
                "--repo",
                "o/r",
                "--api-url",
                "https://a:b@x/",
            ],
            2,
            "it has a name or password in it",
        ),
        (
            vec!["comment", "--target", "issue"],
            2,
            "it is `pr`, `pr/NUMBER` or `commit`",
        ),
        (vec!["comment", "--id", "a]b"], 2, "a name has letters"),
        (
            vec!["comment", "no.md", "--forge", "github", "--repo", "o/r"],
            2,
            "the file `no.md` does not exist",
        ),
    ] {
        let text = ci.run(&project, &arguments).failure(code);
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

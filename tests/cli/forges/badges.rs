//! `mlpipe badge --publish`, and comments from the JSON of a report.

use super::*;

/// A job of the main branch at a commit.
fn of_main(stub: &Stub, project: &Project, sha: &str) -> Ci {
    let ci = Ci::of(stub, project, 1, sha);
    match stub.world().forge {
        Forge::Github | Forge::Gitea => {
            let event = json!({"ref": "refs/heads/main", "repository": {"full_name": "o/r"}});
            project.write(".git/event.json", &event.to_string());
            ci.with("GITHUB_EVENT_NAME", "push")
                .with("GITHUB_REF", "refs/heads/main")
                .with("GITHUB_SHA", sha)
                .without("GITHUB_BASE_REF")
        }
        Forge::Gitlab => ci
            .without("CI_MERGE_REQUEST_IID")
            .without("CI_MERGE_REQUEST_PROJECT_ID")
            .without("CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
            .without("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
            .with("CI_COMMIT_BRANCH", "main"),
        Forge::Bitbucket => ci
            .without("BITBUCKET_PR_ID")
            .without("BITBUCKET_PR_DESTINATION_BRANCH")
            .with("BITBUCKET_BRANCH", "main"),
    }
}

fn file(stub: &Stub, name: &str) -> String {
    let world = stub.world();
    let files = &world.branches["badges"].files;
    let bytes = files
        .get(name)
        .unwrap_or_else(|| panic!("{name}: {:?}", files.keys()));
    String::from_utf8(bytes.clone()).expect("UTF-8")
}

#[test]
fn badges_and_their_history_are_published_on_each_forge() {
    for forge in FORGES {
        let (project, sha) = reviewed();
        let stub = Stub::new(forge);
        let told = of_main(&stub, &project, &sha)
            .run(&project, &["badge", "accuracy", "--publish"])
            .data();
        assert!(
            told.starts_with("published: accuracy 95.0%\n![accuracy]("),
            "{forge:?}: {told}"
        );
        let badge: serde_json::Value =
            serde_json::from_str(&file(&stub, "accuracy.json")).expect("JSON");
        assert_eq!(badge["color"], "brightgreen", "{forge:?}");
        assert!(
            file(&stub, "accuracy.svg").contains("accuracy: 95.0%"),
            "{forge:?}"
        );
        // The same run once more adds nothing; the next one adds a line.
        of_main(&stub, &project, &sha)
            .run(&project, &["badge", "accuracy", "--publish"])
            .data();
        let next = push(&project, "0.97");
        of_main(&stub, &project, &next)
            .run(&project, &["badge", "accuracy", "--publish"])
            .data();
        let history = file(&stub, "history.jsonl");
        assert_eq!(history.lines().count(), 2, "{forge:?}: {history}");
        assert!(
            history.contains("\"value\":0.97") && history.contains(&next),
            "{forge:?}"
        );
        assert!(stub.world().comments.is_empty(), "{forge:?}");
    }
}

#[test]
fn two_jobs_at_once_lose_no_line_of_the_history() {
    for (forge, end) in [
        (Forge::Github, "/git/refs/heads/badges"),
        (Forge::Gitlab, "/repository/commits"),
        (Forge::Bitbucket, "/src"),
        (Forge::Gitea, "/contents"),
    ] {
        let (project, sha) = reviewed();
        let stub = Stub::new(forge);
        let publish = ["badge", "accuracy", "--publish"];
        of_main(&stub, &project, &sha)
            .run(&project, &publish)
            .data();
        let next = push(&project, "0.97");
        let method = if forge == Forge::Github {
            "PATCH"
        } else {
            "POST"
        };
        stub.fail(method, end, Fault::OtherLine);
        of_main(&stub, &project, &next)
            .run(&project, &publish)
            .data();
        assert!(stub.world().faults.is_empty(), "{forge:?}");
        let history = file(&stub, "history.jsonl");
        assert_eq!(history.lines().count(), 3, "{forge:?}: {history}");
        assert!(
            history.contains("\"key\":\"other\""),
            "{forge:?}: {history}"
        );
    }
}

#[test]
fn the_branch_of_badges_has_no_history_but_its_own() {
    for forge in FORGES {
        let (project, sha) = reviewed();
        let stub = Stub::new(forge);
        let main = stub.world().branches["main"].clone();
        let files = std::collections::BTreeMap::from([("code.py".to_owned(), b"1".to_vec())]);
        let main = stub::Branch { files, ..main };
        stub.world().branches.insert("main".to_owned(), main);
        let ci = of_main(&stub, &project, &sha);
        let publish = ["badge", "accuracy", "--publish"];
        let told = ci
            .run(&project, &[&publish[..], &["--dry-run"]].concat())
            .data();
        assert!(!stub.world().branches.contains_key("badges"), "{forge:?}");
        let pushes = told.contains("/git-receive-pack\na commit without a history");
        assert_eq!(pushes, forge != Forge::Github, "{forge:?}: {told}");
        ci.run(&project, &publish).data();
        let names: Vec<String> = stub.world().branches["badges"]
            .files
            .keys()
            .cloned()
            .collect();
        assert_eq!(
            names,
            ["accuracy.json", "accuracy.svg", "history.jsonl"],
            "{forge:?}"
        );
    }
}

#[test]
fn where_git_may_not_push_the_branch_begins_at_the_default_one() {
    for forge in [Forge::Gitlab, Forge::Bitbucket, Forge::Gitea] {
        let (project, sha) = reviewed();
        let stub = Stub::new(forge);
        stub.world().takes_pushes = false;
        let output =
            of_main(&stub, &project, &sha).run(&project, &["badge", "accuracy", "--publish"]);
        assert!(
            output
                .stderr
                .contains("the branch `badges` begins at the default branch"),
            "{forge:?}: {}",
            output.stderr
        );
        assert!(
            output.data().starts_with("published: accuracy"),
            "{forge:?}"
        );
        assert!(file(&stub, "history.jsonl").contains(&sha), "{forge:?}");
    }
}

#[test]
fn a_pull_request_publishes_no_badge() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let stub = Stub::new(forge);
        at(&stub, &sha);
        let ci = Ci::of(&stub, &project, 1, &sha);
        let refused = ci
            .run(&project, &["badge", "accuracy", "--publish"])
            .failure(1);
        assert!(
            refused.contains("badges are not published from a"),
            "{forge:?}: {refused}"
        );
        assert_eq!(stub.writes(), [""; 0], "{forge:?}");
    }
}

#[test]
fn a_report_is_posted_from_its_json() {
    let (project, sha) = reviewed();
    let json = project.run(&["report", "--json"]).data();
    project.write(".git/report.json", &json);
    let evil = json.replace(
        "\"headline\":",
        "\"headline\": \"@all <img src=x> ](http://evil)\", \"was\":",
    );
    assert!(evil != json);
    project.write(".git/evil.json", &evil);
    let shown = json.replacen("accuracy", "@all <img src=x>", 1);
    project.write(".git/shown.json", &shown);
    for forge in FORGES {
        let stub = Stub::new(forge);
        at(&stub, &sha);
        let ci = Ci::of(&stub, &project, 1, &sha);
        ci.run(&project, &["comment", "--from-json", ".git/report.json"])
            .data();
        assert_eq!(ours(&stub).len(), 1, "{forge:?}");
        assert!(
            ours(&stub)[0].contains("0.9500"),
            "{forge:?}: {:?}",
            ours(&stub)
        );
        let refused = ci
            .run(&project, &["comment", "--from-json", ".git/evil.json"])
            .failure(1);
        assert!(
            refused.contains("not what `mlpipe report --json` prints"),
            "{refused}"
        );
        let ci = Ci::of(&stub, &project, 2, &sha);
        ci.run(&project, &["comment", "--from-json", ".git/shown.json"])
            .data();
        let posted = ours(&stub).join("\n");
        assert!(!posted.contains("<img src=x>"), "{forge:?}: {posted}");
        assert!(!posted.contains("@all"), "{forge:?}: {posted}");
    }
}

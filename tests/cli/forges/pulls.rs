//! `mlpipe pr`: a branch, a commit and a pull request, once each.

use super::*;

#[test]
fn a_pull_request_is_opened_once() {
    let (project, sha) = reviewed();
    project.write("reports/note.md", "a note\n");
    for forge in FORGES {
        let stub = Stub::new(forge);
        let ci = Ci::of(&stub, &project, 1, &sha);
        let arguments = [
            "pr",
            "reports/note.md",
            "metrics.json",
            "--title",
            "New results",
        ];
        let page = ci.run(&project, &arguments).data();
        assert!(
            page.starts_with("https://forge.example/p/"),
            "{forge:?}: {page}"
        );
        let writes = stub.writes().len();
        let again = ci.run(&project, &arguments);
        assert_eq!(again.data(), page, "{forge:?}");
        let name = format!("mlpipe/{}", &sha[..7]);
        {
            let world = stub.world();
            assert_eq!(world.pulls.len(), 1, "{forge:?}");
            assert_eq!(world.pulls[0].branch, name, "{forge:?}");
            let files = &world.branches[&name].files;
            assert_eq!(files["reports/note.md"], b"a note\n", "{forge:?}");
            assert_eq!(world.branches["main"].files.len(), 0, "{forge:?}");
        }
        if forge != Forge::Github {
            // GitHub makes git's objects again, which are there already.
            assert_eq!(stub.writes().len(), writes, "{forge:?}");
        }
        let tip = stub.world().branches[&name].sha.clone();
        project.write("reports/note.md", "another note\n");
        ci.run(&project, &arguments).success();
        {
            let world = stub.world();
            let branch = &world.branches[&name];
            assert_ne!(branch.sha, tip, "{forge:?}");
            assert_eq!(
                branch.files["reports/note.md"], b"another note\n",
                "{forge:?}"
            );
            assert_eq!(world.pulls.len(), 1, "{forge:?}");
        }
        project.write("reports/note.md", "a note\n");
    }
}

#[test]
fn what_is_there_already_needs_no_pull_request() {
    let (project, sha) = reviewed();
    for forge in FORGES {
        let stub = Stub::new(forge);
        let content = project.read("metrics.json").into_bytes();
        let mut world = stub.world();
        let main = world.branches.get_mut("main").expect("main");
        main.files.insert("metrics.json".to_owned(), content);
        drop(world);
        let ci = Ci::of(&stub, &project, 1, &sha);
        let text = ci.run(&project, &["pr", "metrics.json"]).success();
        assert!(text.contains("nothing to do"), "{forge:?}: {text}");
        assert_eq!(stub.writes(), [""; 0], "{forge:?}");
    }
}

#[test]
fn others_who_commit_meanwhile_are_not_overwritten() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    let ci = Ci::of(&stub, &project, 1, &sha);
    ci.run(&project, &["pr", "metrics.json", "--branch", "results"])
        .success();
    let late = json!({"message": "Update is not a fast forward"});
    stub.fail(
        "PATCH",
        "/results",
        Fault::Answer(Response::json(422, &late)),
    );
    project.write("reports/note.md", "a note\n");
    ci.run(&project, &["pr", "reports/note.md", "--branch", "results"])
        .success();
    let world = stub.world();
    let files: Vec<&String> = world.branches["results"].files.keys().collect();
    assert_eq!(files, ["metrics.json", "reports/note.md"]);
}

#[test]
fn mistakes_are_told_before_anything_is_sent() {
    let (project, sha) = reviewed();
    let stub = Stub::new(Forge::Github);
    let ci = Ci::of(&stub, &project, 1, &sha);
    let text = ci.run(&project, &["pr", "no.md"]).failure(2);
    assert!(text.contains("the file `no.md` does not exist"), "{text}");
    let text = ci.run(&project, &["pr", "model"]).failure(2);
    assert!(text.contains("`model` is a folder"), "{text}");
    let text = ci
        .run(&project, &["pr", "metrics.json", "--branch", "main"])
        .failure(2);
    assert!(
        text.contains("`main` is the branch that it would be merged into"),
        "{text}"
    );
    assert_eq!(stub.writes(), [""; 0]);
}

//! `mlpipe remove`.

use crate::support::Project;

#[test]
fn a_removed_stage_leaves_no_traces_but_its_outs() {
    let project = Project::chain();
    project.edit("pipeline.yaml", "  train:\n", "\n  # the model\n  train:\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read(".gitignore"), "/mid.txt\n/model\n");
    let text = project.run(&["remove", "train"]).success();
    assert_eq!(text, "removed train\n");
    let pipeline = project.read("pipeline.yaml");
    assert!(pipeline.ends_with("    outs: [mid.txt]\n"), "{pipeline}");
    assert!(!project.read("data.lock").contains("train"));
    assert_eq!(project.read(".gitignore"), "/mid.txt\n");
    assert!(project.exists("model/weights"));
    assert_eq!(
        project.run(&["status"]).data(),
        "everything is up to date\n"
    );
    project.run(&["remove", "prep"]).success();
    assert_eq!(project.read("pipeline.yaml"), "stages: {}\n");
    assert!(!project.exists(".gitignore"));
}

#[test]
fn outs_go_only_if_they_can_be_had_again() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.write("mid.txt", "mine\n");
    let text = project
        .run(&["remove", "--outs", "prep", "train"])
        .success();
    assert!(
        text.contains("mid.txt is in no cache; it is now .mlpipe/kept/mid.txt\n"),
        "{text}"
    );
    assert!(text.contains("deleted model\n"), "{text}");
    assert_eq!(project.read(".mlpipe/kept/mid.txt"), "mine\n");
    assert!(!project.exists("mid.txt") && !project.exists("model"));
}

#[test]
fn nothing_is_removed_if_something_is_wrong() {
    let project = Project::chain();
    let before = project.read("pipeline.yaml");
    let text = project.run(&["remove", "prep", "trian"]).failure(1);
    assert!(text.contains("did you mean `train`?"), "{text}");
    assert_eq!(project.read("pipeline.yaml"), before);
    project.run(&["remove"]).failure(2);
}

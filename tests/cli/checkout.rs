//! `mlpipe checkout`: recorded outs come back, and nothing of the user's is lost by it.

use crate::support::Project;

#[test]
fn outs_that_are_missing_or_differ_come_back_and_nothing_runs() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.remove("mid.txt");
    project.write("model/weights", "edited\n");
    project.edit("params.yaml", "lr: 0.1", "lr: 0.2");
    let lock = project.read("data.lock");
    let text = project.run(&["checkout"]).success();
    assert!(text.contains("2 restored in"), "{text}");
    assert!(
        text.contains("your model was in no cache; it is kept as .mlpipe/kept/model"),
        "{text}"
    );
    assert_eq!(project.read("mid.txt"), "HELLO\n");
    assert!(project.read("model/weights").starts_with("HELLO"));
    assert_eq!(project.read(".mlpipe/kept/model/weights"), "edited\n");
    assert_eq!(project.read("data.lock"), lock);
    assert!(project.run(&["checkout"]).success().contains("2 unchanged"));
}

#[test]
fn what_the_cache_lacks_is_named_and_leaves_all_else_alone() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.remove(".mlpipe/cache");
    project.run(&["commit", "train"]).success();
    project.write("mid.txt", "edited\n");
    project.remove("model");
    let error = project.run(&["checkout"]).failure(1);
    assert!(
        error.contains("the cache does not have its `mid.txt`"),
        "{error}"
    );
    assert!(error.contains("`mlpipe repro prep` makes"), "{error}");
    assert_eq!(project.read("mid.txt"), "edited\n");
    assert!(project.exists("model/weights"), "it needs nothing of prep");
    project.run(&["checkout", "train"]).success();
}

#[test]
fn switching_branches_brings_their_outs() {
    let project = Project::chain();
    project.run(&["install"]).data();
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["switch", "-qc", "other"]);
    project.write("in.txt", "bye\n");
    project.run(&["repro"]).success();
    project.commit();
    project.git(&["switch", "-q", "main"]);
    assert_eq!(project.read("mid.txt"), "HELLO\n");
    project.run(&["status", "--exit-code"]).success();
    project.write("mid.txt", "mine\n");
    project.git(&["checkout", "-q", "--", "in.txt"]);
    assert_eq!(
        project.read("mid.txt"),
        "mine\n",
        "single files bring nothing"
    );
    project.git(&["switch", "-q", "other"]);
    assert_eq!(project.read("mid.txt"), "BYE\n");
    assert_eq!(project.read(".mlpipe/kept/mid.txt"), "mine\n");
}

//! `mlpipe check-ignore`: which pattern keeps a path from being data.

use crate::support::Project;

#[test]
fn the_pattern_is_named_with_its_file_and_line() {
    let project = Project::new();
    project.run(&["init"]).data();
    project.write(".mlpipeignore", "# scratch\n*.tmp\n!keep.tmp\nlogs/\n");
    project.write("data/.mlpipeignore", "/a\n");
    let paths = [
        "x.tmp",
        "keep.tmp",
        "logs/",
        "logs/deep/x",
        "data/a",
        "data/b",
        ".git/config",
    ];
    let arguments = [&["check-ignore", "--details"], &paths[..]].concat();
    assert_eq!(
        project.run(&arguments).data(),
        "\
.mlpipeignore:2:*.tmp\tx.tmp
.mlpipeignore:4:logs/\tlogs/
.mlpipeignore:4:logs/\tlogs/deep/x
data/.mlpipeignore:1:/a\tdata/a
default:.git\t.git/config
"
    );
    let text = project
        .run(&["--cd", "data", "check-ignore", "a", "b"])
        .data();
    assert_eq!(text, "a\n");
}

#[test]
fn the_exit_code_says_whether_any_is_ignored() {
    let project = Project::new();
    project.run(&["init"]).data();
    project.write(".mlpipeignore", "logs/\n");
    let output = project.run(&["check-ignore", "logs", "data"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    project.write("logs/x", "x\n");
    assert_eq!(
        project.run(&["check-ignore", "logs", "data"]).data(),
        "logs\n"
    );
    let error = project.run(&["check-ignore", "../outside"]).failure(2);
    assert!(error.contains("lies outside the project"), "{error}");
    let _usage = project.run(&["check-ignore"]).failure(2);
}

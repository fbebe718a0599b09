//! `mlpipe completion`: shells complete commands and options.

use crate::support::{Output, Project};

#[test]
fn bash_completes_commands_and_options() {
    let project = Project::new();
    project.write(
        "completion.bash",
        &project.run(&["completion", "bash"]).data(),
    );
    let complete = |words: &str, at: u32| {
        let script = format!(
            "source completion.bash; COMP_WORDS=({words}); COMP_CWORD={at}; \
             _mlpipe mlpipe \"${{COMP_WORDS[$COMP_CWORD]}}\" ''; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let mut bash = project.isolated("bash");
        Output::of(bash.args(["-c", &script])).data()
    };
    assert_eq!(complete("mlpipe rep", 1), "repro\nreport\n");
    assert_eq!(complete("mlpipe repro --keep", 2), "--keep-going\n");
}

#[test]
fn other_shells_are_known_and_the_own_one_is_the_default() {
    let project = Project::new();
    assert!(
        project
            .run(&["completion", "zsh"])
            .data()
            .starts_with("#compdef mlpipe")
    );
    assert!(
        project
            .run(&["completion", "-s", "fish"])
            .data()
            .contains("complete -c mlpipe")
    );
    let mut unknown = project.command(&["completion"]);
    let text = Output::of(unknown.env("SHELL", "/bin/nonsense")).failure(2);
    assert!(text.contains("name it: bash, zsh"), "{text}");
}

//! The list of commands in `mlpipe --help`, by what people want to do.

use std::fmt::Write;

use clap::builder::StyledStr;
use clap::{Command, CommandFactory};

use super::args::Arguments;
use super::examples;

/// What people want to do, and the commands for it; a test holds that each command stands once.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "Run pipelines",
        &[
            "init", "repro", "status", "dag", "stage", "freeze", "unfreeze", "commit",
        ],
    ),
    (
        "Track data",
        &[
            "add",
            "checkout",
            "diff",
            "data",
            "ls",
            "du",
            "move",
            "remove",
            "unprotect",
            "check-ignore",
            "gc",
            "fsck",
        ],
    ),
    (
        "Share it",
        &[
            "push",
            "pull",
            "fetch",
            "remote",
            "import",
            "import-url",
            "update",
            "get",
            "get-url",
            "ls-url",
            "artifacts",
        ],
    ),
    (
        "Compare and review",
        &["metrics", "params", "plots", "gate", "report"],
    ),
    (
        "Pull requests and CI",
        &["comment", "check", "pr", "badge", "ci"],
    ),
    (
        "Set up",
        &[
            "install",
            "config",
            "root",
            "cache",
            "import-dvc",
            "doctor",
            "completion",
            "ml",
            "help",
        ],
    ),
];

/// Returns the command line, with its commands in groups.
pub(super) fn command() -> Command {
    let command = examples::add_to(Arguments::command());
    let groups = grouped(&command);
    let heading = command.get_styles().get_header();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n\
         {{before-help}}{heading}Options:{heading:#}\n{{options}}{{after-help}}"
    );
    command
        .help_template(template)
        .before_help(groups)
        .after_help("`mlpipe COMMAND --help` has the options of a command.")
}

fn grouped(command: &Command) -> StyledStr {
    let heading = command.get_styles().get_header();
    let literal = command.get_styles().get_literal();
    let mut text = String::new();
    for (title, names) in GROUPS {
        let _infallible = writeln!(text, "{heading}{title}:{heading:#}");
        for name in names {
            if let Some(about) = about(command, name) {
                let _infallible = writeln!(text, "  {literal}{name:<12}{literal:#}  {about}");
            }
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    StyledStr::from(text)
}

fn about(command: &Command, name: &str) -> Option<String> {
    if name == "help" {
        return Some("Print this list, or the help of a command".to_owned());
    }
    let known = command.find_subcommand(name)?;
    Some(known.get_about()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_stands_in_one_group_and_on_one_line() {
        let command = Arguments::command();
        let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
        let mut names: Vec<&str> = shown.map(Command::get_name).collect();
        let mut listed: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        listed.retain(|name| *name != "help" && (cfg!(feature = "ml") || *name != "ml"));
        names.sort_unstable();
        listed.sort_unstable();
        assert_eq!(names, listed);
        for line in grouped(&command).to_string().lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

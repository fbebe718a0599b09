//! Examples in the help of commands, where people need one to begin with.

use std::fmt::Write;

use clap::Command;

/// What is typed, and what comes of it.
type Example = (&'static str, &'static str);

/// The examples of each command, by its name.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "repro",
        &[
            (
                "mlpipe repro",
                "whatever has changed, and what follows from it",
            ),
            (
                "mlpipe repro evaluate",
                "this stage and those that it needs",
            ),
            ("mlpipe repro --dry", "says what would run, and why"),
            (
                "mlpipe repro -j 4 -k",
                "four at once; go on where one fails",
            ),
            ("mlpipe repro -S train.lr=0.01", "with another parameter"),
        ],
    ),
    (
        "status",
        &[
            ("mlpipe status --explain train", "what differs since it ran"),
            ("mlpipe status --cloud", "what the remote lacks"),
        ],
    ),
    (
        "stage add",
        &[(
            "mlpipe stage add -n train -d train.py -d data -p train.lr -o model.pt python train.py",
            "",
        )],
    ),
    (
        "add",
        &[
            (
                "mlpipe add data/raw",
                "git then keeps data.lock in its place",
            ),
            ("mlpipe add --glob 'data/*.csv'", "each of them"),
        ],
    ),
    (
        "import-url",
        &[("mlpipe import-url https://example.org/train.csv data/", "")],
    ),
    (
        "import",
        &[(
            "mlpipe import https://git.example.org/data.git raw -o data/raw --rev v2",
            "",
        )],
    ),
    (
        "get",
        &[(
            "mlpipe get https://git.example.org/model.git model.pt --rev v2",
            "",
        )],
    ),
    (
        "remote add",
        &[
            ("mlpipe remote add -d store s3://bucket/path", "the default"),
            ("mlpipe remote add shelf /mnt/shelf", "a folder"),
        ],
    ),
    (
        "config",
        &[
            (
                "mlpipe config --list --show-origin",
                "what counts, and from where",
            ),
            ("mlpipe config cache.dir /mnt/cache", "for this project"),
        ],
    ),
    (
        "gc",
        &[
            (
                "mlpipe gc --workspace --dry",
                "what would go, and how much it is",
            ),
            ("mlpipe gc -a -T", "keep what branches and tags need"),
        ],
    ),
    (
        "diff",
        &[
            ("mlpipe diff", "HEAD against the workspace"),
            (
                "mlpipe diff v1 v2 --targets data",
                "two revisions, one folder",
            ),
        ],
    ),
    (
        "metrics show",
        &[
            ("mlpipe metrics show", "those of the workspace"),
            (
                "mlpipe metrics show -a --md",
                "also of all branches, for a comment",
            ),
        ],
    ),
    (
        "metrics diff",
        &[
            ("mlpipe metrics diff main", "main against the workspace"),
            (
                "mlpipe metrics diff --merge-base main",
                "from where the branch began",
            ),
            (
                "mlpipe metrics diff v1 v2 --all --json",
                "two revisions, for programs",
            ),
        ],
    ),
    (
        "params diff",
        &[("mlpipe params diff main --deps", "only what stages read")],
    ),
    (
        "plots show",
        &[
            ("mlpipe plots show", "all, into mlpipe_plots/index.html"),
            (
                "mlpipe plots show loss.csv -x step -y loss",
                "two columns of a file",
            ),
            (
                "mlpipe plots show --png figures",
                "a file for each, for documents",
            ),
        ],
    ),
    (
        "plots diff",
        &[
            ("mlpipe plots diff main", "main against the workspace"),
            (
                "mlpipe plots diff v1 v2 workspace",
                "any number, the oldest first",
            ),
            (
                "mlpipe plots diff --targets loss.csv --text",
                "one plot, on the terminal",
            ),
        ],
    ),
    (
        "plots modify",
        &[(
            "mlpipe plots modify loss.csv --title Loss --unset template",
            "",
        )],
    ),
    (
        "plots templates",
        &[("mlpipe plots templates linear", "prints it, to begin with")],
    ),
    (
        "gate",
        &[
            ("mlpipe gate", "all, against where the branch left main"),
            ("mlpipe gate accuracy --base v1", "one, against a tag"),
        ],
    ),
    (
        "report",
        &[
            ("mlpipe report", "reports/report.md"),
            (
                "mlpipe report --out report.html",
                "one page, with the plots",
            ),
            (
                "mlpipe report --forge gitlab --out -",
                "as GitLab shows it, printed",
            ),
        ],
    ),
    (
        "comment",
        &[
            ("mlpipe comment --gate", "and end with 4 where a gate fails"),
            (
                "mlpipe comment notes.md --id notes",
                "any markdown, beside the report",
            ),
            ("mlpipe comment --dry-run", "only print the requests"),
        ],
    ),
    (
        "check",
        &[("mlpipe check -- mlpipe repro", "in progress while it runs")],
    ),
    (
        "pr",
        &[("mlpipe pr data.lock metrics.json --title 'New results'", "")],
    ),
    (
        "badge",
        &[
            ("mlpipe badge accuracy --output accuracy.svg", "a picture"),
            ("mlpipe badge accuracy --publish", "on the branch `badges`"),
        ],
    ),
    ("ci init", &[("mlpipe ci init --forge github", "")]),
    (
        "completion",
        &[(
            "mlpipe completion bash > ~/.local/share/bash-completion/completions/mlpipe",
            "",
        )],
    ),
];

/// Adds the examples to the help of the commands below `command`.
pub(super) fn add_to(mut command: Command) -> Command {
    for (name, examples) in EXAMPLES {
        command = add_below(command, name, examples);
    }
    command
}

fn add_below(command: Command, name: &str, examples: &[Example]) -> Command {
    let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
    command.mut_subcommand(first, |command| {
        if rest.is_empty() {
            command.after_help(text(examples))
        } else {
            add_below(command, rest, examples)
        }
    })
}

/// Writes examples, each with what comes of it behind it.
fn text(examples: &[Example]) -> String {
    let widths = examples.iter().map(|(typed, _)| typed.len());
    let width = widths.max().unwrap_or(0);
    let mut text = "Examples:".to_owned();
    for (typed, what) in examples {
        let line = format!("  {typed:width$}  {what}");
        let _infallible = write!(text, "\n{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::args::Arguments;

    #[test]
    fn examples_can_be_typed() {
        add_to(Arguments::command()).debug_assert();
        for (name, examples) in EXAMPLES {
            for (typed, _) in *examples {
                assert!(typed.starts_with(&format!("mlpipe {name}")), "{typed}");
                let typed = typed.split(" > ").next().expect("a command");
                let words = typed.split(' ').map(|word| word.trim_matches('\''));
                if let Err(error) = Arguments::try_parse_from(words) {
                    panic!("{typed}: {error}");
                }
            }
            let widths = text(examples).lines().map(str::len).max();
            assert!(widths.is_some_and(|width| width <= 100), "{name}");
        }
    }
}

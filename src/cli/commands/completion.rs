//! `mlpipe completion`.

use clap::Args;
use clap_complete::Shell;

use crate::cli::error::{CliError, Exit};
use crate::cli::{help, ui};

#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell [default: that of $SHELL]
    #[arg(value_name = "SHELL")]
    shell: Option<Shell>,

    /// The same, as an option
    #[arg(
        short = 's',
        long = "shell",
        value_name = "SHELL",
        conflicts_with = "shell",
        hide_possible_values = true
    )]
    named: Option<Shell>,
}

/// Prints what a shell sources to complete commands and options.
pub(crate) fn run(args: &CompletionArgs) -> Result<Exit, CliError> {
    let asked = args.shell.or(args.named);
    let Some(shell) = asked.or_else(Shell::from_env) else {
        return Err(CliError::usage(
            "which shell is this? $SHELL does not say".to_owned(),
            "name it: bash, zsh, fish, elvish or powershell",
        ));
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(), "mlpipe", &mut script);
    ui::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}

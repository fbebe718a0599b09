//! `mlpipe check-ignore`.

use clap::Args;

use crate::base::ignore_rules::IgnoreRules;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;

#[derive(Debug, Args)]
pub(crate) struct CheckIgnoreArgs {
    /// Files and folders, which need not exist; one that ends with `/` is a folder
    #[arg(required = true)]
    paths: Vec<String>,

    /// Print the file, line and pattern that ignores each
    #[arg(short, long)]
    details: bool,
}

/// Says which paths are no data by `.mlpipeignore`.
pub(crate) fn run(args: &CheckIgnoreArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let rules = IgnoreRules::open(workspace.root());
    let mut text = String::new();
    for name in &args.paths {
        let path = context.path(&workspace, name)?;
        let is_folder = name.ends_with('/') || workspace.locate(&path).is_dir();
        if let Some(pattern) = rules.ignored(&path, is_folder)? {
            if args.details {
                text += &format!("{pattern}\t");
            }
            text += &format!("{name}\n");
        }
    }
    let exit = if text.is_empty() {
        Exit::Error
    } else {
        Exit::Success
    };
    if !context.quiet {
        ui::print(&text)?;
    }
    Ok(exit)
}

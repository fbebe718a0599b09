//! The command line: the only room that builds concrete types and prints.

mod args;
mod commands;
mod error;
mod examples;
mod foreign;
mod help;
mod ui;

use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::ErrorKind;

use args::Arguments;
use error::Exit;

/// Runs the command that the process was called with; returns its exit code.
pub fn main() -> ExitCode {
    let matches = help::command().try_get_matches();
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => return explain_usage(&error),
    };
    match commands::run(&arguments) {
        Ok(exit) => exit.into(),
        Err(error) if error.is_broken_pipe => ExitCode::SUCCESS,
        Err(error) => {
            ui::eprint(&ui::diagnostics::render(&error));
            error.exit.into()
        }
    }
}

/// Help and versions are no errors; anything else that clap has to say is a usage error.
fn explain_usage(error: &clap::Error) -> ExitCode {
    if let Some(error) = foreign::explain(error) {
        ui::eprint(&ui::diagnostics::render(&error));
        return error.exit.into();
    }
    // A closed standard output is nothing that could be told to anybody.
    let _closed = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => Exit::Usage.into(),
    }
}

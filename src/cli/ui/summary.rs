//! The last lines of a run.

use std::io;

use crate::base::human;
use crate::cli::ui::style::{DIM, paint};
use crate::cli::ui::{eprint, json, print};
use crate::engine::{Ending, Summary};

/// Shows how a run ended, to programs or to people.
pub(crate) fn show(summary: &Summary, json: bool, quiet: bool) -> io::Result<()> {
    if json {
        return print(&json::summary(summary));
    }
    if !quiet {
        eprint(&render(summary));
    }
    Ok(())
}

/// Writes what was done.
fn render(summary: &Summary) -> String {
    let parts: Vec<String> = Ending::ALL
        .into_iter()
        .filter(|ending| summary.count(*ending) > 0)
        .map(|ending| {
            format!(
                "{} {}",
                human::thousands(summary.count(ending)),
                ending.word()
            )
        })
        .collect();
    let counts = if parts.is_empty() {
        "no stages".to_owned()
    } else {
        parts.join(", ")
    };
    let lock = if summary.lock_changed {
        " · data.lock updated"
    } else {
        ""
    };
    let mut text = format!("  {counts} in {}{lock}\n", human::duration(summary.time));
    if summary.count(Ending::Failed) > 0 && summary.count(Ending::Stopped) > 0 {
        let hint = "mlpipe repro --keep-going  goes on with what does not need the failed stage";
        text += &format!("  {}\n", paint(DIM, hint));
    }
    text
}

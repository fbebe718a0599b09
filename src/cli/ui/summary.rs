//! The last lines of a run.

use crate::base::human;
use crate::cli::ui::style::{DIM, paint};
use crate::engine::Summary;

/// Writes what was done, and the headline of the report.
pub(crate) fn render(summary: &Summary, headline: Option<&str>) -> String {
    let words = [
        "ran",
        "restored",
        "recorded",
        "unchanged",
        "failed",
        "skipped",
        "stopped",
    ];
    let parts: Vec<String> = words
        .iter()
        .filter(|word| summary.count(word) > 0)
        .map(|word| format!("{} {word}", human::thousands(summary.count(word))))
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
    if let Some(headline) = headline {
        text += &format!("  {headline}\n");
    }
    if summary.count("failed") > 0 && summary.count("stopped") > 0 {
        let hint = "mlpipe repro --keep-going  goes on with what does not need the failed stage";
        text += &format!("  {}\n", paint(DIM, hint));
    }
    text
}

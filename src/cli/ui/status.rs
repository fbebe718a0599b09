//! What would run and why, as lines.

use crate::cli::error::explain_failure;
use crate::cli::ui::diagnostics;
use crate::cli::ui::style::{CHANGED, DIM, paint};
use crate::engine::{Forecast, Reason, StageStatus};
use crate::pipeline::StageName;

/// Writes one block a stage that is not up to date, and a line for all that are.
pub(crate) fn render(stages: &[StageStatus]) -> String {
    let mut text = String::new();
    let mut unchanged = 0;
    for StageStatus { stage, forecast } in stages {
        match forecast {
            Forecast::Unchanged => unchanged += 1,
            Forecast::Run(reasons) => {
                text += &block(stage.as_str(), "would run", reasons);
            }
            Forecast::Restore(reasons) => {
                text += &block(
                    stage.as_str(),
                    "would be restored, without running",
                    reasons,
                );
            }
            Forecast::Adopt => text += &block(stage.as_str(), "would be recorded as it is", &[]),
            Forecast::MayRun { upstream, reasons } => {
                let names: Vec<&str> = upstream.iter().map(StageName::as_str).collect();
                let what = format!("may run, since {} would", names.join(", "));
                text += &block(stage.as_str(), &what, reasons);
            }
            Forecast::Fail(failure) => {
                text += &diagnostics::render(&explain_failure(stage.as_str(), failure, None));
            }
        }
    }
    match (unchanged, text.is_empty()) {
        (0, true) => "the pipeline has no stages\n".to_owned(),
        (_, true) => "everything is up to date\n".to_owned(),
        (0, false) => text,
        (count, false) => text + &paint(DIM, &format!("{count} unchanged")) + "\n",
    }
}

fn block(stage: &str, what: &str, reasons: &[Reason]) -> String {
    let mut text = format!("{} {what}\n", paint(CHANGED, stage));
    for reason in reasons {
        text += &format!("  {reason}\n");
    }
    text
}

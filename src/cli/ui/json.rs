//! Events and listings as JSON, with keys that stay.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::base::fs;
use crate::base::output::Line;
use crate::cli::ui::data::status_values;
use crate::cli::ui::print;
use crate::data::{Tracked, Unmerged};
use crate::engine::{
    Ending, Event, Failure, Forecast, Outcome, Reason, Reporter, Retry, StageStatus, Summary,
};
use crate::pipeline::{LOCK_FILE, StageName};

/// Prints one JSON object an event.
pub(crate) struct JsonReporter;

impl Reporter for JsonReporter {
    fn report(&mut self, event: &Event) {
        let text = match event {
            Event::Settled { stages } => stages.iter().map(unchanged).collect(),
            Event::Output { stage, lines } => {
                lines.iter().map(|line| output(stage, line)).collect()
            }
            event => format!("{}\n", event_value(event)),
        };
        // A reader that has gone is no reason to stop training.
        let _closed = print(&text);
    }
}

/// A settled stage is through like any other.
fn unchanged(stage: &StageName) -> String {
    let outcome = Ending::Unchanged;
    let value = json!({"event": "finished", "stage": stage, "outcome": outcome, "milliseconds": 0});
    format!("{value}\n")
}

/// A command may print a great many lines: no tree is built for each.
fn output(stage: &StageName, line: Line<'_>) -> String {
    #[derive(Serialize)]
    struct Output<'a> {
        event: &'a str,
        line: &'a str,
        stage: &'a StageName,
        transient: bool,
    }
    let output = Output {
        event: "output",
        line: line.text,
        stage,
        transient: line.is_transient,
    };
    serde_json::to_string(&output).expect("invariant: plain data") + "\n"
}

fn event_value(event: &Event) -> Value {
    match event {
        // Each of their parts is an event to programs.
        Event::Settled { .. } | Event::Output { .. } => Value::Null,
        Event::Waiting { holder } => json!({"event": "waiting", "holder": holder}),
        Event::Blocked { stage, holder } => {
            json!({"event": "blocked", "stage": stage, "holder": holder})
        }
        Event::Recovered { stage } => json!({"event": "recovered", "stage": stage}),
        Event::Orphaned { stage } => json!({"event": "orphaned", "stage": stage}),
        Event::Planned { stages } => json!({"event": "planned", "stages": stages}),
        Event::Started { stage, reasons } => {
            json!({"event": "started", "stage": stage, "reasons": texts(reasons)})
        }
        Event::Alone { stage, wish } => json!({"event": "alone", "stage": stage, "wants": wish}),
        Event::Retrying(retry) => retrying(retry),
        Event::Asking { stage, url, cause } => {
            json!({"event": "asking", "stage": stage, "url": url, "error": cause})
        }
        Event::Kept { stage, path, to } => {
            json!({"event": "kept", "stage": stage, "path": path, "to": to})
        }
        Event::Provided { path } => json!({"event": "provided", "path": path}),
        Event::Quarantined { stage, object } => {
            json!({"event": "quarantined", "stage": stage, "object": object})
        }
        Event::Unsaved { error, .. } => unsaved(error),
        Event::Finished {
            stage,
            outcome,
            time,
        } => finished(stage, outcome, *time),
    }
}

fn retrying(retry: &Retry) -> Value {
    json!({
        "event": "retrying",
        "stage": retry.stage,
        "attempt": retry.attempt,
        "of": retry.of,
        "error": retry.cause,
        "delay_milliseconds": milliseconds(retry.delay),
    })
}

fn unsaved(error: &fs::Error) -> Value {
    let path = error.path.display().to_string();
    json!({"event": "unsaved", "path": path, "error": error.source.to_string()})
}

fn finished(stage: &StageName, outcome: &Outcome, time: Duration) -> Value {
    let mut value = json!({
        "event": "finished",
        "stage": stage,
        "outcome": outcome.ending(),
        "milliseconds": milliseconds(time),
    });
    match outcome {
        Outcome::Ran { reasons } | Outcome::Restored { reasons, .. } => {
            value["reasons"] = texts(reasons);
        }
        Outcome::Held { reasons } => {
            value["frozen"] = true.into();
            value["reasons"] = texts(reasons);
        }
        Outcome::Failed { failure, log } => {
            value["error"] = failure.to_string().into();
            value["timed_out"] = matches!(failure, Failure::TimedOut { .. }).into();
            value["log"] = json!(log);
        }
        Outcome::Skipped { upstream } => value["needs"] = json!(upstream),
        Outcome::Left { path } => value["missing"] = json!(path),
        Outcome::Unchanged | Outcome::Adopted | Outcome::Declined | Outcome::Stopped => {}
    }
    value
}

/// Writes the last line of a run.
pub(crate) fn summary(summary: &Summary) -> String {
    let counts = Ending::ALL.map(|ending| (ending.word().to_owned(), json!(summary.count(ending))));
    let value = json!({
        "event": "summary",
        "counts": counts.into_iter().collect::<serde_json::Map<_, _>>(),
        "lock_changed": summary.lock_changed,
        "milliseconds": milliseconds(summary.time),
    });
    format!("{value}\n")
}

/// Writes what would happen to each stage, then the tracked data that is not as recorded.
pub(crate) fn status(
    stages: &[StageStatus],
    data: &[Tracked],
    unmerged: Option<&Unmerged>,
) -> String {
    let mut values: Vec<Value> = stages.iter().map(status_value).collect();
    values.extend(unmerged.map(|one| json!({"conflict": LOCK_FILE, "data": one.data})));
    values.extend(status_values(data));
    format!("{:#}\n", json!(values))
}

fn status_value(status: &StageStatus) -> Value {
    let stage = &status.stage;
    match &status.forecast {
        Forecast::Unchanged => json!({"stage": stage, "forecast": "unchanged"}),
        Forecast::Hold(reasons) => {
            json!({"stage": stage, "forecast": "frozen", "reasons": texts(reasons)})
        }
        Forecast::Cache(paths) => {
            json!({"stage": stage, "forecast": "cache", "outs": paths})
        }
        Forecast::Adopt => json!({"stage": stage, "forecast": "record"}),
        Forecast::Restore(reasons) => {
            json!({"stage": stage, "forecast": "restore", "reasons": texts(reasons)})
        }
        Forecast::Run(reasons) => {
            json!({"stage": stage, "forecast": "run", "reasons": texts(reasons)})
        }
        Forecast::MayRun { upstream, reasons } => json!({
            "stage": stage, "forecast": "may run", "upstream": upstream, "reasons": texts(reasons),
        }),
        Forecast::Fail(failure) => {
            json!({"stage": stage, "forecast": "fail", "error": failure.to_string()})
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn texts(reasons: &[Reason]) -> Value {
    json!(reasons.iter().map(ToString::to_string).collect::<Vec<_>>())
}

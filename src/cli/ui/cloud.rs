//! How the cache and a remote differ, as people and programs see it.

use serde_json::json;

use crate::base::human;
use crate::exchange::{CloudState, CloudStatus};

/// Writes a line for each path that is not in both.
pub(crate) fn text(status: &CloudStatus, url: &str) -> String {
    if status.entries.is_empty() {
        return format!("the cache and {url} are the same\n");
    }
    let line = |((path, state), objects): (&(String, CloudState), &usize)| {
        let state = match state {
            CloudState::New => "new",
            CloudState::Deleted => "only there",
            CloudState::Missing => "missing",
        };
        let count = match objects {
            1 => String::new(),
            count => format!("  ({})", human::count(*count, "object")),
        };
        format!("  {state:<10}  {path}{count}\n")
    };
    let mut text: String = status.entries.iter().map(line).collect();
    let has = |wanted| status.entries.keys().any(|(_, state)| *state == wanted);
    for (state, hint) in [
        (CloudState::New, "`mlpipe push` uploads what is new"),
        (
            CloudState::Deleted,
            "`mlpipe fetch` gets what is only there",
        ),
        (
            CloudState::Missing,
            "what is missing is neither in the cache nor there",
        ),
    ] {
        if has(state) {
            text += &format!("{hint}\n");
        }
    }
    text
}

/// Writes the same as JSON.
pub(crate) fn to_json(status: &CloudStatus) -> String {
    let of = |wanted: CloudState| {
        let own = status
            .entries
            .iter()
            .filter(|((_, state), _)| *state == wanted);
        own.map(|((path, _), objects)| json!({"path": path, "objects": objects}))
            .collect::<Vec<_>>()
    };
    format!(
        "{:#}\n",
        json!({
            "in_sync": status.entries.is_empty(),
            "new": of(CloudState::New),
            "deleted": of(CloudState::Deleted),
            "missing": of(CloudState::Missing),
        })
    )
}

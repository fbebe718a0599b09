//! How the cache and a remote differ, as people and programs see it.

use serde_json::json;

use crate::base::human;
use crate::base::shown::Shown;
use crate::exchange::{CloudState, CloudStatus, CloudSwept};
use crate::remote::{Fault, Inspection, PutRight, Sweeping, SweptAway};

/// Writes a line for each path that is not in both.
pub(crate) fn text(status: &CloudStatus, url: &str) -> String {
    if status.is_same() {
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
    for path in &status.damaged {
        text += &format!("  {:<10}  {path} of {url}\n", "damaged");
    }
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
    if !status.damaged.is_empty() {
        text += "`mlpipe push` mends what is damaged, best from a clone that knows the remote\n";
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
            "in_sync": status.is_same(),
            "new": of(CloudState::New),
            "deleted": of(CloudState::Deleted),
            "missing": of(CloudState::Missing),
            "damaged": status.damaged,
        })
    )
}

/// Says what was swept, or would be.
pub(crate) fn swept(CloudSwept { swept, nowhere }: &CloudSwept, how: Sweeping) -> String {
    let amount = |files: &std::collections::BTreeMap<String, u64>| {
        let size = human::size(files.values().sum());
        format!("{}, {size}", human::count(files.len(), "file"))
    };
    let (marks, deletes) = match how {
        Sweeping::Try => ("would mark", "would delete"),
        Sweeping::Do => ("marked", "deleted"),
    };
    let mut text = String::new();
    if !swept.marked.is_empty() {
        let marked = amount(&swept.marked);
        text += &format!("{marks} {marked}: the first `gc --cloud` after a day deletes them\n");
    }
    if !swept.deleted.is_empty() {
        text += &format!("{deletes} {}\n", amount(&swept.deleted));
    }
    if swept.waiting > 0 {
        text += &format!(
            "{} marked less than a day ago\n",
            human::count(swept.waiting, "file")
        );
    }
    if swept.waste > 0 {
        let waste = human::count(swept.waste, "object");
        text += &format!("{waste} that nobody needs stay in packs that are needed\n");
    }
    if text.is_empty() {
        text += "nothing of this project is there that it does not need\n";
    }
    if !nowhere.is_empty() {
        text += &format!(
            "what data.lock records, but neither the cache nor the remote has: {}\n  `mlpipe push` from \
             where it is\n",
            human::first_of(nowhere)
        );
    }
    text
}

/// Writes the same as JSON.
pub(crate) fn swept_json(CloudSwept { swept, nowhere }: &CloudSwept) -> String {
    let SweptAway {
        marked,
        waste,
        deleted,
        waiting,
    } = swept;
    let report = json!({
        "marked": marked,
        "deleted": deleted,
        "waiting": waiting,
        "waste": waste,
        "missing": nowhere,
    });
    format!("{report:#}\n")
}

/// Says what is wrong at a remote.
pub(crate) fn inspection(found: &Inspection, url: &str) -> String {
    let line = |(path, fault): (&String, &Fault)| {
        let fault = match fault {
            Fault::Missing => "missing",
            Fault::Corrupt => "corrupt",
        };
        format!("  {fault}  {}\n", Shown(path))
    };
    let mut text: String = found.faults.iter().map(line).collect();
    for path in &found.unnamed {
        text += &format!("  in no index  {}\n", Shown(path));
    }
    let files = human::count(found.files, "file");
    let size = human::size(found.bytes);
    if found.faults.is_empty() {
        text += &format!("{files}, {size}, at {url}: all of it is what it should be\n");
    } else {
        let faults = human::count(found.faults.len(), "fault");
        text += &format!("{files}, {size}, at {url}: {faults}\n");
    }
    text
}

/// Says what became of corrupt files.
pub(crate) fn put_right(done: &PutRight) -> String {
    let files = |count| human::count(count, "corrupt file");
    let mut text = String::new();
    if done.replaced > 0 {
        text += &format!("put the right bytes into {}\n", files(done.replaced));
    }
    if done.deleted > 0 {
        text += &format!(
            "deleted {}, whose bytes are not here; now `mlpipe push` from where the data is whole\n",
            files(done.deleted)
        );
    }
    if !done.left.is_empty() {
        text += &format!(
            "left {} that other projects may need too: {}\n  run the same where the data is whole\n",
            files(done.left.len()),
            human::first_of(&done.left)
        );
    }
    text
}

/// Writes the same as JSON.
pub(crate) fn inspection_json(found: &Inspection) -> String {
    let of = |wanted: &Fault| {
        let own = found.faults.iter().filter(|(_, fault)| *fault == wanted);
        own.map(|(path, _)| path.as_str()).collect::<Vec<_>>()
    };
    let report = json!({
        "files": found.files,
        "bytes": found.bytes,
        "missing": of(&Fault::Missing),
        "corrupt": of(&Fault::Corrupt),
        "unnamed": found.unnamed,
    });
    format!("{report:#}\n")
}

//! What a push or a fetch has done, as people and programs see it.

use std::time::Duration;

use serde_json::json;

use crate::base::human;
use crate::base::shown::Shown;
use crate::exchange::Transferred;

/// So many names stand in a message; all of them are listed where there are more.
const FEW: usize = 3;

/// Where things travel to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the remote.
    There,
    /// To the cache.
    Here,
}

/// Says what has travelled, and lists what could not where that is much.
pub(crate) fn text(way: Way, done: &Transferred, url: &str, time: Duration) -> String {
    let mut text = listing("missing", &done.lacking) + &listing("damaged", &done.damaged);
    if done.mended > 0 {
        text += &format!("mended the index of {url}, which was damaged\n");
    }
    if done.objects > 0 || done.runs > 0 {
        text += &travelled(way, done, url, time);
    } else if done.is_nothing() && done.is_complete() {
        text += &match (way, done.others) {
            (Way::There, 0) => format!("nothing to push: {url} has it all\n"),
            (Way::Here, 0) => "nothing to fetch: the cache has it all\n".to_owned(),
            // What other commits record may be git's, or gone for good.
            (Way::There, _) => format!("nothing to push: {url} has all that is here\n"),
            (Way::Here, _) => "nothing to fetch: the cache has all that is there\n".to_owned(),
        };
    }
    text
}

fn travelled(way: Way, done: &Transferred, url: &str, time: Duration) -> String {
    let (verb, end) = match way {
        Way::There => ("pushed", "to"),
        Way::Here => ("fetched", "from"),
    };
    let runs = match done.runs {
        0 => String::new(),
        runs => format!(" and {}", human::count(runs, "run")),
    };
    let objects = human::count(done.objects, "object");
    let (size, time) = (human::size(done.bytes), human::duration(time));
    format!("{verb} {objects}, {size}{runs}, {end} {url} in {time}\n")
}

fn listing(what: &str, paths: &[String]) -> String {
    if paths.len() <= FEW {
        return String::new();
    }
    let line = |text: String, path: &String| text + &format!("  {what}  {}\n", Shown(path));
    paths.iter().fold(String::new(), line)
}

/// Says what could not travel, and why.
pub(crate) fn failure(done: &Transferred, url: &str) -> String {
    let lacking = human::first_of(&done.lacking);
    let damaged = human::first_of(&done.damaged);
    match (done.lacking.is_empty(), done.damaged.is_empty()) {
        (_, true) => format!("neither the cache nor the remote has {lacking}"),
        (true, false) => format!("what {url} has of {damaged} is damaged"),
        (false, false) => format!(
            "what {url} has of {damaged} is damaged, and neither the cache nor the remote has {lacking}"
        ),
    }
}

/// Says what to do about that.
pub(crate) fn rest(way: Way) -> &'static str {
    match way {
        Way::There => {
            "`mlpipe push` where they are, or `mlpipe repro` or `mlpipe add` to make them again; all \
             else was pushed"
        }
        Way::Here => {
            "`mlpipe push` where they are, or `mlpipe repro` to make them again; all else was fetched"
        }
    }
}

/// Writes the same as JSON.
pub(crate) fn to_json(done: &Transferred) -> String {
    let Transferred {
        objects,
        bytes,
        runs,
        lacking,
        damaged,
        others,
        mended,
    } = done;
    let report = json!({
        "objects": objects,
        "bytes": bytes,
        "runs": runs,
        "missing": lacking,
        "damaged": damaged,
        "others": others,
        "mended": mended,
    });
    format!("{report:#}\n")
}

//! What was collected from a cache, or would be.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::base::human;
use crate::data::{Collected, How};
use crate::store::{Amount, Garbage, Kind, Swept};

/// Lists the objects that would go.
pub(crate) fn listing(swept: &Swept) -> String {
    let line = |garbage: &Garbage| {
        let Garbage { digest, size, kind } = garbage;
        format!("{digest}  {:>9}  {}\n", human::size(*size), name_of(*kind))
    };
    swept.garbage.iter().map(line).collect()
}

/// Says what is about to go.
pub(crate) fn will_go(collected: &Collected) -> String {
    let mut text = format!("  {} of no use\n", gone(collected));
    text += &mates(collected);
    text
}

/// Says what was done, or would be.
pub(crate) fn summary(collected: &Collected, how: How) -> String {
    let Collected {
        swept,
        unlisted,
        lacking,
        set_aside,
        ..
    } = collected;
    let (deleted, packed) = match how {
        How::Try => ("would be deleted", "would be packed"),
        How::Delete => ("deleted", "packed"),
    };
    let mut text = format!("  {} {deleted}\n", gone(collected));
    let mut line = |line: String| text += &format!("  {line}\n");
    line(format!("{} stay", amount(swept.kept)));
    if swept.packed.objects > 0 || swept.packs_before != swept.packs_after {
        let packs = |count: usize| human::count(count, "pack");
        line(format!(
            "{} {packed}; {} → {}",
            amount(swept.packed),
            packs(swept.packs_before),
            packs(swept.packs_after)
        ));
    }
    if swept.waste.objects > 0 {
        let waste = amount(swept.waste);
        line(format!(
            "{waste} of no use stay in packs that are mostly needed"
        ));
    }
    if swept.unfinished.objects > 0 {
        let size = human::size(swept.unfinished.bytes);
        line(format!("unfinished files {deleted}: {size}"));
    }
    for digest in &swept.lost {
        line(format!(
            "{digest} was corrupt; it is in the quarantine, and nothing has a good copy of it"
        ));
    }
    if swept.damaged_packs > 0 {
        let packs = human::count(swept.damaged_packs, "damaged pack");
        line(format!(
            "{packs} left out: `mlpipe fsck` saves what is good in them"
        ));
    }
    if *unlisted > 0 {
        let folders = human::count(usize::try_from(*unlisted).unwrap_or(usize::MAX), "folder");
        line(format!(
            "{folders} in scope whose list of files is not in the cache: single files of theirs do not count as needed"
        ));
    }
    if !lacking.is_empty() {
        let names = human::first_of(lacking);
        line(format!(
            "not in the cache, or not whole, though data.lock records it: {names}; `mlpipe pull` gets it, if \
             it was pushed"
        ));
    }
    if *set_aside > 0 {
        let size = human::size(*set_aside);
        line(format!(
            "{size} of yours in .mlpipe/kept: delete there what you do not want"
        ));
    }
    text + &mates(collected)
}

fn mates(collected: &Collected) -> String {
    let mut text = String::new();
    for mate in &collected.mates {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "  all that `{}` may need stays", mate.display());
    }
    text
}

fn gone(collected: &Collected) -> String {
    let of = |kind| collected.swept.garbage_of(kind);
    let (loose, packed) = (of(Kind::Loose), of(Kind::Packed));
    let all = Amount {
        objects: loose.objects + packed.objects,
        bytes: loose.bytes + packed.bytes,
    };
    let mut text = amount(all);
    if loose.objects > 0 && packed.objects > 0 {
        text += &format!(" ({} loose, {} packed)", amount(loose), amount(packed));
    }
    if collected.runs_gone > 0 {
        text += &format!(" and {}", human::count(collected.runs_gone, "run record"));
    }
    text
}

fn amount(amount: Amount) -> String {
    let count = usize::try_from(amount.objects).unwrap_or(usize::MAX);
    let size = human::size(amount.bytes);
    format!("{} of {size}", human::count(count, "object"))
}

/// Writes the same for programs.
pub(crate) fn to_json(collected: &Collected, how: How) -> String {
    let Collected {
        swept,
        runs_gone,
        runs_kept,
        unlisted,
        lacking,
        mates,
        set_aside,
    } = collected;
    let amount = |amount: Amount| json!({"objects": amount.objects, "bytes": amount.bytes});
    let object = |garbage: &Garbage| {
        let kind = name_of(garbage.kind);
        json!({"sha256": garbage.digest, "size": garbage.size, "kind": kind})
    };
    let objects: Vec<Value> = swept.garbage.iter().map(object).collect();
    let value = json!({
        "dry": how == How::Try,
        "removed": {
            "loose": amount(swept.garbage_of(Kind::Loose)),
            "packed": amount(swept.garbage_of(Kind::Packed)),
            "runs": runs_gone,
            "unfinished": amount(swept.unfinished),
        },
        "kept": {
            "objects": swept.kept.objects,
            "bytes": swept.kept.bytes,
            "runs": runs_kept,
            "unused": amount(swept.waste),
            "set_aside": set_aside,
        },
        "packed": amount(swept.packed),
        "packs": {"before": swept.packs_before, "after": swept.packs_after},
        "unlisted": unlisted,
        "missing": lacking,
        "lost": swept.lost,
        "damaged_packs": swept.damaged_packs,
        "projects": mates,
        "objects": objects,
    });
    format!("{value:#}\n")
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Loose => "loose",
        Kind::Packed => "packed",
    }
}

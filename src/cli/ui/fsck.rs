//! What a check of the cache has found.

use serde_json::{Value, json};

use crate::base::any_path::AnyPath;
use crate::base::digest::Digest;
use crate::base::human;
use crate::data::{Affected, Extent, Lacking, Remedy, Report, Use, User};
use crate::pipeline::StageName;
use crate::store::Damage;

/// Says what is wrong, what that affects, and what to do.
pub(crate) fn findings(report: &Report) -> String {
    let mut text = String::new();
    for damage in &report.checked.damage {
        text += &found(damage);
        match damage {
            Damage::Object { has_copy: true, .. } => {
                text += "  another copy of it is good: nothing is lost\n";
            }
            Damage::Object { digest, .. } => text += &affects(report.affected.get(digest)),
            Damage::Unreadable { digest, .. } => {
                let affected = digest.and_then(|digest| report.affected.get(&digest));
                text += &hides(affected);
            }
            _ => {}
        }
    }
    if !report.lacking.is_empty() {
        text += "missing from the cache:\n";
        text += &report.lacking.iter().map(lacks).collect::<String>();
    }
    for stray in &report.checked.strays {
        text += &format!("not part of a cache: {}\n", stray.display());
    }
    text
}

/// Says what was checked.
pub(crate) fn summary(report: &Report) -> String {
    let checked = &report.checked;
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut text = format!(
        "  {} of {} in {} and loose files checked: ",
        human::count(number(checked.objects), "object"),
        human::size(checked.bytes),
        human::count(number(checked.packs), "pack"),
    );
    text += &match (checked.damage.len(), report.lacking.len()) {
        (0, 0) => "all is well\n".to_owned(),
        (0, count) => format!(
            "none is corrupt; of {} in data.lock something is missing\n",
            human::count(count, "path")
        ),
        (count, _) => format!("{} wrong\n", human::count(count, "thing")),
    };
    text
}

fn found(damage: &Damage) -> String {
    match damage {
        Damage::Object { digest, pack, .. } => {
            let place = pack.map_or_else(String::new, |pack| format!(" in pack {}", pack.short()));
            format!("corrupt: object {digest}{place}; it is in the quarantine\n")
        }
        Damage::Pack { name, is_whole } => {
            let end = if *is_whole {
                "it has been mended"
            } else {
                "it is in the quarantine, and what is good of it in a new pack"
            };
            format!("corrupt: the directory of pack {name}; {end}\n")
        }
        Damage::Runs { bytes } => format!(
            "corrupt: {bytes} bytes in the records of earlier runs; they are gone\n  \
             a stage whose record that was runs again when it is next needed\n"
        ),
        Damage::Registration {
            project: Some(project),
            ..
        } => format!(
            "corrupt: the registration of project {}; it has been mended\n",
            project.display()
        ),
        Damage::Registration { name, .. } => format!(
            "corrupt: the registration {name} of a project that uses this cache\n  \
             `mlpipe gc` refuses to delete anything until `mlpipe gc --forget-project {name}`; run \
             `mlpipe fsck` in that project first, which registers it again\n"
        ),
        Damage::Lock => "corrupt: the lock had something in it; it is empty again\n".to_owned(),
        Damage::Unreadable { what, reason, .. } => format!("unreadable: {what}: {reason}\n"),
    }
}

/// Says what needs an object that cannot be read, which may be good all the same.
fn hides(affected: Option<&Affected>) -> String {
    let uses = affected.into_iter().flat_map(|affected| &affected.uses);
    let lines = uses.map(|((path, inner), one)| format!("  needed: {}\n", what(path, inner, one)));
    let lines: String = lines.collect();
    lines + "  mend its permissions or the disk, then run `mlpipe fsck` again\n"
}

fn affects(affected: Option<&Affected>) -> String {
    let uses = affected.map(|affected| &affected.uses);
    let Some(uses) = uses.filter(|uses| !uses.is_empty()) else {
        return "  nothing that data.lock or HEAD needs\n".to_owned();
    };
    let line = |((path, inner), one): (&(AnyPath, String), &Use)| {
        format!(
            "  {}: {}\n",
            what(path, inner, one),
            next(path, &one.user, &one.remedy)
        )
    };
    uses.iter().map(line).collect()
}

fn lacks(lacking: &Lacking) -> String {
    let Lacking {
        path,
        user,
        extent,
        remedy,
    } = lacking;
    let part = match extent {
        Extent::File => String::new(),
        Extent::List => "the list of the files in ".to_owned(),
        Extent::Files { names, total } => {
            let total = usize::try_from(*total).unwrap_or(usize::MAX);
            let missing = human::thousands(names.len());
            format!("{missing} of {} in ", human::count(total, "file"))
        }
    };
    format!(
        "  {part}{}: {}\n",
        whose(path, user),
        next(path, user, remedy)
    )
}

fn whose(path: &AnyPath, user: &User) -> String {
    match user {
        User::Data => format!("data `{path}`"),
        User::Out(stage) => format!("`{path}`, an out of stage `{stage}`"),
        User::Dep(stage) => format!("`{path}`, which stage `{stage}` reads"),
    }
}

fn what(path: &AnyPath, inner: &str, one: &Use) -> String {
    let whose = whose(path, &one.user);
    let part = if one.is_manifest {
        "the list of the files in ".to_owned()
    } else if inner.is_empty() {
        String::new()
    } else {
        format!("`{inner}` in ")
    };
    let when = if one.is_of_head { " at HEAD" } else { "" };
    format!("{part}{whose}{when}")
}

fn next(path: &AnyPath, user: &User, remedy: &Remedy) -> String {
    match remedy {
        Remedy::Add => format!("`mlpipe add {path}` stores it again"),
        Remedy::Repro(_) if matches!(user, User::Dep(_)) => {
            "only for saying what has changed in it; the next run keeps it again".to_owned()
        }
        Remedy::Repro(stage) => format!("`mlpipe repro {stage}` brings it back"),
        Remedy::Fetch => "bring it from another clone, remote or backup".to_owned(),
    }
}

/// Writes the same for programs.
pub(crate) fn to_json(report: &Report) -> String {
    let checked = &report.checked;
    let damage = checked.damage.iter().map(|damage| match damage {
        Damage::Object {
            digest,
            pack,
            has_copy,
        } => json!({
            "kind": "object",
            "sha256": digest,
            "pack": pack,
            "has_copy": has_copy,
            "affects": uses(report, digest),
        }),
        Damage::Pack { name, is_whole } => {
            json!({"kind": "pack", "pack": name, "mended": is_whole})
        }
        Damage::Runs { bytes } => json!({"kind": "runs", "bytes": bytes}),
        Damage::Registration { name, project } => {
            json!({"kind": "registration", "name": name, "project": project})
        }
        Damage::Lock => json!({"kind": "lock"}),
        Damage::Unreadable {
            what,
            reason,
            digest,
        } => json!({
            "kind": "unreadable",
            "what": what,
            "reason": reason,
            "sha256": digest,
            "affects": digest.map(|digest| uses(report, &digest)).unwrap_or_default(),
        }),
    });
    let value = json!({
        "objects": checked.objects,
        "bytes": checked.bytes,
        "packs": checked.packs,
        "runs": checked.runs,
        "damage": damage.collect::<Vec<_>>(),
        "missing": report.lacking.iter().map(lacking_json).collect::<Vec<_>>(),
        "strays": checked.strays,
    });
    format!("{value:#}\n")
}

fn uses(report: &Report, digest: &Digest) -> Vec<Value> {
    let uses = report.affected.get(digest).map(|affected| &affected.uses);
    let value = |((path, inner), one): (&(AnyPath, String), &Use)| {
        let file = (!inner.is_empty()).then_some(inner);
        json!({
            "path": path.as_str(),
            "file": file,
            "stage": stage_of(&one.user),
            "manifest": one.is_manifest,
            "head": one.is_of_head,
            "command": command(path, &one.remedy),
        })
    };
    uses.into_iter().flatten().map(value).collect()
}

fn lacking_json(lacking: &Lacking) -> Value {
    let Lacking {
        path,
        user,
        extent,
        remedy,
    } = lacking;
    let files = match extent {
        Extent::Files { names, .. } => Some(names),
        Extent::File | Extent::List => None,
    };
    json!({
        "path": path.as_str(),
        "files": files,
        "stage": stage_of(user),
        "manifest": *extent == Extent::List,
        "command": command(path, remedy),
    })
}

fn stage_of(user: &User) -> Option<&StageName> {
    match user {
        User::Data => None,
        User::Out(stage) | User::Dep(stage) => Some(stage),
    }
}

/// Returns the command that brings something back, if one does.
fn command(path: &AnyPath, remedy: &Remedy) -> Option<String> {
    match remedy {
        Remedy::Add => Some(format!("mlpipe add {path}")),
        Remedy::Repro(stage) => Some(format!("mlpipe repro {stage}")),
        Remedy::Fetch => None,
    }
}

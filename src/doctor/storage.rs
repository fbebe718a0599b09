//! The cache: whether it can be written to, and how files of the workspace are made of its objects.

use crate::base::fs;
use crate::doctor::finding::{Finding, State, Topic};
use crate::doctor::space::existing;
use crate::store::LinkType;
use crate::workspace::Workspace;

/// Looks at the cache's folder.
pub(super) fn storage(workspace: &Workspace) -> Vec<Finding> {
    vec![writable(workspace), links(workspace)]
}

fn writable(workspace: &Workspace) -> Finding {
    let dir = &workspace.settings().cache.dir;
    let shown = workspace.shown(dir);
    let folder = existing(dir);
    let probe = tempfile::Builder::new()
        .prefix(fs::LITTER)
        .tempfile_in(&folder);
    let finding = |found: String| Finding::fine(Topic::Cache, "folder", found);
    match probe {
        Ok(_) if folder == *dir => finding(format!("{shown}, writable")),
        Ok(_) => finding(format!("{shown}, made when it is needed")),
        Err(error) => finding(format!("{shown} cannot be written to: {error}")).but(
            State::Failure,
            "let its owner give you the right to, or name another: `mlpipe config cache.dir`",
        ),
    }
}

/// Tries the kinds of links, and says which of them is used.
fn links(workspace: &Workspace) -> Finding {
    let cache = existing(&workspace.settings().cache.dir);
    let root = workspace.root();
    let works = |kind: &LinkType| match kind {
        LinkType::Reflink => fs::can_share_blocks(&cache, root).unwrap_or(false),
        LinkType::Hardlink => fs::same_device(&cache, root).unwrap_or(false),
        LinkType::Symlink | LinkType::Copy => true,
    };
    let (working, others): (Vec<LinkType>, Vec<LinkType>) =
        LinkType::ALL.into_iter().partition(works);
    let wanted = &workspace.settings().cache.types;
    let used = wanted.iter().find(|kind| working.contains(kind));
    let used = used.copied().unwrap_or(LinkType::Copy);
    let mut found = format!("{used} is used; {} work here", names(&working));
    if !others.is_empty() {
        found += &format!(", {} not", names(&others));
    }
    let finding = Finding::fine(Topic::Cache, "links", found);
    if used == LinkType::Copy && working.contains(&LinkType::Hardlink) {
        let hint = "`mlpipe config cache.type hardlink,copy` saves the room of the copies; files are \
                    read-only then";
        return Finding {
            hint: Some(hint.to_owned()),
            ..finding.into_note()
        };
    }
    finding
}

fn names(kinds: &[LinkType]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    names.join(", ")
}

//! Remotes: whether there are any, and whether they can be reached.

use crate::doctor::finding::Finding;
use crate::workspace::Workspace;

/// Looks at each remote of the settings. This is the one place for all that is checked of them.
pub(super) fn remotes(_workspace: &Workspace) -> Vec<Finding> {
    Vec::new()
}

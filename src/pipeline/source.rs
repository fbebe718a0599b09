//! `Source`: where tracked data came from, as `data.lock` records it.

use serde::{Deserialize, Serialize};

/// Where tracked data came from: a URL, or a path in a commit of another git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The URL, or the repository; a path that is relative is so to the root.
    pub from: String,
    /// The path in the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The branch, tag or commit that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<String>,
    /// The commit that it was taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What tells the state of what was at the URL from others.
    #[serde(default, alias = "etag", skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

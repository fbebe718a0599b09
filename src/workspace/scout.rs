//! `Scout`: asks what is at URLs, for rooms that know nothing of networks.

use crate::base::cancel::CancelToken;
use crate::workspace::Workspace;

/// A text that differs between any two states of what is at a URL; `None` where nothing is.
pub(crate) type UrlState = Result<Option<String>, Unreached>;

/// Asks what is at some URLs, all at once; an answer for each, in their order.
pub(super) type Scout =
    Box<dyn Fn(&Workspace, &[&str], &CancelToken) -> Vec<UrlState> + Send + Sync>;

/// Why nobody knows what is at a URL.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Unreached {
    /// What went wrong.
    pub(crate) message: String,
    /// Why, the nearest cause first.
    pub(crate) causes: Vec<String>,
    /// What to do about it.
    pub(crate) hints: Vec<String>,
    /// Whether it helps to take what is there for what is recorded, which not all commands can.
    pub(crate) may_count_as_recorded: bool,
}

impl Workspace {
    /// Has somebody ask what is at URLs. The first one that is named counts.
    pub(crate) fn scout_by(
        &self,
        scout: impl Fn(&Self, &[&str], &CancelToken) -> Vec<UrlState> + Send + Sync + 'static,
    ) {
        self.scout.get_or_init(|| Box::new(scout));
    }

    /// Asks what is at each of some URLs: a text that differs between any two states of it; `None`
    /// where nothing is.
    pub(crate) fn ask(&self, urls: &[&str], cancel: &CancelToken) -> Vec<UrlState> {
        let unasked = || Unreached {
            message: "this command asks nothing over the network".to_owned(),
            causes: Vec::new(),
            hints: vec!["`mlpipe status` asks".to_owned()],
            may_count_as_recorded: false,
        };
        match self.scout.get() {
            _ if urls.is_empty() => Vec::new(),
            Some(scout) => scout(self, urls, cancel),
            None => urls.iter().map(|_| Err(unasked())).collect(),
        }
    }
}

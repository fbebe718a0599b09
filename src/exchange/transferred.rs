//! `Transferred`: what a push or a fetch has done.

/// What a push or a fetch has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transferred {
    /// How many objects came or went that were not there before.
    pub(crate) objects: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// How many runs were not known there, or here.
    pub(crate) runs: usize,
    /// What the workspace needs and neither the cache nor the remote has.
    pub(crate) lacking: Vec<String>,
    /// What the workspace needs, the cache lacks, and the remote has other bytes of.
    pub(crate) damaged: Vec<String>,
    /// How many other objects, as of earlier commits and runs, neither the cache nor the remote has.
    pub(crate) others: usize,
    /// How many damaged indexes of the remote were mended.
    pub(crate) mended: usize,
}

impl Transferred {
    /// Returns whether nothing was to be done.
    pub(crate) fn is_nothing(&self) -> bool {
        self.objects == 0 && self.runs == 0 && self.mended == 0
    }

    /// Returns whether all that was needed is where it should be.
    pub(crate) fn is_complete(&self) -> bool {
        self.lacking.is_empty() && self.damaged.is_empty()
    }
}

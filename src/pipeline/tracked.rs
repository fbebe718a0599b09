//! Tracked data beside stages: a path is tracked by itself or made by a stage, never both.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::pipeline::loader::Pipeline;
use crate::pipeline::lock::Content;
use crate::pipeline::source::Source;
use crate::pipeline::stage::{Dep, Out, Stage};

/// What is recorded of tracked data.
pub(crate) type Data = BTreeMap<RepoPath, Content>;

/// Returns the tracked path that is `path` or a folder around it.
pub(crate) fn tracked_around<'d, T>(
    data: &'d BTreeMap<RepoPath, T>,
    path: &RepoPath,
) -> Option<&'d RepoPath> {
    let mut known = path
        .ancestors()
        .filter_map(|folder| data.get_key_value(folder));
    known.next().map(|(tracked, _)| tracked)
}

/// Returns the tracked paths that lie in the folder `path`, sorted.
pub(crate) fn tracked_below<'d, T>(
    data: &'d BTreeMap<RepoPath, T>,
    path: &RepoPath,
) -> impl Iterator<Item = &'d RepoPath> {
    below(data, path)
}

fn below<'d, T>(
    paths: &'d BTreeMap<RepoPath, T>,
    path: &RepoPath,
) -> impl Iterator<Item = &'d RepoPath> {
    let start = if path.is_root() {
        String::new()
    } else {
        format!("{path}/")
    };
    let from = (Bound::Included(start.as_str()), Bound::Unbounded);
    let found = paths.range::<str, _>(from).map(|(tracked, _)| tracked);
    found.take_while(move |tracked| tracked.as_str().starts_with(&start))
}

/// Returns a tracked path that has something in common with `path`.
pub(crate) fn tracked_overlapping<'d, T>(
    data: &'d BTreeMap<RepoPath, T>,
    path: &RepoPath,
) -> Option<&'d RepoPath> {
    tracked_around(data, path).or_else(|| tracked_below(data, path).next())
}

/// Paths by what they are where capitals do not count: on the file systems of macOS and Windows one
/// takes the other's place.
pub(crate) struct Capitals<'p>(BTreeMap<RepoPath, Vec<&'p RepoPath>>);

impl<'p> Capitals<'p> {
    /// Gathers paths.
    pub(crate) fn of(paths: impl Iterator<Item = &'p RepoPath>) -> Self {
        let mut all: BTreeMap<RepoPath, Vec<&RepoPath>> = BTreeMap::new();
        for path in paths {
            all.entry(lower(path)).or_default().push(path);
        }
        Self(all)
    }

    /// Returns one that is `path`, around it or in it, but for capitals.
    pub(crate) fn alike(&self, path: &RepoPath) -> Option<&'p RepoPath> {
        let lower = lower(path);
        let around = lower.ancestors().filter_map(|folder| self.0.get(folder));
        let below = below(&self.0, &lower).filter_map(|inner| self.0.get(inner));
        let mut found = around.chain(below).flatten();
        found.find(|other| !other.overlaps(path)).copied()
    }
}

fn lower(path: &RepoPath) -> RepoPath {
    // No letter becomes a `/` or a control character by that.
    RepoPath::parse(&path.as_str().to_lowercase()).unwrap_or_else(|_| path.clone())
}

impl Stage {
    /// Returns whether the stage reads something of what is at `path`.
    pub(crate) fn may_read(&self, path: &RepoPath) -> bool {
        self.deps.iter().any(|dep| match dep {
            Dep::Path { path: dep, .. } => dep.inside().is_some_and(|dep| dep.overlaps(path)),
            Dep::Glob { pattern, .. } => pattern.may_need(path),
            Dep::Command { .. } | Dep::Url { .. } => false,
        })
    }
}

impl Pipeline {
    /// Refuses a stage that makes what is tracked, or imported, be that downloaded or not.
    pub(crate) fn refuse_tracked_outs(
        &self,
        data: &Data,
        sources: &BTreeMap<RepoPath, Source>,
    ) -> Result<(), Problem> {
        self.refuse_outs_in(data)?;
        self.refuse_outs_in(sources)
    }

    fn refuse_outs_in<T>(&self, data: &BTreeMap<RepoPath, T>) -> Result<(), Problem> {
        if data.is_empty() {
            return Ok(());
        }
        for (stage, out) in self.made() {
            let Some(path) = out.path.inside() else {
                continue;
            };
            if let Some(tracked) = tracked_overlapping(data, path) {
                let name = &stage.name;
                let message = if tracked == path {
                    format!("stage `{name}` makes `{path}`, which is tracked data")
                } else {
                    format!("stage `{name}` makes `{path}`, and `{tracked}` is tracked data")
                };
                let help = format!("`mlpipe remove {tracked}` stops tracking it");
                return Err(out.origin.problem(message).help(help));
            }
        }
        Ok(())
    }

    /// Returns an out that has something in common with `path`, and the stage that makes it.
    pub(crate) fn out_overlapping(&self, path: &RepoPath) -> Option<(&Stage, &Out)> {
        let overlaps = |out: &Out| out.path.inside().is_some_and(|out| out.overlaps(path));
        self.made().find(|(_, out)| overlaps(out))
    }

    fn made(&self) -> impl Iterator<Item = (&Stage, &Out)> {
        let stages = self.stages.iter();
        stages.flat_map(|stage| stage.outs.iter().map(move |out| (stage, out)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;

    fn path(text: &str) -> RepoPath {
        RepoPath::parse(text).expect("a path")
    }

    #[test]
    fn what_lies_in_or_around_tracked_data_is_found() {
        let content = Content {
            sha256: Digest::of(b""),
            size: 0,
            files: None,
            executable: false,
        };
        let paths = ["data.csv", "data/raw", "data/raw2", "data0"];
        let data: Data = paths.iter().map(|text| (path(text), content)).collect();
        let around = |text| tracked_around(&data, &path(text)).map(RepoPath::as_str);
        assert_eq!(around("data/raw/x/y"), Some("data/raw"));
        assert_eq!(around("data/raw"), Some("data/raw"));
        assert_eq!(around("data"), None);
        let below = |text| {
            let found = path(text);
            let found = tracked_below(&data, &found).map(RepoPath::as_str);
            found.collect::<Vec<_>>()
        };
        assert_eq!(below("data"), ["data/raw", "data/raw2"]);
        assert_eq!(below("."), paths);
        assert_eq!(below("data/raw"), [""; 0]);
        assert!(tracked_overlapping(&data, &path("other")).is_none());
    }
}

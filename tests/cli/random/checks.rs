//! What must be true after any run of mlpipe, whatever was done to it and before it.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Content, Truth};
use super::record::Entry;
use super::runs::Ran;
use super::world::{Repro, World};

/// What was there before a run.
pub(super) struct Before {
    pub(super) truth: Vec<Truth>,
    pub(super) lock: BTreeMap<usize, Entry>,
    pub(super) outs: BTreeMap<String, Option<Content>>,
}

/// A run with all that it is to be judged by.
pub(super) struct Observation {
    pub(super) repro: Repro,
    /// The stages that were asked for.
    pub(super) selected: BTreeSet<usize>,
    pub(super) before: Before,
    pub(super) ran: Ran,
    /// What a failed check tells besides.
    pub(super) context: String,
}

impl World {
    /// Compares what a run did with what it should have done.
    pub(super) fn check(&mut self, seen: &Observation) {
        self.check_lock(&seen.context);
        self.check_order(seen);
        self.check_need(seen);
        self.check_results(seen);
        self.check_failed_outs(seen);
    }

    /// Each record must say what the stage makes of the inputs that it names.
    fn check_lock(&mut self, context: &str) {
        for input in 0..self.inputs.len() {
            for value in 0..3 {
                let content = Content::File(format!("in{input} is {value}\n"));
                self.contents.insert(content.digest(), content);
            }
        }
        for (stage, entry) in self.lock() {
            let read = |path: &str| {
                let digest = entry.inputs.get(path);
                let content = digest.and_then(|digest| self.contents.get(digest));
                let content = content.unwrap_or_else(|| {
                    panic!(
                        "s{stage} is recorded with a {path} that never was: {digest:?}\n{context}"
                    )
                });
                content.clone()
            };
            let params = |name: &str| entry.inputs.get(name).cloned().unwrap_or_default();
            let truth = self.graph.make(stage, &read, &params);
            assert_eq!(
                truth.entry(),
                entry,
                "the record of s{stage} is untrue\n{context}"
            );
            for content in truth.outs.values() {
                if let Content::Folder(_) = content {
                    let inner = content.inner("x");
                    self.contents.insert(inner.digest(), inner);
                }
                self.contents.insert(content.digest(), content.clone());
            }
        }
    }

    /// No stage runs twice, none that was not asked for, and none after one that it needs failed.
    fn check_order(&self, seen: &Observation) {
        let Observation {
            repro,
            selected,
            ran,
            context,
            ..
        } = seen;
        let once: BTreeSet<usize> = ran.stages.iter().copied().collect();
        assert_eq!(
            once.len(),
            ran.stages.len(),
            "ran twice: {:?}\n{context}",
            ran.stages
        );
        assert!(once.is_subset(selected), "ran unasked: {once:?}\n{context}");
        for (position, stage) in ran.stages.iter().enumerate() {
            for needed in self.graph.ancestors(*stage) {
                let has_failed = once.contains(&needed) && self.failing.contains(&needed);
                assert!(
                    !has_failed,
                    "s{stage} ran after s{needed} had failed\n{context}"
                );
                let is_later = ran.stages[position..].contains(&needed);
                assert!(!is_later, "s{stage} ran before s{needed}\n{context}");
                assert_ne!(
                    ran.cut,
                    Some(needed),
                    "s{stage} ran after a stop\n{context}"
                );
            }
        }
        let has_failed = once.intersection(&self.failing).next().is_some();
        if has_failed && !repro.keep_going && repro.jobs == 1 {
            let last = ran.stages.last().expect("one failed");
            assert!(
                self.failing.contains(last),
                "went on after a failure\n{context}"
            );
        }
    }

    /// A stage runs only if it must: not if nothing changed, nor if the cache has what it would make.
    fn check_need(&self, seen: &Observation) {
        let Observation {
            repro,
            before,
            ran,
            context,
            ..
        } = seen;
        // With an edit meanwhile there may be needs that were none before.
        let is_edited = ran.is_disturbed && ran.code != Some(130) && ran.code.is_some();
        for stage in ran.stages.iter().filter(|_| !repro.force && !is_edited) {
            let truth = &before.truth[*stage];
            let outs = truth.outs.iter();
            let is_in_place = outs
                .clone()
                .all(|(path, content)| before.outs[path].as_ref() == Some(content));
            let objects: Vec<String> = outs.flat_map(|(_, content)| content.objects()).collect();
            let is_whole = !objects.iter().any(|object| self.damaged.contains(object));
            let is_current = before.lock.get(stage) == Some(&truth.entry());
            let was_recorded = self.recorded.contains(&(*stage, truth.inputs.clone()));
            let can_restore =
                self.graph.is_cached(*stage) && is_whole && (is_current || was_recorded);
            let is_unchanged = is_current && is_in_place;
            assert!(
                !is_unchanged,
                "s{stage} ran though nothing changed\n{context}"
            );
            assert!(
                !can_restore,
                "s{stage} ran though it could be restored\n{context}"
            );
        }
    }

    /// What must be up to date now is, and stages with inputs that they had never seen have run.
    fn check_results(&self, seen: &Observation) {
        let Observation {
            repro,
            selected,
            before,
            ran,
            context,
        } = seen;
        let failed: BTreeSet<usize> = ran
            .stages
            .iter()
            .copied()
            .filter(|stage| self.failing.contains(stage))
            .collect();
        if ran.is_disturbed {
            return;
        }
        let expected = if failed.is_empty() { 0 } else { 3 };
        assert_eq!(ran.code, Some(expected), "{context}");
        if !failed.is_empty() && !repro.keep_going {
            return;
        }
        let (lock, outs) = (self.lock(), self.outs());
        for stage in selected {
            let needed = self.graph.ancestors(*stage);
            if failed.contains(stage) || !needed.is_disjoint(&failed) {
                continue;
            }
            let truth = &before.truth[*stage];
            assert_eq!(
                lock.get(stage),
                Some(&truth.entry()),
                "the record of s{stage}\n{context}"
            );
            for (path, content) in &truth.outs {
                assert_eq!(outs[path].as_ref(), Some(content), "{path}\n{context}");
            }
            let was_tried = self.tried.contains(&(*stage, truth.inputs.clone()));
            let is_current = before
                .lock
                .get(stage)
                .is_some_and(|entry| entry.inputs == truth.inputs);
            // A killed run may have recorded stages that only the next one writes into data.lock.
            let can_restore = was_tried && (self.graph.is_cached(*stage) || self.was_killed);
            let must_run = repro.force || !(is_current || can_restore);
            let has_run = ran.stages.contains(stage);
            assert!(has_run || !must_run, "s{stage} did not run\n{context}");
        }
    }

    /// A stage that failed leaves its record and its outs as they were.
    fn check_failed_outs(&self, seen: &Observation) {
        let Observation {
            before,
            ran,
            context,
            ..
        } = seen;
        if self.was_killed {
            return;
        }
        let lock = self.lock();
        let failed = |stage: &&usize| self.failing.contains(stage) || ran.cut == Some(**stage);
        for stage in ran.stages.iter().filter(failed) {
            assert_eq!(
                lock.get(stage),
                before.lock.get(stage),
                "s{stage}\n{context}"
            );
        }
        // A restoration that came upon a damaged object may have been first.
        if !self.damaged.is_empty() || ran.code.is_none() {
            return;
        }
        let outs = self.outs();
        for stage in ran.stages.iter().filter(failed) {
            for (path, _) in self.graph.outs(*stage) {
                assert_eq!(
                    outs[&path], before.outs[&path],
                    "{path} of s{stage}\n{context}"
                );
            }
        }
    }
}

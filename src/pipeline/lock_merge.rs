//! Merges two locks that grew from one, stage by stage, as git's merge driver for `data.lock`.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::path::RepoPath;
use crate::pipeline::lock::Lock;
use crate::pipeline::source::Source;
use crate::pipeline::stage::StageName;

/// What became of two locks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LockMerge {
    /// The records of both sides.
    pub(crate) lock: Lock,
    /// The stages that both sides had run differently, of which `lock` has but one record.
    pub(crate) conflicts: Vec<StageName>,
    /// The data that both sides had changed differently, of which `lock` has but one record.
    pub(crate) data_conflicts: Vec<RepoPath>,
}

/// What becomes of one record.
enum Merged<'a, T> {
    Settled(Option<&'a T>),
    Conflict(&'a T),
}

/// Merges what `ours` and `theirs` have changed since `base`.
///
/// Each stage is settled by itself: the side that changed its record wins, be it that it deleted it.
/// Where both did, differently, the record of `ours` is kept, or the only one that is left. That is
/// no guess about which run was right. A record only says what was made of which inputs, so either
/// is true, whatever became of the pipeline; and the outs in the workspace are those of `ours`. The
/// next `repro` compares it with the merged files as ever, and takes from the run cache what the
/// other side had run, if that is what they ask for.
pub(crate) fn merge(base: &Lock, ours: &Lock, theirs: &Lock) -> LockMerge {
    let mut lock = Lock::default();
    let (stages, conflicts) = merge_records(&base.stages, &ours.stages, &theirs.stages);
    let (data, data_conflicts) = merge_records(&base.data, &ours.data, &theirs.data);
    (lock.stages, lock.data) = (stages, data);
    // Where both sides differ, that of the content that stays.
    let (sources, _) = merge_records(&base.sources, &ours.sources, &theirs.sources);
    lock.sources = sources;
    let data = &lock.data;
    // What is not downloaded has only a source.
    let is_absent = |path: &RepoPath, source: &Source| {
        let mut sides = [ours, theirs].into_iter();
        sides.any(|side| side.sources.get(path) == Some(source) && !side.data.contains_key(path))
    };
    lock.sources
        .retain(|path, source| data.contains_key(path) || is_absent(path, source));
    LockMerge {
        lock,
        conflicts,
        data_conflicts,
    }
}

/// Merges records by their keys; returns the keys of the conflicts as well. Of these the record of
/// `ours` stays, or the only one that is left.
pub(crate) fn merge_records<K: Ord + Clone, T: Clone + PartialEq>(
    base: &BTreeMap<K, T>,
    ours: &BTreeMap<K, T>,
    theirs: &BTreeMap<K, T>,
) -> (BTreeMap<K, T>, Vec<K>) {
    let keys: BTreeSet<&K> = ours.keys().chain(theirs.keys()).collect();
    let (mut records, mut conflicts) = (BTreeMap::new(), Vec::new());
    for key in keys {
        let [base, ours, theirs] = [base, ours, theirs].map(|side| side.get(key));
        let record = match merge_record(base, ours, theirs) {
            Merged::Settled(record) => record,
            Merged::Conflict(record) => {
                conflicts.push(key.clone());
                Some(record)
            }
        };
        records.extend(record.map(|record| (key.clone(), record.clone())));
    }
    (records, conflicts)
}

fn merge_record<'a, T: PartialEq>(
    base: Option<&T>,
    ours: Option<&'a T>,
    theirs: Option<&'a T>,
) -> Merged<'a, T> {
    match (ours, theirs) {
        _ if ours == theirs || theirs == base => Merged::Settled(ours),
        _ if ours == base => Merged::Settled(theirs),
        (Some(record), _) | (None, Some(record)) => Merged::Conflict(record),
        (None, None) => Merged::Settled(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::digest::Digest;
    use crate::pipeline::{Content, StageEntry, StageName};

    fn entry() -> impl Strategy<Value = StageEntry> {
        prop::sample::select(vec!["a", "b", "c"]).prop_map(|cmd| StageEntry {
            cmd: vec![cmd.to_owned()],
            ..StageEntry::default()
        })
    }

    fn lock() -> impl Strategy<Value = Lock> {
        let name = prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(StageName::new);
        let path = prop::sample::select(vec!["a", "b/c"])
            .prop_map(|path| RepoPath::parse(path).expect("a path"));
        let content = (0..3_u64).prop_map(|size| Content {
            sha256: Digest::of(&size.to_le_bytes()),
            size,
            files: None,
            executable: false,
        });
        let stages = prop::collection::btree_map(name, entry(), 0..4);
        let data = prop::collection::btree_map(path, content, 0..3);
        (stages, data).prop_map(|(stages, data)| {
            let mut lock = Lock::default();
            (lock.stages, lock.data) = (stages, data);
            lock
        })
    }

    fn settled(lock: Lock) -> LockMerge {
        let (conflicts, data_conflicts) = (Vec::new(), Vec::new());
        LockMerge {
            lock,
            conflicts,
            data_conflicts,
        }
    }

    proptest! {
        #[test]
        fn a_change_of_one_side_or_the_same_of_both_wins(base in lock(), new in lock()) {
            prop_assert_eq!(merge(&base, &base, &new), settled(new.clone()));
            prop_assert_eq!(merge(&base, &new, &base), settled(new.clone()));
            prop_assert_eq!(merge(&base, &new, &new), settled(new));
        }

        #[test]
        fn sides_differ_only_in_conflicts(base in lock(), ours in lock(), theirs in lock()) {
            let (one, other) = (merge(&base, &ours, &theirs), merge(&base, &theirs, &ours));
            prop_assert_eq!(&one.conflicts, &other.conflicts);
            let (mut settled, mut swapped) = (one.lock.stages, other.lock.stages);
            for name in &one.conflicts {
                prop_assert_eq!(settled.remove(name), ours.stages.get(name).or(theirs.stages.get(name)).cloned());
                swapped.remove(name);
            }
            prop_assert_eq!(settled, swapped);
            let (mut settled, mut swapped) = (one.lock.data, other.lock.data);
            for path in &one.data_conflicts {
                prop_assert_eq!(settled.remove(path), ours.data.get(path).or(theirs.data.get(path)).copied());
                swapped.remove(path);
            }
            prop_assert_eq!(settled, swapped);
        }

        #[test]
        fn each_record_is_that_of_a_side_and_conflicts_are_changes_of_both(
            base in lock(), ours in lock(), theirs in lock(),
        ) {
            let merged = merge(&base, &ours, &theirs);
            for (name, entry) in &merged.lock.stages {
                prop_assert!([&ours, &theirs].iter().any(|side| side.stages.get(name) == Some(entry)));
            }
            for name in &merged.conflicts {
                let of = |lock: &Lock| lock.stages.get(name).cloned();
                prop_assert_ne!(of(&base), of(&ours));
                prop_assert_ne!(of(&base), of(&theirs));
                prop_assert_ne!(of(&ours), of(&theirs));
            }
            for (name, entry) in &base.stages {
                if [&ours, &theirs].iter().all(|side| side.stages.get(name) == Some(entry)) {
                    prop_assert_eq!(merged.lock.stages.get(name), Some(entry));
                }
            }
        }

        #[test]
        fn what_comes_out_can_be_read(base in lock(), ours in lock(), theirs in lock()) {
            let lock = merge(&base, &ours, &theirs).lock;
            prop_assert_eq!(Lock::parse("data.lock", &lock.to_text()).expect("valid"), lock);
        }
    }
}

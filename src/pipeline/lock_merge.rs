//! Merges two locks that grew from one, stage by stage, as git's merge driver for `data.lock`.

use std::collections::BTreeSet;

use crate::pipeline::lock::{Lock, StageEntry};
use crate::pipeline::stage::StageName;

/// What became of two locks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LockMerge {
    /// The records of both sides.
    pub(crate) lock: Lock,
    /// The stages that both sides had run differently, of which `lock` has but one record.
    pub(crate) conflicts: Vec<StageName>,
}

/// What becomes of one stage.
enum Merged<'a> {
    Settled(Option<&'a StageEntry>),
    Conflict(&'a StageEntry),
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
    let names = ours.stages.keys().chain(theirs.stages.keys());
    let names: BTreeSet<&StageName> = names.collect();
    let (mut lock, mut conflicts) = (Lock::default(), Vec::new());
    for name in names {
        let [base, ours, theirs] = [base, ours, theirs].map(|lock| lock.stages.get(name));
        let entry = match merge_entries(base, ours, theirs) {
            Merged::Settled(entry) => entry,
            Merged::Conflict(entry) => {
                conflicts.push(name.clone());
                Some(entry)
            }
        };
        if let Some(entry) = entry {
            lock.stages.insert(name.clone(), entry.clone());
        }
    }
    LockMerge { lock, conflicts }
}

fn merge_entries<'a>(
    base: Option<&StageEntry>,
    ours: Option<&'a StageEntry>,
    theirs: Option<&'a StageEntry>,
) -> Merged<'a> {
    match (ours, theirs) {
        _ if ours == theirs || theirs == base => Merged::Settled(ours),
        _ if ours == base => Merged::Settled(theirs),
        (Some(entry), _) | (None, Some(entry)) => Merged::Conflict(entry),
        (None, None) => Merged::Settled(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = StageEntry> {
        prop::sample::select(vec!["a", "b", "c"]).prop_map(|cmd| StageEntry {
            cmd: vec![cmd.to_owned()],
            ..StageEntry::default()
        })
    }

    fn lock() -> impl Strategy<Value = Lock> {
        let name = prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(StageName::new);
        prop::collection::btree_map(name, entry(), 0..4).prop_map(|stages| {
            let mut lock = Lock::default();
            lock.stages.extend(stages);
            lock
        })
    }

    fn settled(lock: Lock) -> LockMerge {
        let conflicts = Vec::new();
        LockMerge { lock, conflicts }
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

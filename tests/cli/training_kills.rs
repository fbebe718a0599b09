//! Training that is killed, or meets a full disk, at calls that write checkpoints, logs and results:
//! it goes on to the same bits.
//!
//! Some calls are tried; all of them with `MLPIPE_TEST_ALL_POINTS=1`.

use std::collections::BTreeSet;

use nix::errno::Errno;

use crate::support::Project;
use crate::tracer::{CHANGES, Fault, GROWTH, Names, run_traced};

/// All that depends on chance or on what came before: augmentation, dropout, a schedule, the
/// optimizer's memory, early stopping, checkpoints within epochs, and the best epoch's weights.
const PARAMS: &str = "\
data: {source: synthetic, train_count: 60, test_count: 10, validation: 0.2, seed: 7}
model:
  layers:
    - conv: {channels: 4, kernel: 3, stride: 2, padding: 1}
    - batch_norm
    - relu
    - dropout: {rate: 0.2}
    - max_pool: {kernel: 2}
    - flatten
    - linear
train:
  batch_size: 16
  epochs: 4
  lr: 0.02
  optimizer: adamw
  seed: 42
  schedule: one_cycle
  augment: {shift: 2, rotate: 10, elastic: 1}
  keep: best
  early_stopping: {patience: 1, min_delta: 0.05}
  checkpoint_batches: 1
";

const TRAIN: &[&str] = &["ml", "train"];
const RESUME: &[&str] = &["ml", "train", "--resume"];

/// How many calls are tried of a kind by default.
const SOME: usize = 12;

fn prepared() -> Project {
    let project = Project::new();
    project.write("params.yaml", PARAMS);
    project.run(&["ml", "prepare"]).success();
    project
}

/// Returns what training has made.
fn results(project: &Project) -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        "models/cnn.safetensors",
        "models/checkpoints/last.safetensors",
        "models/checkpoints/best.safetensors",
        "reports/train.json",
        "reports/history.csv",
        "reports/model.md",
    ];
    let content = |name| std::fs::read(project.path(name)).expect("a result");
    names.map(|name| (name, content(name))).into()
}

/// Trains with a fault at some calls, and goes on; returns the names of the calls that were hit.
fn try_some(names: Names, fault: impl Fn(usize) -> Fault) -> BTreeSet<&'static str> {
    let project = prepared();
    let calls = run_traced(&project, TRAIN, names, Fault::None).calls;
    let whole = results(&project);
    let all = std::env::var_os("MLPIPE_TEST_ALL_POINTS").is_some();
    // No divisor of the calls of a checkpoint, so that each kind of call has its turn.
    let step = if all { 1 } else { (calls.len() / SOME) | 1 };
    let mut hit = BTreeSet::new();
    for at in (1..=calls.len()).step_by(step) {
        let traced = run_traced(&project, TRAIN, names, fault(at));
        hit.insert(calls[at - 1]);
        assert!(
            !traced.stderr.contains("panicked"),
            "call {at}: {}",
            traced.stderr
        );
        // What went on is hit once more.
        let again = run_traced(&project, RESUME, names, fault(calls.len() / 3));
        assert!(
            !again.stderr.contains("panicked"),
            "call {at}: {}",
            again.stderr
        );
        project.run(RESUME).success();
        for ((name, whole), (_, found)) in whole.iter().zip(results(&project)) {
            assert!(*whole == found, "`{name}` differs after call {at}");
        }
    }
    hit
}

#[test]
fn training_killed_at_any_call_goes_on_to_the_same_bits() {
    let hit = try_some(CHANGES, Fault::Kill);
    let wanted = ["create", "rename", "write"];
    assert!(wanted.iter().all(|call| hit.contains(call)), "{hit:?}");
}

#[test]
fn training_on_a_disk_that_is_full_goes_on_to_the_same_bits() {
    try_some(GROWTH, |at| Fault::Fail(at, usize::MAX, Errno::ENOSPC));
}

//! Damaged checkpoints: seen before anything is computed, and done without where that is possible.

use std::fs;
use std::path::Path;

use super::training::{RICH, WEIGHTS, prepared};
use super::{Project, SYNTHETIC, files, put, same};

const LAST: &str = "models/checkpoints/last.safetensors";
const BEST: &str = "models/checkpoints/best.safetensors";

/// Flips a bit in the middle of a file.
fn damage(project: &Project, file: &str) {
    let mut bytes = fs::read(project.path(file)).expect("a checkpoint");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    put(&project.path(file), &bytes);
}

/// Returns all that training writes, but what it says of this machine.
fn results(project: &Project) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = files(project.folder.path(), Path::new(""));
    found.retain(|(path, _)| !path.starts_with("logs"));
    found
}

fn trained(params: &str) -> Project {
    let project = prepared(params);
    project.run("train");
    project
}

/// At this rule no epoch but the first is better than those before.
fn first_is_best() -> String {
    SYNTHETIC.replace(
        "  epochs: 2\n",
        "  epochs: 3\n  early_stopping: {patience: 9, min_delta: 100}\n",
    )
}

#[test]
fn a_damaged_last_checkpoint_is_seen_and_the_best_one_taken() {
    for (params, state) in [
        (RICH.to_owned(), "over after epoch 3"),
        (first_is_best(), "going on in epoch 2"),
    ] {
        let project = trained(&params);
        let whole = results(&project);
        damage(&project, LAST);
        let said = project.run("train --resume");
        let expected = [
            "warning: `models/checkpoints/last.safetensors` is damaged: its content is not what",
            "; going on from `best.safetensors`\n",
            state,
        ];
        for expected in expected {
            assert!(said.contains(expected), "no `{expected}` in {said}");
        }
        same(&whole, &results(&project));
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn a_last_checkpoint_that_is_missing_is_made_again_from_the_best_one() {
    let project = trained(RICH);
    let whole = results(&project);
    fs::remove_file(project.path(LAST)).expect("removes");
    let said = project.run("train --resume");
    assert!(
        said.contains("`models/checkpoints/last.safetensors` is missing"),
        "{said}"
    );
    same(&whole, &results(&project));
}

/// Two epochs that get better, so that the last one is the best.
const BETTER: &str = "  epochs: 2\n  keep: best\n";

#[test]
fn a_damaged_best_checkpoint_is_written_again_where_the_last_one_is_as_good() {
    let project = trained(&SYNTHETIC.replace("  epochs: 2\n", BETTER));
    let whole = results(&project);
    damage(&project, BEST);
    let said = project.run("train --resume");
    assert!(
        said.contains("`models/checkpoints/best.safetensors` is damaged")
            && said.contains("written again from `last.safetensors`"),
        "{said}"
    );
    same(&whole, &results(&project));
}

#[test]
fn a_damaged_best_checkpoint_that_is_needed_is_refused_before_training() {
    let worse = first_is_best().replace("  epochs: 3\n", "  epochs: 3\n  keep: best\n");
    let project = trained(&worse);
    damage(&project, BEST);
    let output = project.stage("train --resume");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no checkpoint can be used")
            && said.contains("`models/checkpoints/best.safetensors` is damaged: its content is not what was written")
            && said.contains("without `--resume`"),
        "{said}"
    );
    assert!(!said.contains("going on"), "{said}");
    // The last weights do not need the best ones.
    let last = trained(&worse.replace("  keep: best\n", ""));
    let whole = fs::read(last.path(WEIGHTS)).expect("weights");
    damage(&last, BEST);
    let said = last.run("train --resume");
    assert!(said.contains("it is not needed"), "{said}");
    assert_eq!(whole, fs::read(last.path(WEIGHTS)).expect("weights"));
}

#[test]
fn two_damaged_checkpoints_are_both_named() {
    let project = trained(SYNTHETIC);
    damage(&project, LAST);
    damage(&project, BEST);
    let said = project.fail("train --resume");
    for name in [LAST, BEST] {
        assert!(said.contains(&format!("`{name}` is damaged")), "{said}");
    }
    // What cannot be used is not in the way of a new beginning.
    project.run("train");
}

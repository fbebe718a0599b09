//! Training: the same bits on every way to compute them, networks of params, and going on after a
//! kill.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use sha2::{Digest as _, Sha256};

use super::{Project, SYNTHETIC, files, same};

pub(super) const WEIGHTS: &str = "models/cnn.safetensors";

/// All that training can do at once; the schedule and the dropout depend on the batch.
pub(super) const RICH: &str = "\
data:
  source: synthetic
  train_count: 150
  test_count: 40
  validation: 0.2
  seed: 7
model:
  layers:
    - conv: {channels: 6, kernel: 3, stride: 2, padding: 1}
    - batch_norm
    - relu
    - dropout: {rate: 0.2}
    - conv: {channels: 9, kernel: 3, bias: true}
    - relu
    - max_pool: {kernel: 2}
    - flatten
    - linear
train:
  batch_size: 16
  epochs: 3
  lr: 0.01
  optimizer: adamw
  seed: 42
  weight_decay: 0.05
  schedule: one_cycle
  warmup: 3
  clip: 1.5
  label_smoothing: 0.1
  class_weights: balanced
  augment: {shift: 2, rotate: 10, elastic: 1}
  keep: best
  early_stopping: {patience: 2}
  checkpoint_batches: 2
";

pub(super) fn prepared(params: &str) -> Project {
    let project = Project::new(params);
    project.run("prepare");
    project
}

fn train(project: &Project) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlpipe"));
    command
        .args(["ml", "train"])
        .current_dir(project.folder.path())
        .stderr(Stdio::piped());
    command
}

/// Trains in one way to compute; returns the weights, or `None` where the processor lacks it.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn weights_on(project: &Project, path: &str, threads: &str) -> Option<Vec<u8>> {
    let mut command = train(project);
    command.env("MLPIPE_KERNELS", path);
    command.env("RAYON_NUM_THREADS", threads);
    let output = command.output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("this processor does not have it") {
        eprintln!("SKIPPED: {path} is not there");
        return None;
    }
    assert!(output.status.success(), "{path}: {said}");
    Some(fs::read(project.path(WEIGHTS)).expect("weights"))
}

#[test]
fn weights_are_the_same_bits_with_all_instructions_and_numbers_of_threads() {
    let project = prepared(RICH);
    let portable = weights_on(&project, "portable", "2").expect("it is everywhere");
    for (path, threads) in [
        ("avx2", "1"),
        ("avx512", "1"),
        ("avx512", "2"),
        ("avx512", "5"),
    ] {
        if let Some(weights) = weights_on(&project, path, threads) {
            assert!(weights == portable, "{path} with {threads} threads differs");
        }
    }
}

/// Holds the promise that weights are the same on every machine and in every build.
#[test]
fn weights_are_those_of_every_machine() {
    let digest = |params| {
        let project = prepared(params);
        project.run("train");
        let mut text = String::new();
        for byte in Sha256::digest(fs::read(project.path(WEIGHTS)).expect("weights")) {
            write!(text, "{byte:02x}").expect("text");
        }
        text
    };
    assert_eq!(
        [digest(SYNTHETIC), digest(RICH)],
        [
            "cc56e57166dd708a42c762d66cd311c4b3fdb7866774d11a0c9de59f543cffcc",
            "e8fddf0dda86dfbaca26fd58485468bf650e3ea9140db97d6c889b6aeff7e4f2",
        ]
    );
}

/// Trains with the release build too.
#[test]
#[ignore = "needs `cargo build --release` of the same code"]
fn a_release_build_trains_the_same_bits() {
    let release = std::path::Path::new(env!("CARGO_BIN_EXE_mlpipe"));
    let release = release.with_file_name("../release/mlpipe");
    let digest = |binary: &std::path::Path| {
        let output = Command::new(binary).args(["ml", "digest"]).output();
        output.map(|output| output.stdout).ok()
    };
    let here = std::path::Path::new(env!("CARGO_BIN_EXE_mlpipe"));
    assert!(digest(here).is_some());
    assert_eq!(digest(&release), digest(here), "a build of other code");
    let project = prepared(&RICH.replace("epochs: 3", "epochs: 1"));
    let trained = [here, &release].map(|binary| {
        let mut command = Command::new(binary);
        command
            .args(["ml", "train"])
            .current_dir(project.folder.path());
        assert!(command.output().expect("the binary runs").status.success());
        let mut found = files(project.folder.path(), std::path::Path::new(""));
        found.retain(|(path, _)| !path.starts_with("logs"));
        found
    });
    same(&trained[0], &trained[1]);
}

#[test]
fn instructions_that_are_not_there_are_refused() {
    let project = prepared(SYNTHETIC);
    let output = train(&project).env("MLPIPE_KERNELS", "mmx").output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("`avx512`, `avx2` or `portable`"), "{said}");
}

#[test]
fn a_killed_training_goes_on_to_the_same_bits() {
    let whole = prepared(RICH);
    let start = Instant::now();
    whole.run("train");
    let time = start.elapsed();
    let mut expected = files(whole.folder.path(), std::path::Path::new(""));
    expected.retain(|(path, _)| !path.starts_with("logs"));
    let (mut kills, mut rounds) = (0u32, 0u32);
    while kills < 10 && rounds < 40 {
        rounds += 1;
        let project = prepared(RICH);
        // Each round is killed at another moment, and its continuation once more.
        for part in [rounds * 7 % 10, rounds * 3 % 10] {
            let mut child = train(&project).arg("--resume").spawn().expect("runs");
            thread::sleep(time.mul_f64(f64::from(part + 1) / 11.0) + Duration::from_millis(3));
            child.kill().expect("killed");
            if !child.wait().expect("it ends").success() {
                kills += 1;
            }
        }
        let output = train(&project).arg("--resume").output().expect("runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let mut found = files(project.folder.path(), std::path::Path::new(""));
        found.retain(|(path, _)| !path.starts_with("logs"));
        // What a kill leaves of a file that was being written is no result.
        found.retain(|(path, _)| expected.iter().any(|(name, _)| name == path));
        same(&expected, &found);
    }
    assert!(kills >= 10, "only {kills} runs were killed in time");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn a_finished_training_is_not_done_again() {
    let project = prepared(SYNTHETIC);
    project.run("train");
    let first = fs::read(project.path(WEIGHTS)).expect("weights");
    fs::remove_file(project.path(WEIGHTS)).expect("removed");
    let output = train(&project).arg("--resume").output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("epoch 1/2"), "{said}");
    assert_eq!(first, fs::read(project.path(WEIGHTS)).expect("weights"));
}

#[test]
fn a_checkpoint_of_other_params_is_refused() {
    let project = prepared(SYNTHETIC);
    project.run("train");
    super::put(
        &project.path("params.yaml"),
        SYNTHETIC.replace("lr: 0.005", "lr: 0.006").as_bytes(),
    );
    let output = train(&project).arg("--resume").output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        said.contains("is of other `train` params") && said.contains("without `--resume`"),
        "{said}"
    );
}

#[test]
fn without_a_checkpoint_training_begins() {
    let project = prepared(SYNTHETIC);
    let output = train(&project).arg("--resume").output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("there is no checkpoint; training begins"),
        "{said}"
    );
}

#[test]
fn presets_are_trained_and_their_layers_written() {
    let project = prepared(&format!("model: {{preset: mlp}}\n{SYNTHETIC}"));
    project.run("train");
    project.run("evaluate");
    let table = fs::read_to_string(project.path("reports/model.md")).expect("a table");
    assert!(
        table.contains("| 2 | linear | 32 | 25,120 | 98.7 % |"),
        "{table}"
    );
    assert!((project.number("reports/train.json", "/parameters") - 25_450.0).abs() < 0.5);
}

#[test]
fn a_layer_that_does_not_fit_is_named_with_its_place() {
    let params = format!(
        "model:\n  layers:\n    - flatten\n    - conv: {{channels: 8, kernel: 3}}\n{SYNTHETIC}"
    );
    let said = prepared(&params).fail("train");
    assert!(
        said.contains("layer 2 (`conv 3×3`): a convolution takes images, but 784 flat values")
            && said.contains("params.yaml:4:7"),
        "{said}"
    );
}

#[test]
fn training_stops_when_nothing_gets_better() {
    let params = SYNTHETIC.replace(
        "  epochs: 2\n",
        "  epochs: 50\n  early_stopping: {patience: 1, min_delta: 0.5}\n  keep: best\n",
    );
    let project = prepared(&params);
    let said = project.run("train");
    assert!(said.contains("stopped early after epoch"), "{said}");
    assert!(project.number("reports/train.json", "/epochs") < 49.5);
}

#[test]
fn images_change_but_scores_are_of_unchanged_ones() {
    let plain = prepared(SYNTHETIC);
    let changed = prepared(&SYNTHETIC.replace("  seed: 42", "  seed: 42\n  augment: {shift: 3}"));
    for project in [&plain, &changed] {
        project.run("train");
    }
    let weights = |project: &Project| fs::read(project.path(WEIGHTS)).expect("weights");
    assert_ne!(weights(&plain), weights(&changed));
}

#[test]
fn a_network_that_no_memory_holds_is_refused_before_it_is_made() {
    let params = format!(
        "model:
  layers:
    - conv: {{channels: 4096, kernel: 3, padding: 1}}
    - conv: {{channels: 4096, kernel: 28, padding: 14}}
    - relu
    - flatten
    - linear
{SYNTHETIC}"
    );
    let said = prepared(&params).fail("train");
    let expected = [
        "layer 2 (`conv 28×28, padding 14`): it takes ",
        " of memory that training in batches of 16 needs, and there are ",
        "params.yaml:4:7",
        "give it fewer `channels` or a smaller `kernel`",
    ];
    for expected in expected {
        assert!(said.contains(expected), "no `{expected}` in {said}");
    }
}

/// What is refused for lack of memory, and what is not, hangs on this.
#[test]
fn the_memory_that_was_counted_is_what_training_takes() {
    let of_values = "    - conv: {channels: 48, kernel: 3, padding: 1}
    - batch_norm
    - relu
    - max_pool: {kernel: 2}
    - conv: {channels: 64, kernel: 5, padding: 2}
    - relu
    - conv: {channels: 64, kernel: 3}
    - batch_norm
    - relu
    - dropout: {rate: 0.5}
    - global_avg_pool
    - linear
";
    let of_weights = "    - flatten
    - linear: {outputs: 1536}
    - relu
    - linear: {outputs: 1536}
    - relu
    - linear
";
    for (layers, batch) in [(of_values, 512), (of_weights, 16)] {
        let params = SYNTHETIC
            .replace("train_count: 150", "train_count: 700")
            .replace("batch_size: 16", &format!("batch_size: {batch}"))
            .replace("epochs: 2", "epochs: 1");
        let project = prepared(&format!("model:\n  layers:\n{layers}{params}"));
        project.run("train");
        let bytes = |key: &str| project.number("logs/run.json", &format!("/memory/{key}"));
        let (counted, peak) = (bytes("counted"), bytes("peak"));
        assert!(peak > 1e8, "{peak} is too little to tell");
        let ratio = counted / peak;
        assert!(
            (0.75..=1.25).contains(&ratio),
            "{counted} bytes were counted, and {peak} were taken"
        );
    }
}

#[test]
fn class_weights_that_are_not_one_for_each_class_are_refused_with_their_place() {
    let weights = |weights: &str| {
        let seed = format!("  seed: 42\n  class_weights: {weights}");
        prepared(&SYNTHETIC.replace("  seed: 42", &seed)).fail("train")
    };
    let said = weights("[1, 2]");
    assert!(
        said.contains("`train.class_weights` has 2 numbers, and the data have 10 classes")
            && said.contains("params.yaml:13:18"),
        "{said}"
    );
    let said = weights("[1, 1, 1, 1, 1, 1, 1, 1, 1, 0]");
    assert!(said.contains("a list of numbers greater than 0"), "{said}");
}

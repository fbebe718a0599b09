//! `mlpipe fsck`: finds every wrong byte, says what it affects, and leaves all else usable.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::gc::{STAGES, comes_back, flip, project, run_with};
use crate::support::{Output, Project, files, sha256};

/// Where an object with this content is in the cache, if it is loose.
pub(crate) fn object_path(text: &str) -> String {
    let digest = sha256(text);
    format!(".mlpipe/cache/sha256/{}/{}", &digest[..2], &digest[2..])
}

fn packs(project: &Project) -> Vec<PathBuf> {
    files(&project.path(".mlpipe/cache/packs"))
}

#[test]
fn a_sound_cache_is_clean_and_an_absent_one_too() {
    let project = project("a");
    let output = project.run(&["fsck"]);
    assert_eq!(output.stdout, "");
    let text = output.success();
    assert!(text.contains("43 objects of 101 KiB in 1 pack"), "{text}");
    let value: Value =
        serde_json::from_str(&project.run(&["fsck", "--json"]).data()).expect("JSON");
    assert_eq!(value["objects"], 43);
    assert_eq!(value["runs"], 2);
    assert_eq!(value["damage"], serde_json::json!([]));
    let fresh = Project::with(STAGES);
    fresh.run(&["init"]).success();
    fresh.run(&["fsck"]).success();
    assert!(!fresh.exists(".mlpipe/cache"));
}

#[test]
fn it_names_the_out_and_its_stage_and_repro_brings_it_back() {
    let project = project("a");
    flip(&project.path(&object_path("aa")), 1);
    let output = project.run(&["fsck"]);
    assert_eq!(output.code, Some(1));
    let text = output.stdout;
    let expected = "  `one`, an out of stage `single`: `mlpipe repro single` brings it back\n";
    assert!(text.ends_with(expected), "{text}");
    let again = project.run(&["fsck"]);
    assert_eq!(again.stdout, format!("missing from the cache:\n{expected}"));
    let text = again.failure(1);
    assert!(
        text.contains("none is corrupt; of 1 path in data.lock something is missing"),
        "{text}"
    );
    assert!(!comes_back_after(&project, "status"));
    project.run(&["repro", "single"]).success();
    assert!(comes_back(&project, "a"));
    assert_eq!(project.runs().len(), 1);
}

/// Whether `status` finds nothing amiss.
fn comes_back_after(project: &Project, command: &str) -> bool {
    project.run(&[command, "--exit-code"]).code == Some(0)
}

#[test]
fn it_names_the_file_in_a_folder_and_the_folder_of_a_list() {
    let project = project("a");
    let pack = packs(&project).remove(0);
    // The first object, by path.
    flip(&pack, 16);
    let output = project.run(&["fsck"]);
    assert_eq!(output.code, Some(1));
    let line = "  `1` in `many`, an out of stage `many`: `mlpipe repro many` brings it back\n";
    assert!(output.stdout.contains(line), "{}", output.stdout);
    project.run(&["repro", "many"]).success();
    let lock = project.read("data.lock");
    let many = lock.split("many:").nth(2).expect("the out");
    let digest = many.split("sha256: ").nth(1).expect("a digest")[..64].to_owned();
    flip(
        &project.path(&format!(
            ".mlpipe/cache/sha256/{}/{}",
            &digest[..2],
            &digest[2..]
        )),
        30,
    );
    let output = project.run(&["fsck"]);
    let line = "  the list of the files in `many`, an out of stage `many`: ";
    assert!(output.stdout.contains(line), "{}", output.stdout);
    project.run(&["repro", "many"]).success();
    assert!(comes_back(&project, "a"));
}

#[test]
fn it_names_what_data_lock_needs_and_the_cache_lacks() {
    let project = project("a");
    project.write("raw/x", "raw x");
    project.write("raw/y", "raw y");
    project.write("labels", "labels");
    project.run(&["add", "raw", "labels"]).success();
    project.run(&["fsck"]).success();
    for object in ["raw y", "labels", "aa"] {
        project.remove(&object_path(object));
    }
    project.write("labels", "other");
    let output = project.run(&["fsck"]);
    assert_eq!(
        output.stdout,
        "missing from the cache:\n  \
         data `labels`: bring it from another clone, remote or backup\n  \
         `one`, an out of stage `single`: `mlpipe repro single` brings it back\n  \
         1 of 2 files in data `raw`: `mlpipe add raw` stores it again\n"
    );
    let text = output.failure(1);
    assert!(text.contains("of 3 paths in data.lock"), "{text}");
    let output = project.run(&["fsck", "--json"]);
    assert_eq!(output.code, Some(1));
    let value: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(value["damage"], serde_json::json!([]));
    let raw = serde_json::json!({
        "path": "raw", "files": ["y"], "stage": null, "manifest": false, "command": "mlpipe add raw",
    });
    assert_eq!(value["missing"][2], raw);
    assert_eq!(value["missing"][1]["stage"], "single");
    project.run(&["add", "raw", "labels"]).success();
    project.run(&["repro"]).success();
    project.run(&["fsck"]).success();
    for pack in packs(&project) {
        fs::remove_file(pack).expect("removes");
    }
    let text = project.run(&["fsck"]).stdout;
    assert!(text.contains("  40 of 40 files in `many`"), "{text}");
}

#[test]
fn an_out_that_is_left_to_git_is_not_missing() {
    let project = Project::with("stages: {make: {cmd: echo x > x, outs: [{x: {cache: false}}]}}");
    project.run(&["repro"]).success();
    project.write("y", "y");
    project.run(&["add", "y"]).success();
    project.run(&["fsck"]).success();
}

#[test]
fn it_tells_what_head_needs_from_what_nobody_needs() {
    let project = project("a");
    project.commit();
    run_with(&project, "b");
    run_with(&project, "c");
    flip(&project.path(&object_path("aa")), 0);
    flip(&project.path(&object_path("bb")), 0);
    let output = project.run(&["fsck"]);
    let text = &output.stdout;
    let head = "  `one`, an out of stage `single` at HEAD: bring it from another clone, remote or backup\n";
    assert!(text.contains(head), "{text}");
    assert!(
        text.contains("  nothing that data.lock or HEAD needs\n"),
        "{text}"
    );
}

#[test]
fn it_names_tracked_data_and_whether_the_workspace_has_it() {
    let project = project("a");
    let lock = project.read("data.lock");
    let one = lock.split("one:").nth(1).expect("the out");
    let digest = one.split("sha256: ").nth(1).expect("a digest")[..64].to_owned();
    project.write("pipeline.yaml", "stages: {}\n");
    let data = format!("schema: 1\ndata:\n  raw:\n    sha256: {digest}\n    size: 2\n");
    project.write("data.lock", &data);
    let object = project.path(&object_path("aa"));
    for (content, next) in [
        ("aa", "`mlpipe add raw` stores it again"),
        ("ab", "bring it from another clone, remote or backup"),
    ] {
        project.write("raw", content);
        project.write(&object_path("aa"), "xx");
        let output = project.run(&["fsck"]);
        let expected = format!("  data `raw`: {next}\n");
        assert!(output.stdout.contains(&expected), "{}", output.stdout);
        assert!(!object.exists());
    }
}

#[test]
fn a_good_copy_elsewhere_means_that_nothing_is_lost() {
    let project = project("a");
    project.write(&object_path("a 7\n"), "a 8\n");
    let output = project.run(&["fsck"]);
    assert!(
        output.stdout.contains("another copy of it is good"),
        "{}",
        output.stdout
    );
    project.run(&["fsck"]).success();
    assert!(comes_back(&project, "a"));
}

#[test]
fn what_does_not_belong_there_is_named_and_left_alone() {
    let project = project("a");
    let strays = [
        "notes.txt",
        "sha256/readme",
        "sha256/ab/short",
        "packs/x.tmp",
    ];
    for stray in strays {
        project.write(&format!(".mlpipe/cache/{stray}"), "mine");
    }
    let output = project.run(&["fsck"]);
    for stray in strays {
        assert!(output.stdout.contains(stray), "{}", output.stdout);
        assert!(project.exists(&format!(".mlpipe/cache/{stray}")));
    }
    project.run(&["gc", "-wf"]).success();
    assert!(project.exists(".mlpipe/cache/sha256/ab/short"));
    output.success();
}

/// Random numbers that come again with their seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((number ^ number >> 31) % limit as u64).expect("below a usize")
    }
}

/// Any byte of any file of a cache, made another: fsck finds it, and everything else is usable.
#[test]
fn no_flipped_byte_goes_unseen() {
    let project = Project::with(STAGES);
    // A cache that projects register in.
    project.run(&["config", "cache.dir", "store"]).success();
    run_with(&project, "a");
    run_with(&project, "b");
    let is_checked = |path: &PathBuf| !path.starts_with(project.path("store/quarantine"));
    let mut all: Vec<PathBuf> = files(&project.path("store"))
        .into_iter()
        .filter(is_checked)
        .collect();
    all.retain(|path| path.metadata().expect("is there").len() > 0);
    all.sort();
    let names = ["packs/", "run-log", "projects/", "sha256/"];
    for name in names {
        assert!(
            all.iter()
                .any(|path| path.display().to_string().contains(name)),
            "{name}"
        );
    }
    let seed = std::env::var("MLPIPE_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| u64::from(now.subsec_nanos()))
    });
    eprintln!("MLPIPE_TEST_SEED={seed}");
    let mut numbers = Numbers(seed);
    let many = std::env::var_os("MLPIPE_TEST_ALL_POINTS").is_some();
    for round in 0..if many { 40 } else { 2 } {
        for path in &all {
            let length = fs::metadata(path).expect("is there").len();
            let length = usize::try_from(length).expect("small");
            // The end of a pack, where its directory is, as often as the rest.
            let at = match round % 2 {
                0 => numbers.below(length),
                _ => length - 1 - numbers.below(length.min(70)),
            };
            let change = u8::try_from(1 + numbers.below(255)).expect("a byte");
            examine(&project, path, at, change);
        }
    }
}

fn examine(project: &Project, path: &Path, at: usize, change: u8) {
    let copy = project.copy();
    let inner = path.strip_prefix(project.root()).expect("in it");
    let place = format!("{} at {at} by {change}", inner.display());
    let path = copy.root().join(inner);
    let mut bytes = fs::read(&path).expect("reads");
    bytes[at] ^= change;
    fs::remove_file(&path).expect("removes");
    fs::write(&path, bytes).expect("writes");
    let output = copy.run(&["fsck"]);
    assert_eq!(
        output.code,
        Some(1),
        "{place}: {}{}",
        output.stdout,
        output.stderr
    );
    assert!(
        output.stdout.contains("corrupt: "),
        "{place}: {}",
        output.stdout
    );
    let again = copy.run(&["fsck", "--json"]);
    let value: Value = serde_json::from_str(&again.stdout).expect("JSON");
    assert_eq!(value["damage"], serde_json::json!([]), "{place}: {value}");
    let lacks = value["missing"].as_array().expect("a list").len();
    assert_eq!(again.code, Some(i32::from(lacks > 0)), "{place}: {value}");
    let objects = value["objects"].as_u64().expect("a number");
    // At most one object is lost, or one record of a run.
    assert!(
        (85..=87).contains(&objects),
        "{place}: {objects}\n{}",
        output.stdout
    );
    assert!(value["runs"].as_u64() >= Some(3), "{place}: {value}");
    // Outs that are lost are named, and come back from the workspace.
    copy.run(&["repro"]).success();
    assert!(comes_back(&copy, "b"), "{place}: {}", output.stdout);
    copy.run(&["fsck"]).success();
}

#[test]
fn what_cannot_be_read_is_listed_and_all_else_is_checked() {
    if !crate::faults::is_root() {
        eprintln!("SKIPPED: to be somebody else needs root");
        return;
    }
    let project = Project::with(STAGES);
    run_with(&project, "a");
    project.write("x.csv", "1,2\n");
    project.write("y.csv", "3,4\n");
    project.run(&["add", "x.csv", "y.csv"]).success();
    let program = project.path(".git/mlpipe");
    fs::copy(env!("CARGO_BIN_EXE_mlpipe"), &program).expect("copies");
    let objects = files(&project.path(".mlpipe/cache/sha256"));
    let holds = |bytes: &str| {
        let is_it = |path: &&PathBuf| fs::read(path).expect("reads") == bytes.as_bytes();
        objects.iter().find(is_it).expect("is there")
    };
    let (closed, corrupt) = (holds("1,2\n"), holds("3,4\n"));
    fs::remove_file(corrupt).expect("removes");
    fs::write(corrupt, "3,5\n").expect("writes");
    crate::damage::shell(
        &project,
        &format!(
            "chown -R 65534:65534 . && chmod 0 {} .mlpipe/cache/packs/*",
            closed.display()
        ),
    );
    let run = |arguments: &[&str]| {
        let nobody = &mut crate::damage::as_nobody(&project, &program, arguments);
        let output = Output::of(nobody);
        assert_eq!(output.code, Some(1), "{}", output.stderr);
        output.stdout
    };
    let text = run(&["fsck"]);
    assert_eq!(text.matches("unreadable: cannot read").count(), 2, "{text}");
    assert_eq!(text.matches("Permission denied").count(), 2, "{text}");
    assert!(text.contains("  needed: data `x.csv`\n"), "{text}");
    assert!(text.contains("corrupt: object"), "{text}");
    assert!(text.contains("data `y.csv`: `mlpipe add y.csv`"), "{text}");
    let value: Value = serde_json::from_str(&run(&["fsck", "--json"])).expect("JSON");
    assert_eq!(value["damage"][0]["kind"], "unreadable");
    assert_eq!(value["damage"].as_array().map(Vec::len), Some(2));
    crate::damage::shell(&project, "chown -R 0:0 . && chmod -R u+r .mlpipe/cache");
    project.run(&["add", "y.csv"]).success();
    project.run(&["fsck"]).success();
}

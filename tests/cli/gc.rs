//! `mlpipe gc`: what is in scope stays, all else goes, and what stays is packed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Project, files};

/// A folder of 40 small files, a small file and one that is too big for a pack.
pub(crate) const STAGES: &str = "\
stages:
  many:
    cmd: rm -rf many; mkdir many; for i in $(seq 40); do echo \"$(cat in) $i\" > many/$i; done
    deps: [in]
    outs: [many]
  single:
    cmd: echo run >> runs.log; cat in in > one; head -c 100000 /dev/zero | tr '\\0' \"$(cat in)\" > big
    deps: [in]
    outs: [one, big]
";

/// A project that has run with this input.
pub(crate) fn project(input: &str) -> Project {
    let project = Project::with(STAGES);
    run_with(&project, input);
    project
}

pub(crate) fn run_with(project: &Project, input: &str) {
    project.write("in", input);
    project.run(&["repro"]).success();
}

/// Whether what `data.lock` records comes back from the cache, and is what it should be.
pub(crate) fn comes_back(project: &Project, input: &str) -> bool {
    for out in ["many", "one", "big"] {
        if project.exists(out) {
            project.remove(out);
        }
    }
    project.write("in", input);
    let output = project.run(&["checkout"]);
    let is_made = ["many", "one", "big"].iter().all(|out| project.exists(out));
    is_made
        && output.code == Some(0)
        && project.read("one") == input.repeat(2)
        && project.read("big") == input.repeat(100_000)
        && (1..=40).all(|i| project.read(&format!("many/{i}")) == format!("{input} {i}\n"))
}

fn packs(project: &Project) -> usize {
    files(&project.path(".mlpipe/cache/packs")).len()
}

fn loose(project: &Project) -> usize {
    files(&project.path(".mlpipe/cache/sha256")).len()
}

fn json(project: &Project, arguments: &[&str]) -> Value {
    let arguments = [&["gc", "--json"], arguments].concat();
    serde_json::from_str(&project.run(&arguments).data()).expect("JSON")
}

#[test]
fn without_a_scope_nothing_is_deleted_and_the_scopes_are_listed() {
    let project = project("a");
    for arguments in [&["gc"][..], &["gc", "-f"], &["gc", "--dry"]] {
        let text = project.run(arguments).failure(2);
        for scope in ["--workspace", "--rev", "--all-commits", "--date"] {
            assert!(text.contains(scope), "{text}");
        }
    }
    assert!(comes_back(&project, "a"));
}

#[test]
fn without_anybody_to_ask_it_wants_to_be_forced() {
    let project = project("a");
    run_with(&project, "b");
    let before = loose(&project);
    let text = project.run(&["gc", "-w"]).failure(1);
    assert!(text.contains("--force"), "{text}");
    assert_eq!(loose(&project), before);
}

#[test]
fn a_person_is_told_what_goes_and_asked() {
    let project = project("a");
    run_with(&project, "b");
    let before = loose(&project);
    let Some(output) = crate::interactive::on_terminal(&project, "mlpipe gc -w", "n\n") else {
        return;
    };
    let text = output.data();
    assert!(
        text.contains("of no use") && text.contains("delete it? [y/N]"),
        "{text}"
    );
    assert!(text.contains("nothing was deleted"), "{text}");
    assert_eq!(loose(&project), before);
    let output = crate::interactive::on_terminal(&project, "mlpipe gc -w", "y\n");
    assert!(output.expect("as before").data().contains("1 pack"));
    assert_eq!((packs(&project), loose(&project)), (1, 1));
    // Where nothing goes there is nothing to ask.
    let output = crate::interactive::on_terminal(&project, "mlpipe gc -w", "");
    assert!(!output.expect("as before").data().contains("[y/N]"));
}

#[test]
fn what_the_workspace_needs_stays_and_what_earlier_runs_made_goes() {
    let project = project("a");
    run_with(&project, "b");
    assert_eq!(packs(&project), 2);
    let text = project.run(&["gc", "-wf"]).success();
    assert!(
        text.contains("43 objects of 101 KiB") && text.contains("2 run records deleted"),
        "{text}"
    );
    assert_eq!((packs(&project), loose(&project)), (1, 1));
    assert!(comes_back(&project, "b"));
    project.run(&["fsck"]).success();
    let text = project.run(&["repro"]).success();
    assert!(text.contains("2 unchanged"), "{text}");
    // The record of the earlier run has gone with its outs.
    run_with(&project, "a");
    assert_eq!(project.runs().len(), 3);
    // What this run made is restored from its record.
    run_with(&project, "b");
    assert_eq!(project.runs().len(), 3);
    let text = project.run(&["gc", "-wf"]).success();
    assert!(text.contains("deleted"), "{text}");
    let text = project.run(&["gc", "-wf"]).success();
    assert!(text.starts_with("  0 objects of 0 B deleted"), "{text}");
}

#[test]
fn each_scope_keeps_its_commits() {
    let project = Project::with(STAGES);
    project.write(".gitignore", "/runs.log\n");
    for (day, input) in ["a", "b", "c", "d"].iter().enumerate() {
        run_with(&project, input);
        let date = format!("2026-01-0{}T12:00:00+0000", day + 1);
        project.git(&["add", "-A"]);
        let mut commit = project.isolated("git");
        let commit = commit.args(["commit", "-qm", input]);
        let commit = commit.env("GIT_COMMITTER_DATE", &date);
        assert!(commit.status().expect("git runs").success());
        match *input {
            "a" => drop(project.git(&["tag", "-am", "x", "first"])),
            "b" => drop(project.git(&["branch", "other"])),
            _ => {}
        }
    }
    run_with(&project, "e");
    let cases: [(&[&str], &str); 9] = [
        (&["-w"], "e"),
        (&["-a"], "bde"),
        (&["-T"], "ae"),
        (&["-aT"], "abde"),
        (&["-A"], "abcde"),
        (&["--rev", "HEAD"], "de"),
        (&["--rev", "HEAD~1", "-n", "2"], "bce"),
        (&["--date", "2026-01-03"], "cde"),
        (&["--rev", "first", "--date", "2026-01-04"], "ade"),
    ];
    for (arguments, kept) in cases {
        let copy = project.copy();
        copy.run(&[&["gc", "-f"], arguments].concat()).success();
        let mut found = String::new();
        found += if comes_back(&copy, "e") { "e" } else { "" };
        for (revision, input) in ["main~3", "main~2", "main~1", "main"]
            .iter()
            .zip("abcd".chars())
        {
            copy.git(&["checkout", "-q", revision, "--", "data.lock"]);
            if comes_back(&copy, &input.to_string()) {
                found.push(input);
            }
        }
        let mut found: Vec<char> = found.chars().collect();
        found.sort_unstable();
        assert_eq!(found.iter().collect::<String>(), kept, "{arguments:?}");
    }
    let text = project.run(&["gc", "-f", "--rev", "nope"]).failure(1);
    assert!(text.contains("no revision `nope`"), "{text}");
    project.run(&["gc", "-f", "--date", "yesterday"]).failure(2);
    project.run(&["gc", "-f", "-n", "3"]).failure(2);
}

#[test]
fn a_trial_lists_what_would_go_and_changes_nothing() {
    let project = project("a");
    run_with(&project, "b");
    let all = || {
        let mut all = files(&project.path(".mlpipe/cache"));
        all.sort();
        all
    };
    let before = all();
    let output = project.run(&["gc", "-w", "--dry"]);
    assert_eq!(output.stdout.lines().count(), 43);
    assert!(
        output.stdout.contains("  98 KiB  loose\n"),
        "{}",
        output.stdout
    );
    assert!(output.success().contains("43 objects of 101 KiB"));
    let value = json(&project, &["-w", "--dry"]);
    assert_eq!(value["removed"]["loose"]["objects"], 3);
    assert_eq!(value["removed"]["packed"]["objects"], 40);
    assert_eq!(value["removed"]["runs"], 2);
    assert_eq!(value["objects"].as_array().map(Vec::len), Some(43));
    assert_eq!(all(), before);
    assert!(comes_back(&project, "b"));
    let value = json(&project, &["-w", "-f"]);
    assert_eq!(value["removed"]["packed"]["objects"], 40);
    assert_eq!(value["packs"]["after"], 1);
}

#[test]
fn a_cache_of_loose_objects_is_packed() {
    let names: Vec<String> = (1..=30).map(|i| format!("out{i:02}")).collect();
    let all = names.join(" ");
    let outs = names.join(", ");
    let project = Project::with(&format!(
        "stages: {{make: {{cmd: 'for i in {all}; do echo $i > $i; done', outs: [{outs}]}}}}"
    ));
    project.run(&["repro"]).success();
    assert_eq!((packs(&project), loose(&project)), (0, 30));
    let text = project.run(&["gc", "-wf"]).success();
    assert!(
        text.contains("30 objects of 180 B packed; 0 packs → 1 pack"),
        "{text}"
    );
    assert_eq!((packs(&project), loose(&project)), (1, 0));
    project.run(&["fsck"]).success();
    project.remove("out07");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("out07"), "out07\n");
}

#[test]
fn small_packs_and_loose_twins_are_merged() {
    let project = Project::with(
        "stages: {grow: {cmd: 'mkdir -p d; for i in $(seq $(cat in)); do echo $i > d/$i; done', \
         deps: [in], outs: [{d: {persist: true}}]}}",
    );
    for count in ["10", "20", "30", "40", "45"] {
        run_with(&project, count);
    }
    assert!(packs(&project) > 1 && loose(&project) > 0);
    project.run(&["gc", "-wf"]).success();
    assert_eq!((packs(&project), loose(&project)), (1, 0));
    assert_eq!(json(&project, &["-w", "--dry"])["kept"]["objects"], 46);
    project.remove("d");
    project.run(&["checkout"]).success();
    for i in 1..=45 {
        assert_eq!(project.read(&format!("d/{i}")), format!("{i}\n"));
    }
}

#[test]
fn small_objects_stay_loose_where_files_may_be_links_to_them() {
    let project = project("a");
    project
        .run(&["config", "cache.type", "hardlink,copy"])
        .success();
    let before = loose(&project);
    project.run(&["gc", "-wf"]).success();
    assert_eq!(loose(&project), before);
}

#[test]
fn objects_that_files_are_links_to_stay_whatever_the_settings_say_now() {
    for kind in ["hardlink", "symlink"] {
        let project = Project::with(STAGES);
        project.write("in", "a");
        let mut linked = project.command(&["repro"]);
        let outcome = linked.env("MLPIPE_CACHE_TYPE", kind).output();
        assert!(outcome.expect("runs").status.success());
        let before = loose(&project);
        project.run(&["gc", "-wf"]).success();
        // The manifest is nobody's file.
        assert_eq!(
            (packs(&project), loose(&project)),
            (1, before - 1),
            "{kind}"
        );
        assert_eq!(project.read("many/7"), "a 7\n");
        project.run(&["checkout", "--relink"]).success();
        assert!(comes_back(&project, "a"), "{kind}");
    }
}

#[test]
fn in_a_stage_it_would_wait_for_itself_and_says_so() {
    let project = Project::with("stages: {clean: {cmd: mlpipe gc -wf, always_changed: true}}");
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("stage `clean` is running"), "{text}");
    // One of another project is waited for as well where both use one cache.
    let other = Project::with(STAGES);
    let cache = project.path(".mlpipe/cache").display().to_string();
    fs::create_dir_all(&cache).expect("makes");
    other.run(&["config", "cache.dir", &cache]).success();
    let root = other.root().display();
    let stages =
        format!("stages: {{clean: {{cmd: 'cd {root} && mlpipe gc -wf', always_changed: true}}}}");
    project.write("pipeline.yaml", &stages);
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("stage `clean` is running"), "{text}");
}

#[test]
fn a_pack_that_is_mostly_waste_is_written_anew() {
    let project = Project::with(
        "stages: {make: {cmd: 'mkdir -p d; for i in $(seq $(cat in)); do echo $i > d/$i; done', \
         deps: [in], outs: [d]}}",
    );
    run_with(&project, "40");
    let pack = files(&project.path(".mlpipe/cache/packs"));
    run_with(&project, "25");
    project.run(&["gc", "-wf"]).success();
    assert!(!pack[0].exists());
    let value = json(&project, &["-w", "--dry"]);
    assert_eq!(value["kept"]["objects"], 26);
    assert_eq!(value["kept"]["unused"]["objects"], 0);
    project.remove("d");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("d/25"), "25\n");
}

#[test]
fn a_corrupt_object_is_told_and_its_neighbours_are_kept() {
    let project = project("a");
    run_with(&project, "b");
    let packs = files(&project.path(".mlpipe/cache/packs"));
    let is_of_b = |path: &&PathBuf| fs::read(path).expect("reads")[14..].starts_with(b"b ");
    let pack = packs.iter().find(is_of_b).expect("is there");
    flip(pack, 16);
    let text = project.run(&["gc", "-wf"]).failure(1);
    assert!(text.contains("was corrupt"), "{text}");
    // One is lost, which the workspace still has.
    assert_eq!(json(&project, &["-w", "--dry"])["kept"]["objects"], 42);
    let text = project.run(&["fsck"]).failure(1);
    assert!(text.contains("none is corrupt"), "{text}");
    project.run(&["repro"]).success();
    project.run(&["fsck"]).success();
    assert!(comes_back(&project, "b"));
}

#[test]
fn a_folder_whose_list_was_corrupt_keeps_all_its_files_however_often_one_tries() {
    let project = project("a");
    let lock = project.read("data.lock");
    let (_, digest) = lock
        .split_once("      many:\n        sha256: ")
        .expect("an out");
    let object = format!(".mlpipe/cache/sha256/{}/{}", &digest[..2], &digest[2..64]);
    flip(&project.path(&object), 20);
    let before = files(&project.path(".mlpipe/cache/packs"));
    for _ in 0..3 {
        let text = project.run(&["gc", "-wf"]).failure(1);
        assert!(text.contains("corrupt"), "{text}");
    }
    assert_eq!(files(&project.path(".mlpipe/cache/packs")), before);
    // The workspace still knows what was in it.
    project.run(&["commit", "--force"]).success();
    project.run(&["gc", "-wf"]).success();
}

#[test]
fn a_lock_that_cannot_be_read_keeps_all() {
    let project = project("a");
    run_with(&project, "b");
    project.commit();
    let lock = project.read("data.lock");
    project.write("data.lock", "schema: 1\nstages: [\n");
    project.git(&["add", "-A"]);
    project.git(&["commit", "-qm", "broken"]);
    let commit = project.git(&["rev-parse", "HEAD"])[..7].to_owned();
    project.write("data.lock", &lock);
    let before = loose(&project);
    let text = project.run(&["gc", "-Af"]).failure(1);
    assert!(text.contains(&format!("{commit}:data.lock")), "{text}");
    project.write("data.lock", "<<<<<<< ours\n");
    project.run(&["gc", "-wf"]).failure(1);
    assert_eq!(loose(&project), before);
}

#[test]
fn a_shared_cache_loses_nothing_of_other_projects() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let shared = |project: &Project| {
        let path = cache.path().display().to_string();
        project.run(&["config", "cache.dir", &path]).success();
    };
    let (one, two) = (Project::with(STAGES), Project::with(STAGES));
    for project in [&one, &two] {
        project.write(".gitignore", "/runs.log\n");
        shared(project);
    }
    run_with(&one, "a");
    one.commit();
    run_with(&one, "b");
    run_with(&one, "c");
    run_with(&two, "x");
    run_with(&two, "y");
    let text = two.run(&["gc", "-wf"]).success();
    assert!(text.contains(&one.root().display().to_string()), "{text}");
    assert!(comes_back(&two, "y"));
    // All that the other has: its workspace, its commits and its earlier runs.
    assert!(comes_back(&one, "c"));
    let runs = one.runs().len();
    run_with(&one, "b");
    assert_eq!(one.runs().len(), runs);
    one.git(&["checkout", "-q", "HEAD", "--", "data.lock"]);
    assert!(comes_back(&one, "a"));
    run_with(&two, "x");
    assert_eq!(two.runs().len(), 3);
    // A project that cannot be read may need anything.
    one.write("data.lock", "broken: [\n");
    let name = one.root().display().to_string();
    let refuse = || {
        let text = two.run(&["gc", "-wf"]).failure(1);
        let hint = format!("mlpipe gc --forget-project {name}");
        let text = text.replace('\n', " ");
        assert!(text.contains(&name) && text.contains(&hint), "{text}");
    };
    refuse();
    drop(one);
    refuse();
    two.run(&["gc", "--forget-project", &name]).success();
    two.run(&["gc", "--forget-project", &name]).failure(2);
    two.run(&["gc", "-wf"]).success();
    two.run(&["fsck"]).success();
    assert!(comes_back(&two, "x"));
}

#[test]
fn the_owner_of_a_cache_that_others_use_needs_no_registration() {
    let owner = project("a");
    run_with(&owner, "b");
    let guest = Project::with(STAGES);
    let path = owner.path(".mlpipe/cache").display().to_string();
    guest.run(&["config", "cache.dir", &path]).success();
    run_with(&guest, "x");
    guest.run(&["gc", "-wf"]).success();
    assert!(comes_back(&owner, "b"));
    run_with(&owner, "a");
    assert_eq!(owner.runs().len(), 2);
    owner.run(&["gc", "-wf"]).success();
    assert!(comes_back(&guest, "x"));
}

#[test]
fn it_waits_for_who_is_at_work_in_the_cache() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let path = cache.path().display().to_string();
    let stages = format!(
        "{STAGES}  wait: {{cmd: 'until [ -e go ]; do sleep 0.01; done', deps: [one], always_changed: true}}\n"
    );
    let (one, two) = (project("a"), Project::with(&stages));
    for project in [&one, &two] {
        project.run(&["config", "cache.dir", &path]).success();
    }
    two.write("in", "x");
    let busy = two.spawn(&["repro"]);
    while !two.exists(".mlpipe/journal") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let mut gc = one.spawn(&["gc", "-wf"]);
    let holder = format!("(pid {}, of a project that uses this cache)", busy.id());
    let _reader = crate::faults::wait_for_line(&mut gc, &holder);
    two.write("go", "");
    assert!(busy.wait_with_output().expect("ends").status.success());
    assert!(gc.wait().expect("ends").success());
    assert!(comes_back(&two, "x"));
}

pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("reads");
    bytes[at] ^= 1;
    fs::remove_file(path).expect("removes");
    fs::write(path, bytes).expect("writes");
}

/// Killed instead of each call that changes the disk, it leaves all that is needed.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn killed_at_any_moment_it_has_lost_nothing() {
    use crate::tracer::{CHANGES, Fault, run_traced};
    let project = project("a");
    run_with(&project, "b");
    project.edit("pipeline.yaml", "seq 40", "seq 25; seq 26 40");
    run_with(&project, "b");
    project.write(".mlpipe/cache/new/.mlpipe-new-x", "unfinished");
    // A loose twin of a packed object.
    let digest = "b 7\n";
    let twin = crate::fsck::object_path(digest);
    project.write(&twin, digest);
    let arguments = ["gc", "-wf"];
    let copy = || project.copy();
    let calls = run_traced(&copy(), &arguments, CHANGES, Fault::None)
        .calls
        .len();
    assert!(calls > 20, "{calls}");
    let all = std::env::var_os("MLPIPE_TEST_ALL_POINTS").is_some();
    for at in (1..=calls).step_by(if all { 1 } else { calls.div_ceil(15) }) {
        let copy = copy();
        let traced = run_traced(&copy, &arguments, CHANGES, Fault::Kill(at));
        let said = traced.stderr;
        copy.run(&["fsck"]).success();
        assert!(comes_back(&copy, "b"), "call {at}: {said}");
        copy.run(&arguments).success();
        assert_eq!((packs(&copy), loose(&copy)), (1, 1), "call {at}");
        assert!(files(&copy.path(".mlpipe/cache/new")).is_empty());
        assert!(comes_back(&copy, "b"), "call {at}");
    }
}

#[test]
fn what_is_staged_or_in_another_worktree_is_needed() {
    let project = Project::new();
    project.run(&["init"]).success();
    project.write("one", "first");
    project.run(&["add", "one"]).success();
    project.commit();
    project.write("one", "second");
    project.run(&["add", "one"]).success();
    project.commit();
    let other = tempfile::tempdir().expect("a temporary folder");
    let other = other.path().join("w");
    project.git(&[
        "worktree",
        "add",
        "-q",
        "--detach",
        other.to_str().expect("UTF-8"),
    ]);
    project.git(&["reset", "-q", "--hard", "HEAD~"]);
    project.run(&["checkout", "--force"]).success();
    project.write("one", "third");
    project.run(&["add", "one"]).success();
    project.git(&["add", "data.lock"]);
    project.write("one", "fourth");
    project.run(&["add", "one"]).success();
    project.run(&["gc", "-A", "--force"]).success();
    project.git(&["checkout", "-q", "data.lock"]);
    project.run(&["checkout", "--force"]).success();
    assert_eq!(project.read("one"), "third");
    let lock = fs::read_to_string(other.join("data.lock")).expect("is there");
    project.write("data.lock", &lock);
    project.run(&["checkout", "--force"]).success();
    assert_eq!(project.read("one"), "second");
}

#[test]
fn a_repository_that_cannot_be_opened_keeps_what_it_may_need() {
    let project = Project::new();
    project.run(&["init"]).success();
    project.write("one", "first");
    project.run(&["add", "one"]).success();
    project.commit();
    fs::rename(project.path(".git/refs"), project.path(".git/away")).expect("renames");
    let text = project.run(&["gc", "-w", "--force"]).failure(1);
    assert!(text.contains("cannot be opened"), "{text}");
}

#[test]
fn a_tracked_folder_whose_list_is_lost_keeps_its_files() {
    let project = crate::add::project();
    project.run(&["add", "data/raw", "x.csv"]).success();
    let lock = project.read("data.lock");
    let (_, digest) = lock
        .split_once("  data/raw:\n    sha256: ")
        .expect("is tracked");
    let object = format!(".mlpipe/cache/sha256/{}/{}", &digest[..2], &digest[2..64]);
    project.remove(&object);
    // The folder itself says what it needs.
    project.run(&["gc", "-wf"]).success();
    project.run(&["unprotect", "data/raw/a"]).data();
    project.write("data/raw/a", "another\n");
    for _ in 0..2 {
        let text = project.run(&["gc", "-wf"]).failure(1);
        assert!(
            text.contains("the list of the files in `data/raw`"),
            "{text}"
        );
        assert!(text.contains("nothing was deleted"), "{text}");
    }
    project.write("data/raw/a", "alpha\n");
    project.remove("data/raw/sub");
    project.run(&["gc", "-wf"]).failure(1);
    project.write("data/raw/sub/b", "beta\n");
    project.write("data/raw/sub/c", "gamma\n");
    project.run(&["add", "data/raw"]).success();
    project.remove("data/raw");
    project.run(&["gc", "-wf"]).success();
    project.run(&["checkout"]).success();
    assert_eq!(project.read("data/raw/sub/b"), "beta\n");
    // By now it is packed.
    project.remove(".mlpipe/cache/packs");
    project.remove("data/raw");
    let text = project.run(&["gc", "-wf", "--allow-missing"]).success();
    assert!(text.contains("1 folder in scope whose list"), "{text}");
}

#[test]
fn who_waits_for_it_says_for_whom() {
    let project = project("a");
    let place = project.path(".mlpipe/cache/lock");
    let lock = fs::File::options().write(true).open(place).expect("opens");
    lock.lock().expect("nobody has it");
    project.write("x.csv", "1,2\n");
    let mut adding = project.spawn(&["add", "x.csv"]);
    let said = format!(
        "another mlpipe (pid {}, with the cache for itself) is at work here; waiting",
        std::process::id()
    );
    let _reader = crate::faults::wait_for_line(&mut adding, &said);
    lock.unlock().expect("unlocks");
    assert!(adding.wait().expect("ends").success());
}

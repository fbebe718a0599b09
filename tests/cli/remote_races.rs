//! Several clients at one remote at once, and clients that are killed: whatever the order, all of them
//! can use it afterwards.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::bucket::{Bucket, Door};
use crate::remote::{assert_same, at_home, cloned, sample};
use crate::support::{Output, Project};

/// A project whose remote has two versions of its data, of which it needs the second.
struct Versions {
    bucket: Bucket,
    door: Door,
    project: Project,
    /// A clone that needs the first version and has all of it.
    other: Project,
    other_door: Door,
}

impl Versions {
    fn new() -> Self {
        let bucket = Bucket::default();
        let (door, other_door) = (bucket.door(), bucket.door());
        let project = sample(40);
        door.lead(&project);
        write_version(&project, "first");
        project.run(&["push"]).success();
        let other = other_door.clone_of(&project);
        other.run(&["pull"]).success();
        write_version(&project, "second");
        project.run(&["push"]).success();
        Self {
            bucket,
            door,
            project,
            other,
            other_door,
        }
    }

    fn sweep(&self) -> Output {
        sweep(&self.project)
    }

    /// Says that the remote is whole, and has what the other clone needs.
    fn assert_whole(&self) {
        self.other.run(&["fsck", "--cloud"]).data();
        let door = self.bucket.door();
        let third = door.clone_of(&self.other);
        third.run(&["pull"]).success();
        assert_eq!(third.read("more/x"), self.other.read("more/x"));
        assert_eq!(third.read("data/f2"), self.other.read("data/f2"));
    }

    /// Says that what nobody needs has gone, and the rest is whole.
    fn assert_swept(&self) {
        assert_eq!(self.bucket.paths("gone/"), [""; 0]);
        self.project.run(&["fsck", "--cloud"]).data();
        let clone = self.bucket.door().clone_of(&self.project);
        clone.run(&["pull"]).success();
        assert_eq!(clone.read("more/x"), self.project.read("more/x"));
        assert_same(&clone, &self.project);
    }
}

/// Writes another version of the data and commits it: small files and a bigger one.
fn write_version(project: &Project, name: &str) {
    project.write("data/f2", name);
    project.write("more/x", &name.repeat(20_000));
    project.run(&["add", "data", "more"]).success();
    project.run(&["repro"]).success();
    project.commit();
}

fn sweep(project: &Project) -> Output {
    project.run(&["gc", "--cloud", "-w", "-f"])
}

fn success(child: Child) -> String {
    let output = child.wait_with_output().expect("ends");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{stderr}");
    stderr
}

#[test]
fn a_push_while_a_sweep_deletes_ends_with_all_that_it_relied_on() {
    let versions = Versions::new();
    let text = versions.sweep().success();
    assert!(text.contains("marked"), "{text}");
    versions.bucket.age("gone/", 48);

    let deleting = versions.door.hold("DELETE", "objects/");
    let sweeping = versions.project.spawn(&["gc", "--cloud", "-w", "-f"]);
    deleting.reached();
    // It was looked who needs something, and all of it is still there.
    let publishing = versions.other_door.hold("PUT", "index/");
    let pushing = versions.other.spawn(&["push"]);
    publishing.reached();
    publishing.open();
    deleting.open();
    let text = success(sweeping);
    assert!(text.contains("deleted"), "{text}");
    success(pushing);
    versions.assert_whole();
}

#[test]
fn a_sweep_within_a_push_takes_nothing_from_it() {
    let versions = Versions::new();
    versions.sweep().success();
    versions.bucket.age("gone/", 48);

    let publishing = versions.other_door.hold("PUT", "index/");
    let pushing = versions.other.spawn(&["push"]);
    publishing.reached();
    let text = versions.sweep().success();
    assert!(text.contains("deleted"), "{text}");
    publishing.open();
    success(pushing);
    versions.assert_whole();
}

#[test]
fn a_push_in_each_phase_of_a_sweep_is_whole_afterwards() {
    let versions = Versions::new();
    let before = versions.bucket.copy();
    for (method, path) in [
        ("GET", "index/"),
        ("PUT", "index/"),
        ("PUT", "gone/"),
        ("DELETE", "index/"),
        ("DELETE", "gone/"),
    ] {
        versions.bucket.put_back(&before);
        let at = versions.door.hold(method, path);
        let sweeping = versions.project.spawn(&["gc", "--cloud", "-w", "-f"]);
        at.reached();
        let publishing = versions.other_door.hold("GET", "gone/");
        write_version(&versions.other, &format!("at {method} {path}"));
        let pushing = versions.other.spawn(&["push"]);
        publishing.reached();
        at.open();
        publishing.open();
        success(sweeping);
        success(pushing);
        versions.assert_whole();
    }
}

/// Starts a sweep whose turns take so many milliseconds.
fn spawn_sweep(project: &Project, turn: u64) -> Child {
    let mut command = project.command(&["gc", "--cloud", "-w", "-f"]);
    command.env("MLPIPE_TEST_SWEEP_TURN", turn.to_string());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("mlpipe starts")
}

#[test]
fn a_sweep_ends_where_a_look_takes_longer_than_a_turn() {
    let versions = Versions::new();
    versions.sweep().success();
    versions.bucket.age("gone/", 48);
    let begun = versions.door.hold("PUT", "gone/clock-");
    let sweeping = spawn_sweep(&versions.project, 2000);
    begun.reached();
    // Others are told that it goes on, and then it is looked what goes.
    let deleting = versions.door.hold("PUT", "gone/clock-");
    begun.open();
    deleting.reached();
    versions.door.delay(Duration::from_millis(2300));
    deleting.open();
    let gone = versions.door.hold("DELETE", "objects/");
    gone.reached();
    versions.door.delay(Duration::ZERO);
    gone.open();
    let text = success(sweeping);
    assert!(text.contains("deleted"), "{text}");
    versions.assert_swept();
}

#[test]
fn a_sweep_that_nobody_could_wait_for_deletes_nothing_and_ends() {
    let versions = Versions::new();
    versions.sweep().success();
    versions.bucket.age("gone/", 48);
    let before = versions.bucket.paths("objects/");
    versions.door.delay(Duration::from_millis(100));
    let output = spawn_sweep(&versions.project, 20).wait_with_output();
    let output = output.expect("ends");
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        output.status.code() == Some(1) && text.contains("answers so slowly"),
        "{text}"
    );
    assert_eq!(versions.bucket.paths("objects/"), before);
    versions.door.delay(Duration::ZERO);
    let text = versions.sweep().success();
    assert!(text.contains("deleted"), "{text}");
    versions.assert_swept();
}

#[test]
fn what_cannot_be_deleted_at_once_goes_in_a_later_lot() {
    let versions = Versions::new();
    versions.sweep().success();
    versions.bucket.age("gone/", 48);
    versions.door.fail(1);
    let text = versions.sweep().success();
    assert!(text.contains("deleted"), "{text}");
    assert!(versions.bucket.paths("gone/").is_empty());
    versions.assert_swept();
}

#[test]
fn a_list_of_indexes_that_is_never_whole_is_no_success() {
    let bucket = Bucket::default();
    let (door, project) = (bucket.door(), sample(10));
    door.lead(&project);
    project.run(&["push"]).success();
    write_version(&project, "another");
    door.crowd();
    let text = project.run(&["push"]).failure(1);
    assert!(
        text.contains("again and again") && text.contains("index/names"),
        "{text}"
    );
}

#[test]
fn two_sweeps_at_once_do_not_mind_each_other() {
    let versions = Versions::new();
    versions.sweep().success();
    versions.bucket.age("gone/", 48);
    let colleague = versions.bucket.door().clone_of(&versions.project);
    colleague.run(&["pull"]).success();
    let deleting = versions.door.hold("DELETE", "objects/");
    let sweeping = versions.project.spawn(&["gc", "--cloud", "-w", "-f"]);
    deleting.reached();
    let text = sweep(&colleague).success();
    assert!(text.contains("deleted"), "{text}");
    // The first one has not ended yet, so this waits for it.
    let publishing = versions.other_door.hold("PUT", "index/");
    let pushing = versions.other.spawn(&["push"]);
    publishing.reached();
    publishing.open();
    deleting.open();
    success(sweeping);
    success(pushing);
    versions.assert_whole();
}

#[test]
fn what_is_needed_again_after_it_was_marked_stays() {
    let versions = Versions::new();
    versions.sweep().success();
    versions.bucket.age("gone/", 48);
    let before = versions.bucket.paths("objects/");
    // Another commit needs what was marked, and nobody has pushed since.
    versions.project.git(&["checkout", "-q", "HEAD~1"]);
    let text = versions.sweep().success();
    assert!(!text.contains("deleted"), "{text}");
    for path in before {
        assert!(versions.bucket.bytes(&path).is_some(), "{path}");
    }
    versions.assert_whole();
}

#[test]
fn a_push_that_a_whole_sweep_runs_within_claims_its_data_again() {
    let versions = Versions::new();
    // All of it is there and claimed, so the push has nothing to write.
    let looking = versions.other_door.hold("GET", "gone/");
    let pushing = versions.other.spawn(&["push"]);
    looking.reached();
    let text = versions.sweep().success();
    assert!(text.contains("marked"), "{text}");
    looking.open();
    success(pushing);
    versions.assert_whole();
}

#[test]
fn who_may_not_delete_can_push_as_often_as_others() {
    let bucket = Bucket::default();
    let door = bucket.door();
    let project = sample(30);
    door.lead(&project);
    project.run(&["push"]).success();
    bucket.share_out(17);
    door.keep_all();
    for version in ["second", "third"] {
        write_version(&project, version);
        project.run(&["push"]).success();
    }
    assert!(bucket.paths("index/").len() > 18, "nothing has gone");
    project.run(&["fsck", "--cloud"]).data();
    let clone = bucket.door().reader_of(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
    // Who may delete tidies up.
    let other = bucket.door().clone_of(&project);
    other.run(&["pull"]).success();
    write_version(&other, "another");
    other.run(&["push"]).success();
    assert!(bucket.paths("index/").len() < 5);
    project.run(&["push"]).success();
}

#[test]
fn a_young_mark_wins_over_an_old_one() {
    let versions = Versions::new();
    let before = versions.bucket.paths("objects/");
    versions.sweep().success();
    versions.bucket.age("gone/", 20);
    // It is needed again, and then it is not.
    versions.other.run(&["push"]).success();
    write_version(&versions.project, "fourth");
    versions.project.run(&["push"]).success();
    write_version(&versions.project, "fifth");
    versions.project.run(&["push"]).success();
    let text = versions.sweep().success();
    assert!(text.contains("marked"), "{text}");
    versions.bucket.age("gone/", 5);
    let text = versions.sweep().success();
    assert!(text.contains("less than a day"), "{text}");
    for path in before {
        assert!(versions.bucket.bytes(&path).is_some(), "{path}");
    }
}

#[test]
fn a_sweep_by_a_clock_that_is_a_day_ahead_takes_nothing_from_a_push() {
    let versions = Versions::new();
    let publishing = versions.other_door.hold("PUT", "index/");
    write_version(&versions.other, "third");
    let pushing = versions.other.spawn(&["push"]);
    publishing.reached();
    versions.sweep().success();
    versions.door.skew(25);
    versions.sweep().success();
    publishing.open();
    success(pushing);
    versions.assert_whole();
}

#[test]
fn a_clock_that_is_behind_sweeps_nothing() {
    let versions = Versions::new();
    versions.door.skew(-25);
    let before = versions.bucket.paths("");
    let text = versions.sweep().failure(1);
    assert!(text.contains("clock"), "{text}");
    assert_eq!(versions.bucket.paths(""), before);
}

#[test]
fn a_sweep_that_was_killed_long_ago_keeps_no_push_waiting() {
    let versions = Versions::new();
    versions.sweep().success();
    versions.bucket.age("gone/", 48);
    // The clock is written, then nothing more.
    versions.door.allow(1);
    assert!(
        versions
            .door
            .run_and_kill(&versions.project, &["gc", "--cloud", "-w", "-f"])
    );
    versions.door.allow_all();
    assert!(
        versions
            .bucket
            .paths("gone/")
            .iter()
            .any(|path| path.contains("clock"))
    );
    versions.bucket.age("gone/", 10 * 24);
    versions.other.run(&["push"]).success();
    versions.assert_whole();
}

#[test]
fn wherever_a_push_is_killed_all_can_read_what_was_there() {
    let bucket = Bucket::default();
    let door = bucket.door();
    let project = sample(30);
    door.lead(&project);
    write_version(&project, "the first");
    project.run(&["push"]).success();
    // So many indexes that the next push puts them into one.
    bucket.share_out(16);
    let base = bucket.door().clone_of(&project);
    base.run(&["pull"]).success();
    write_version(&project, "the last");
    let (reader, client) = (
        bucket.door().reader_of(&base),
        bucket.door().clone_of(&base),
    );
    let (before, count) = (bucket.copy(), bucket.paths("index/").len());
    let mut changes = 0;
    // Of the many indexes that go, not each one is tried.
    let next = |changes| changes + if changes < 9 { 1 } else { 3 };
    loop {
        bucket.put_back(&before);
        door.allow(changes);
        let is_killed = door.run_and_kill(&project, &["push"]);
        // Those who list and those who cannot, all of them for the first time.
        for clone in [&reader, &client] {
            for known in ["cache", "remotes"] {
                let _none = std::fs::remove_dir_all(clone.path(".mlpipe").join(known));
            }
            clone.run(&["fetch", "more", "data"]).success();
        }
        if !is_killed {
            break;
        }
        changes = next(changes);
    }
    assert!(changes > 20, "{changes}");
    assert!(bucket.paths("index/").len() < count - 10);
    let reader = bucket.door().reader_of(&project);
    reader.run(&["pull"]).success();
    assert_same(&reader, &project);
}

#[test]
fn wherever_a_sweep_is_killed_all_can_read_what_is_needed() {
    let versions = Versions::new();
    let Versions {
        bucket,
        door,
        project,
        ..
    } = &versions;
    let (reader, client) = (
        bucket.door().reader_of(project),
        bucket.door().clone_of(project),
    );
    // One sweep has marked what the first version needs; another one deletes that and marks more.
    versions.sweep().success();
    write_version(project, "third");
    project.run(&["push"]).success();
    bucket.age("gone/", 48);
    let from = project.root().to_str().expect("UTF-8");
    for clone in [&reader, &client] {
        clone.git(&["pull", "-q", from, "main"]);
    }
    let before = bucket.copy();
    let mut changes = 0;
    loop {
        bucket.put_back(&before);
        door.allow(changes);
        let is_killed = door.run_and_kill(project, &["gc", "--cloud", "-w", "-f"]);
        for clone in [&reader, &client] {
            for known in ["cache", "remotes"] {
                let _none = std::fs::remove_dir_all(clone.path(".mlpipe").join(known));
            }
            clone.run(&["fetch", "more", "data"]).success();
        }
        if !is_killed {
            break;
        }
        changes += 1;
    }
    assert!(changes > 6, "{changes}");
    assert!(
        bucket.paths("gone/").len() == 1,
        "{:?}",
        bucket.paths("gone/")
    );
    project.run(&["fsck", "--cloud"]).data();
}

#[test]
fn what_a_killed_push_did_not_say_to_the_web_the_next_one_says() {
    let bucket = Bucket::default();
    let door = bucket.door();
    let project = sample(30);
    door.lead(&project);
    project.run(&["push"]).success();
    write_version(&project, "another");
    // Killed after the pack, the object and the index, before the list that leads to it.
    let before = bucket.paths("index/").len();
    let mut changes = 0;
    while bucket.paths("index/").len() == before {
        changes += 1;
        door.allow(changes);
        assert!(door.run_and_kill(&project, &["push"]));
    }
    door.allow_all();
    project.run(&["push"]).success();
    let reader = bucket.door().reader_of(&project);
    reader.run(&["pull"]).success();
    assert_same(&reader, &project);
}

/// Clones of a project at a remote, each with something of its own on top if they are to differ.
fn crowd(bucket: &Bucket, project: &Project, do_differ: bool) -> Vec<(Door, Project)> {
    let clone = |number: usize| {
        let door = bucket.door();
        let clone = door.clone_of(project);
        clone.run(&["pull"]).success();
        if do_differ {
            write_version(&clone, &format!("version of {number}"));
        }
        (door, clone)
    };
    (0..4).map(clone).collect()
}

/// Lets all of them push, none of them knowing of the others.
fn push_at_once(crowd: &[(Door, Project)]) {
    let start = |(door, clone): &(Door, Project)| {
        let gate = door.hold("PUT", "");
        (gate, clone.spawn(&["push"]))
    };
    let started: Vec<_> = crowd.iter().map(start).collect();
    for (gate, _) in &started {
        gate.reached();
    }
    for (gate, _) in &started {
        gate.open();
    }
    for (_, child) in started {
        success(child);
    }
}

#[test]
fn clients_that_push_at_once_lose_nothing_of_each_other() {
    let bucket = Bucket::default();
    let project = sample(30);
    bucket.door().lead(&project);
    project.run(&["push"]).success();
    let crowd = crowd(&bucket, &project, true);
    push_at_once(&crowd);
    project.run(&["fsck", "--cloud"]).data();
    for (_, clone) in &crowd {
        let text = clone.run(&["push"]).success();
        assert!(text.contains("nothing to push"), "{text}");
        for reader in [
            bucket.door().reader_of(clone),
            bucket.door().clone_of(clone),
        ] {
            reader.run(&["pull"]).success();
            assert_eq!(reader.read("more/x"), clone.read("more/x"));
            assert_same(&reader, clone);
        }
    }
}

#[test]
fn clients_that_push_the_same_at_once_agree() {
    let (bucket, first) = (Bucket::default(), Bucket::default());
    let project = sample(30);
    let door = bucket.door();
    first.door().lead(&project);
    project.run(&["push"]).success();
    let crowd: Vec<(Door, Project)> = crowd(&first, &project, false)
        .into_iter()
        .map(|(_, clone)| {
            let door = bucket.door();
            door.lead(&clone);
            (door, clone)
        })
        .collect();
    push_at_once(&crowd);
    for (_, clone) in &crowd {
        let text = clone.run(&["push"]).success();
        assert!(text.contains("nothing to push"), "{text}");
    }
    crowd[0].1.run(&["fsck", "--cloud"]).data();
    let reader = door.reader_of(&project);
    reader.run(&["pull"]).success();
    assert_same(&reader, &project);
}

#[test]
fn who_reads_while_indexes_are_put_into_one_finds_all_of_them() {
    let bucket = Bucket::default();
    let door = bucket.door();
    let project = sample(30);
    door.lead(&project);
    project.run(&["push"]).success();
    bucket.share_out(16);
    let base = cloned(&project);
    write_version(&project, "the last");
    let before = bucket.paths("index/");
    // Two begin to read the old indexes, and get to them when they are gone.
    let (web_door, list_door) = (bucket.door(), bucket.door());
    let (web, list) = (web_door.reader_of(&base), list_door.clone_of(&base));
    let gates = [&web_door, &list_door].map(|door| door.hold("GET", &before[3]));
    let readers = [&web, &list].map(|reader| reader.spawn(&["pull"]));
    gates.iter().for_each(crate::bucket::Gate::reached);
    // Two more come while they go.
    let going = door.hold("DELETE", "index/");
    let pushing = project.spawn(&["push"]);
    going.reached();
    for reader in [
        bucket.door().reader_of(&base),
        bucket.door().clone_of(&base),
    ] {
        reader.run(&["pull"]).success();
        assert_same(&reader, &project);
    }
    going.open();
    success(pushing);
    assert!(bucket.paths("index/").len() < 5);
    gates.iter().for_each(crate::bucket::Gate::open);
    for reader in readers {
        success(reader);
    }
    for reader in [&web, &list] {
        assert_same(reader, &project);
    }
}

#[test]
fn a_push_with_nothing_to_do_asks_little() {
    let bucket = Bucket::default();
    let door = bucket.door();
    let project = sample(30);
    door.lead(&project);
    project.run(&["push"]).success();
    project.run(&["push"]).success();
    door.take_log();
    let text = project.run(&["push"]).success();
    assert!(text.contains("nothing to push"), "{text}");
    let asked = door.take_log();
    assert!(asked.len() <= 8, "{asked:#?}");
}

#[test]
fn a_fork_loses_nothing_to_a_sweep_of_its_parent() {
    let bucket = Bucket::default();
    let project = sample(30);
    bucket.door().lead(&project);
    project.run(&["push"]).success();
    let fork = bucket.door().clone_of(&project);
    at_home(&fork, "https://example.org/ann/digits.git");
    // The same repository, as others reach it.
    let colleague = bucket.door().clone_of(&project);
    at_home(&colleague, "git@Example.org:team/digits");
    for (clone, name) in [(&fork, "of the fork"), (&colleague, "of the colleague")] {
        clone.run(&["pull"]).success();
        write_version(clone, name);
        clone.run(&["push"]).success();
    }
    let objects = bucket.paths("objects/").len();
    for _ in 0..2 {
        sweep(&project).success();
        bucket.age("gone/", 48);
    }
    assert!(
        bucket.paths("objects/").len() < objects,
        "what the colleague's branch needs is this project's"
    );
    let clone = bucket.door().clone_of(&fork);
    clone.run(&["pull"]).success();
    assert_same(&clone, &fork);
    assert_eq!(clone.read("more/x"), fork.read("more/x"));
}

#[test]
fn outside_of_git_there_are_no_commits_to_sweep_by() {
    let project = sample(20);
    Bucket::default().door().lead(&project);
    std::fs::remove_dir_all(project.path(".git/refs")).expect("removes");
    std::fs::remove_file(project.path(".git/HEAD")).expect("removes");
    for arguments in [
        &["gc", "--cloud", "-A", "-f"][..],
        &["gc", "--cloud", "-w", "-f"],
        &["push", "-A"],
        &["fetch", "-a"],
        &["status", "--cloud", "-T"],
    ] {
        let output = project.run(arguments);
        assert!(matches!(output.code, Some(1 | 2)), "{arguments:?}");
        assert!(
            output.stderr.contains("git") && output.stderr.contains("hint: "),
            "{arguments:?}: {}",
            output.stderr
        );
    }
}

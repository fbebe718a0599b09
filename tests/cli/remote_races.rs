//! Several clients at one remote at once, and clients that are killed: whatever the order, all of them
//! can use it afterwards.

use std::process::Child;

use crate::bucket::{Bucket, Door};
use crate::remote::{assert_same, sample};
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
    for (method, path) in [
        ("GET", "index/"),
        ("PUT", "index/"),
        ("PUT", "gone/"),
        ("DELETE", "index/"),
        ("DELETE", "gone/"),
    ] {
        let versions = Versions::new();
        let at = versions.door.hold(method, path);
        let sweeping = versions.project.spawn(&["gc", "--cloud", "-w", "-f"]);
        at.reached();
        let publishing = versions.other_door.hold("GET", "gone/");
        write_version(&versions.other, "third");
        let pushing = versions.other.spawn(&["push"]);
        publishing.reached();
        at.open();
        publishing.open();
        success(sweeping);
        success(pushing);
        versions.assert_whole();
    }
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
    project.run(&["push"]).success();
    // So many indexes that the next push puts them into one.
    for number in 0..15 {
        write_version(&project, &format!("version {number}"));
        project.run(&["push"]).success();
    }
    let base = bucket.door().clone_of(&project);
    base.run(&["pull"]).success();
    write_version(&project, "the last");
    let (reader, client) = (
        bucket.door().reader_of(&base),
        bucket.door().clone_of(&base),
    );
    let (before, count) = (bucket.copy(), bucket.paths("index/").len());
    let mut changes = 0;
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
        changes += 1;
    }
    assert!(changes > 20, "{changes}");
    assert!(bucket.paths("index/").len() < count - 10);
    let reader = bucket.door().reader_of(&project);
    reader.run(&["pull"]).success();
    assert_same(&reader, &project);
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

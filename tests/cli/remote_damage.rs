//! Remotes with something wrong in them: what is damaged is named, all else goes on working, and who
//! has the good bytes mends it.

use std::fs;
use std::path::PathBuf;

use crate::bucket::{Bucket, Door};
use crate::remote::{Yard, assert_same, at_home, make_plain, sample, with_remote};
use crate::support::{Project, files};

/// What is done to the bytes of a file.
type Damage = fn(Vec<u8>) -> Vec<u8>;

const DAMAGES: [(&str, Damage); 3] = [
    ("truncated", |bytes| bytes[..bytes.len() / 2].to_vec()),
    ("another byte", |mut bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    }),
    ("something else", |_| b"<html>".to_vec()),
];

/// Corrupts the big file of `more` and one small file of `data`.
fn corrupt_two(bucket: &Bucket) {
    for path in bucket.paths("objects/") {
        let mut bytes = bucket.bytes(&path).expect("is there");
        if bytes.len() == 70_000 {
            bytes[5] ^= 1;
            bucket.put(&path, bytes);
        }
    }
    for path in bucket.paths("packs/") {
        let mut bytes = bucket.bytes(&path).expect("is there");
        if let Some(at) = bytes.windows(7).position(|part| part == b"file 9\n") {
            bytes[at] ^= 1;
            bucket.put(&path, bytes);
        }
    }
}

/// Two versions of a project's data, each in an index of its own at the remote.
fn two_indexes() -> (Bucket, Door, Project) {
    let bucket = Bucket::default();
    let door = bucket.door();
    let project = sample(30);
    door.lead(&project);
    project.run(&["push"]).success();
    project.write("more/x", &"x".repeat(70_000));
    project.write("more/y", "small");
    project.run(&["add", "more"]).success();
    project.commit();
    project.run(&["push"]).success();
    (bucket, door, project)
}

/// Damages the index that names the pack of the many small files; returns its path.
fn damage_index(bucket: &Bucket, damage: Damage) -> String {
    let paths = bucket.paths("index/").into_iter();
    let indexes = paths.filter(|path| !path.ends_with("names"));
    let longest = indexes.max_by_key(|path| bucket.bytes(path).map(|bytes| bytes.len()));
    let path = longest.expect("one");
    let bytes = bucket.bytes(&path).expect("is there");
    bucket.put(&path, damage(bytes));
    path
}

#[test]
fn a_damaged_index_locks_nobody_out_and_the_next_push_rebuilds_it() {
    let (bucket, _door, project) = two_indexes();
    let whole = bucket.copy();
    for (what, damage) in DAMAGES {
        bucket.put_back(&whole);
        let path = damage_index(&bucket, damage);
        let damaged = bucket.bytes(&path);
        // Nobody who knows it is left.
        let clone = bucket.door().clone_of(&project);
        let text = clone.run(&["status", "-c"]).data();
        assert!(
            text.contains("damaged") && text.contains(&path),
            "{what}: {text}"
        );
        clone.run(&["pull"]).success();
        assert_same(&clone, &project);
        let text = clone.run(&["fsck", "-c"]);
        assert!(text.stdout.contains(&format!("corrupt  {path}")), "{what}");
        assert_eq!(text.code, Some(1));
        // What others need is not known, so nothing is swept.
        let text = clone.run(&["gc", "-c", "-w", "-f"]).failure(1);
        assert!(
            text.contains("damaged") && text.contains("mlpipe push"),
            "{text}"
        );

        let text = clone.run(&["push"]).success();
        assert!(text.contains("mended the index"), "{what}: {text}");
        assert!(bucket.bytes(&path) != damaged);
        clone.run(&["fsck", "-c"]).data();
        let text = clone.run(&["status", "-c"]).data();
        assert!(text.contains("are the same"), "{text}");
        let web = bucket.door().reader_of(&project);
        web.run(&["pull"]).success();
        assert_same(&web, &project);
    }
}

#[test]
fn the_only_index_is_rebuilt_word_for_word() {
    let (project, yard) = (sample(30), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.run(&["push"]).success();
    let index = files(&yard.path("store/index"));
    let path = index.iter().find(|path| !path.ends_with("names"));
    let path = path.expect("one");
    let good = fs::read(path).expect("reads");
    fs::write(path, &good[..500]).expect("writes");
    let clone = project.cloned();
    clone.run(&["pull"]).success();
    let text = clone.run(&["push"]).success();
    assert!(
        text.contains("mended") && !text.contains("pushed"),
        "{text}"
    );
    assert_eq!(fs::read(path).expect("reads"), good);
    clone.run(&["fsck", "-c"]).data();
}

#[test]
fn who_has_the_good_index_sees_the_damage_and_puts_it_back() {
    let (bucket, _door, project) = two_indexes();
    for (what, damage) in DAMAGES {
        // As long as it is not looked at again, nobody can tell what was written just now.
        project.run(&["status", "-c"]).data();
        let path = damage_index(&bucket, damage);
        let json = project.run(&["status", "-c", "--json"]).data();
        assert!(
            json.contains(&path) && json.contains("\"in_sync\": false"),
            "{what}: {json}"
        );
        let text = project.run(&["status", "-c"]).data();
        assert!(text.contains("mlpipe push"), "{what}: {text}");
        let text = project.run(&["fsck", "-c"]);
        assert!(text.stdout.contains(&format!("corrupt  {path}")), "{what}");
        let text = project.run(&["push"]).success();
        assert!(text.contains("mended the index"), "{what}: {text}");
        project.run(&["fsck", "-c"]).data();
        let clone = bucket.door().clone_of(&project);
        clone.run(&["pull"]).success();
        assert_same(&clone, &project);
    }
}

#[test]
fn an_index_that_rots_unseen_is_found_by_reading_it() {
    let (project, yard) = (sample(30), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.run(&["push"]).success();
    let index = files(&yard.path("store/index"));
    let path = index
        .iter()
        .find(|path| !path.ends_with("names"))
        .expect("one");
    let time = fs::metadata(path)
        .and_then(|known| known.modified())
        .expect("has one");
    let (good, mut bytes) = (
        fs::read(path).expect("reads"),
        fs::read(path).expect("reads"),
    );
    bytes[100] ^= 1;
    fs::write(path, bytes).expect("writes");
    let file = fs::File::options().append(true).open(path).expect("opens");
    file.set_modified(time).expect("sets");
    project.run(&["fsck", "-c"]).failure(1);
    project.run(&["push"]).success();
    assert_eq!(fs::read(path).expect("reads"), good);
    project.run(&["fsck", "-c"]).data();
}

#[test]
fn damaged_indexes_of_others_are_left_out_and_what_they_need_is_kept() {
    let (bucket, _door, project) = two_indexes();
    let other = sample(31);
    let door = bucket.door();
    door.lead(&other);
    other.write("data/f1", "of the other\n");
    other.run(&["add", "data"]).success();
    other.run(&["repro"]).success();
    other.commit();
    other.run(&["push"]).success();
    let path = damage_index(&bucket, |bytes| bytes[..bytes.len() - 1].to_vec());
    for one in [&project, &other] {
        fs::remove_dir_all(one.path(".mlpipe/remotes")).expect("removes");
    }
    // The one who needs it and the one who does not.
    let text = project.run(&["push"]).success();
    assert!(text.contains("mended the index"), "{text}");
    assert_eq!(bucket.bytes(&path), None);
    bucket.age("gone/", 48);
    for _ in 0..2 {
        project.run(&["gc", "-c", "-w", "-f"]).success();
        bucket.age("gone/", 48);
    }
    let clone = bucket.door().clone_of(&other);
    clone.run(&["pull"]).success();
    assert_same(&clone, &other);
}

#[test]
fn one_corrupt_object_keeps_nothing_else_out() {
    let (bucket, _door, project) = two_indexes();
    let web = bucket.door().reader_of(&project);
    corrupt_two(&bucket);
    for clone in [bucket.door().clone_of(&project), web] {
        let text = clone.run(&["pull"]).failure(1);
        assert!(
            text.contains("data/f9") && text.contains("more/x") && text.contains("is damaged"),
            "{text}"
        );
        assert!(text.contains("fsck --cloud --delete-corrupt"), "{text}");
        assert_eq!(clone.read("big.bin"), project.read("big.bin"));
        assert_eq!(clone.read("out"), project.read("out"));
        clone.run(&["fsck"]).failure(1);
        // All of it is in the cache but those two.
        let json = clone.run(&["fetch", "--json"]);
        assert_eq!(json.code, Some(1));
        assert!(json.stdout.contains("\"objects\": 0"), "{}", json.stdout);
        assert!(json.stdout.contains("\"more/x\""), "{}", json.stdout);
    }
    project.run(&["fsck", "-c", "--delete-corrupt"]).failure(1);
    project.run(&["push"]).success();
    let clone = bucket.door().clone_of(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

#[test]
fn a_truncated_pack_gives_what_is_left_of_it() {
    let (bucket, _door, project) = two_indexes();
    for path in bucket.paths("packs/") {
        let bytes = bucket.bytes(&path).expect("is there");
        if let Some(at) = bytes.windows(8).position(|part| part == b"file 17\n") {
            bucket.put(&path, bytes[..at + 3].to_vec());
        }
    }
    let clone = bucket.door().clone_of(&project);
    let output = clone.run(&["fetch", "--json"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stdout.contains("\"data/f17\""), "{}", output.stdout);
    assert!(!output.stdout.contains("\"data/f10\""), "{}", output.stdout);
}

#[test]
fn a_folder_without_its_files_is_completed_by_who_has_them() {
    let (bucket, _door, project) = two_indexes();
    // As if somebody had deleted the big file there.
    let big = bucket.paths("objects/").into_iter();
    let is_big = |path: &String| {
        bucket
            .bytes(path)
            .is_some_and(|bytes| bytes.len() == 70_000)
    };
    let big: Vec<String> = big.filter(is_big).collect();
    bucket.remove(&big[0]);
    let clone = bucket.door().clone_of(&project);
    let text = clone.run(&["status", "-c"]).data();
    assert!(text.contains("missing     more/"), "{text}");
    let text = clone.run(&["push"]).failure(1);
    assert!(
        text.contains("neither the cache nor the remote has more/x"),
        "{text}"
    );
    project.run(&["push"]).success();
    clone.run(&["pull"]).success();
    assert_eq!(clone.read("more/x"), project.read("more/x"));
    let text = clone.run(&["push"]).success();
    assert!(text.contains("nothing to push"), "{text}");
}

#[test]
fn damaged_runs_are_passed_over_and_pushed_again() {
    let (bucket, _door, project) = two_indexes();
    for path in bucket.paths("runs/") {
        let bytes = bucket.bytes(&path).expect("is there");
        bucket.put(&path, bytes[..bytes.len() / 2].to_vec());
    }
    let clone = bucket.door().clone_of(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
    clone.run(&["fsck", "-c"]).failure(1);
    project.run(&["fsck", "-c", "--delete-corrupt"]).failure(1);
    project.run(&["push"]).success();
    project.run(&["fsck", "-c"]).data();
    let clone = project.cloned();
    bucket.door().lead(&clone);
    let text = clone.run(&["fetch"]).success();
    assert!(text.contains("and 1 run"), "{text}");
}

/// Returns the path and the bytes of the big file of `more`.
fn big_object(bucket: &Bucket) -> (String, Vec<u8>) {
    let mut paths = bucket.paths("objects/").into_iter();
    let object = paths.find_map(|path| {
        let bytes = bucket.bytes(&path)?;
        (bytes.len() == 70_000).then_some((path, bytes))
    });
    object.expect("one")
}

#[test]
fn what_was_damaged_only_on_its_way_is_not_deleted() {
    let (bucket, door, project) = two_indexes();
    project
        .run(&["remote", "modify", "--local", "store", "jobs", "1"])
        .success();
    let (path, good) = big_object(&bucket);
    let mut bad = good.clone();
    bad[5] ^= 1;
    bucket.put(&path, bad);
    // One file after the other: the packs come after the objects.
    let name = bucket.paths("packs/").remove(0);
    let later = door.hold("GET", &name);
    let checking = project.spawn(&["fsck", "-c", "--delete-corrupt"]);
    later.reached();
    bucket.put(&path, good.clone());
    later.open();
    checking.wait_with_output().expect("ends");
    assert!(bucket.bytes(&path) == Some(good), "{path}");
}

#[test]
fn an_object_of_the_wrong_size_that_no_index_names_is_pushed_again() {
    let (bucket, _door, project) = two_indexes();
    let (path, good) = big_object(&bucket);
    bucket.put(&path, good[..40_000].to_vec());
    for index in bucket.paths("index/") {
        if !index.ends_with("names") {
            let mut bytes = bucket.bytes(&index).expect("is there");
            bytes.push(b'x');
            bucket.put(&index, bytes);
        }
    }
    fs::remove_dir_all(project.path(".mlpipe/remotes")).expect("is there");
    project.run(&["push"]).success();
    assert_eq!(bucket.bytes(&path).map(|bytes| bytes.len()), Some(70_000));
    // An index that was mended may still name it with the wrong size.
    for _ in 0..2 {
        let _faults = project.run(&["fsck", "-c", "--delete-corrupt"]);
        assert!(bucket.bytes(&path).as_ref() == Some(&good), "{path}");
    }
    project.run(&["fsck", "-c"]).data();
    let clone = bucket.door().clone_of(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

#[test]
fn a_truncated_list_of_a_folder_is_pushed_again_in_the_plain_layout() {
    let (project, yard) = (sample(30), Yard::new());
    with_remote(&project, &yard.text("store"));
    make_plain(&project);
    project.run(&["push"]).success();
    let lock = project.read("data.lock");
    let digests = lock.split(|one: char| !one.is_ascii_hexdigit());
    let paths = digests
        .filter(|one| one.len() == 64)
        .map(|one| yard.path(&format!("store/sha256/{}/{}", &one[..2], &one[2..])));
    let list = paths.into_iter().find(|path| {
        let bytes = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains("f29")
    });
    let list = list.expect("one");
    let good = fs::read(&list).expect("reads");
    fs::write(&list, &good[..20]).expect("writes");
    project.run(&["push"]).success();
    assert!(fs::read(&list).expect("reads") == good);
    let clone = project.cloned();
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

#[test]
fn what_a_lost_index_said_of_a_pack_that_another_names_in_part_is_found() {
    let bucket = Bucket::default();
    let project = sample(30);
    let origin = |team: &str| format!("https://example.org/{team}/digits.git");
    at_home(&project, &origin("ann"));
    bucket.door().lead(&project);
    project.run(&["push"]).success();
    // A fork that needs a part of the same pack.
    let fork = bucket.door().clone_of(&project);
    at_home(&fork, &origin("ben"));
    fork.run(&["pull"]).success();
    for number in 20..30 {
        fs::remove_file(fork.path(&format!("data/f{number}"))).expect("is there");
    }
    fork.run(&["add", "data"]).success();
    fork.run(&["repro"]).success();
    fork.commit();
    fork.run(&["push"]).success();

    damage_index(&bucket, |mut bytes| {
        bytes.push(b'x');
        bytes
    });
    let clone = bucket.door().clone_of(&project);
    at_home(&clone, &origin("ann"));
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
    // Who mends it never knew what it said.
    let other = bucket.door().clone_of(&fork);
    at_home(&other, &origin("ben"));
    other.run(&["pull"]).success();
    let text = other.run(&["push"]).success();
    assert!(text.contains("mended"), "{text}");
    let clone = bucket.door().clone_of(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

#[test]
fn what_a_pull_could_not_bring_is_told_and_never_dropped_silently() {
    let (bucket, _door, project) = two_indexes();
    corrupt_two(&bucket);
    let clone = bucket.door().clone_of(&project);
    clone.run(&["pull"]).failure(1);
    let lock = clone.read("data.lock");

    let text = clone.run(&["status", "data", "more"]).data();
    for told in [
        "data is incomplete: 1 file missing, not in the cache: data/f9\n  `mlpipe pull data` gets",
        "more is incomplete: 1 file missing, not in the cache: more/x\n",
    ] {
        assert!(text.contains(told), "{text}");
    }
    let json = clone.run(&["status", "--json", "more"]).data();
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let state = serde_json::json!([
        {"data": "more", "state": "incomplete", "missing": ["more/x"]}
    ]);
    assert_eq!(value, state);
    clone.run(&["status", "--exit-code", "more"]).failure(1);

    for arguments in [
        &["commit"][..],
        &["commit", "data", "more"],
        &["add", "more"],
        &["add", "--no-commit", "more"],
    ] {
        let text = clone.run(arguments).failure(1);
        assert!(text.contains("neither here nor in the cache: "), "{text}");
        assert!(text.contains("more/x"), "{text}");
        assert!(text.contains("`--force`"), "{text}");
        assert_eq!(clone.read("data.lock"), lock, "{arguments:?}");
    }
    // What the user deletes and the cache has is no loss.
    fs::remove_file(clone.path("data/f3")).expect("removes");
    let text = clone.run(&["add", "data"]).failure(1);
    assert!(text.contains("1 file neither"), "{text}");

    let text = clone.run(&["add", "--force", "more"]).success();
    assert!(
        text.contains("more is recorded without 1 file that nobody here has: more/x"),
        "{text}"
    );
    clone.run(&["status", "--exit-code", "more"]).data();
    fs::write(clone.path("data/f9"), "file 9\n").expect("writes");
    clone.run(&["add", "data"]).success();
    clone.run(&["status", "--exit-code", "data"]).data();
}

/// A project with a folder of three files that are too big for packs, at a remote.
fn with_big_files() -> (Project, Yard) {
    let (project, yard) = (sample(30), Yard::new());
    with_remote(&project, &yard.text("store"));
    for name in ["a", "b", "c"] {
        project.write(&format!("large/{name}"), &name.repeat(70_000));
    }
    project.run(&["add", "large"]).success();
    project.edit("pipeline.yaml", "[data, big.bin]", "[data, big.bin, large]");
    project.run(&["repro"]).success();
    project.commit();
    project.run(&["push", "--no-run-cache"]).success();
    (project, yard)
}

#[test]
fn a_part_of_a_folder_is_not_taken_for_all_of_it() {
    let (project, _yard) = with_big_files();
    let clone = project.cloned();
    clone.run(&["pull", "large/b"]).success();
    let lock = clone.read("data.lock");
    let text = clone.run(&["status", "large"]).data();
    assert!(
        text.contains("large is incomplete: 2 files missing, not in the cache: large/a, large/c\n"),
        "{text}"
    );
    clone.run(&["commit", "large"]).failure(1);
    assert_eq!(clone.read("data.lock"), lock);
    clone.run(&["pull"]).success();
    clone.run(&["commit", "large"]).success();
    assert_eq!(clone.read("data.lock"), lock);
}

#[test]
fn a_run_that_may_pull_brings_the_rest_of_a_folder() {
    let (project, _yard) = with_big_files();
    let clone = project.cloned();
    clone.run(&["pull", "large/b", "data", "big.bin"]).success();
    let text = clone.run(&["repro", "--force"]).failure(3);
    assert!(
        text.contains("its dep `large` is not whole: 2 files neither here nor in the cache"),
        "{text}"
    );
    clone.run(&["repro", "--force", "--pull"]).success();
    assert_eq!(clone.read("large/c"), project.read("large/c"));
    assert_eq!(clone.read("out"), project.read("out"));
}

/// A project and a fork of it at the same remote, which both name all that is there.
fn forked(bucket: &Bucket) -> [Project; 2] {
    let project = sample(30);
    let origin = |team: &str| format!("https://example.org/{team}/digits.git");
    at_home(&project, &origin("ann"));
    bucket.door().lead(&project);
    project.run(&["push"]).success();
    let fork = bucket.door().clone_of(&project);
    at_home(&fork, &origin("ben"));
    fork.run(&["pull"]).success();
    fork.run(&["push"]).success();
    [project, fork]
}

/// Flips a byte of each object and pack; returns how many these are.
fn corrupt_all(bucket: &Bucket) -> usize {
    let paths = [bucket.paths("objects/"), bucket.paths("packs/")].concat();
    for path in &paths {
        let mut bytes = bucket.bytes(path).expect("is there");
        bytes[20] ^= 1;
        bucket.put(path, bytes);
    }
    paths.len()
}

#[test]
fn what_two_projects_need_is_put_right_by_whoever_has_it() {
    for who in 0..2 {
        let bucket = Bucket::default();
        let projects = forked(&bucket);
        let good = bucket.copy();
        let count = corrupt_all(&bucket);
        let clone = bucket.door().clone_of(&projects[0]);
        let text = clone.run(&["pull"]).failure(1);
        let hint = "where the data is whole, `mlpipe fsck --cloud --delete-corrupt` puts right";
        assert!(text.contains(hint), "{text}");
        assert!(!text.contains("`mlpipe push` where they are"), "{text}");
        // Who does not have it takes nothing away.
        at_home(&clone, "https://example.org/cid/digits.git");
        let text = clone.run(&["fsck", "-c", "--delete-corrupt"]).failure(1);
        let told = format!("left {count} corrupt files that other projects may need too: objects/");
        assert!(text.contains(&told), "{text}");
        let text = projects[who]
            .run(&["fsck", "-c", "--delete-corrupt"])
            .failure(1);
        let told = format!("put the right bytes into {count} corrupt files");
        assert!(text.contains(&told), "{text}");
        for path in [bucket.paths("objects/"), bucket.paths("packs/")].concat() {
            assert!(bucket.bytes(&path) == good.bytes(&path), "{path}");
        }
        projects[0].run(&["fsck", "-c"]).data();
        clone.run(&["pull"]).success();
        assert_same(&clone, &projects[0]);
    }
}

#[test]
fn what_only_lost_indexes_named_is_put_right_too() {
    let (bucket, _door, project) = two_indexes();
    for index in bucket.paths("index/") {
        if !index.ends_with("names") {
            let mut bytes = bucket.bytes(&index).expect("is there");
            bytes.push(b'x');
            bucket.put(&index, bytes);
        }
    }
    fs::remove_dir_all(project.path(".mlpipe/remotes")).expect("is there");
    project.run(&["push"]).success();
    let count = corrupt_all(&bucket);
    // Whose they are is not known any more.
    let clone = bucket.door().clone_of(&project);
    let text = clone.run(&["fsck", "-c", "--delete-corrupt"]).failure(1);
    let told = format!("left {count} corrupt files");
    assert!(text.contains(&told), "{text}");
    let text = project.run(&["fsck", "-c", "--delete-corrupt"]).failure(1);
    let told = format!("put the right bytes into {count} corrupt files");
    assert!(text.contains(&told), "{text}");
    project.run(&["fsck", "-c"]).data();
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

#[test]
fn corrupt_objects_of_the_plain_layout_are_put_right() {
    let (project, yard) = (sample(30), Yard::new());
    with_remote(&project, &yard.text("store"));
    project
        .run(&["remote", "modify", "store", "layout", "plain"])
        .success();
    project.commit();
    project.run(&["push"]).success();
    for path in files(&yard.path("store/sha256")) {
        let mut bytes = fs::read(&path).expect("reads");
        bytes[0] ^= 1;
        fs::write(&path, bytes).expect("writes");
    }
    let text = project.run(&["fsck", "-c", "--delete-corrupt"]).failure(1);
    assert!(
        text.contains("put the right bytes into 33 corrupt files"),
        "{text}"
    );
    project.run(&["fsck", "-c"]).data();
    let clone = project.cloned();
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

#[test]
fn a_part_of_which_a_file_is_damaged_comes_without_it() {
    let (project, yard) = (sample(30), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.write("data/sub/a", "a\n");
    project.write("data/sub/b", &"b".repeat(70_000));
    project.run(&["add", "data"]).success();
    project.commit();
    project.run(&["push"]).success();
    let mut objects = files(&yard.path("store/objects")).into_iter();
    let is_b = |path: &PathBuf| fs::metadata(path).expect("is there").len() == 70_000;
    fs::write(objects.find(is_b).expect("one"), "x").expect("writes");
    let clone = project.cloned();
    let text = clone.run(&["pull", "data/sub"]).failure(1);
    assert!(text.contains("1 file missing: data/sub/b"), "{text}");
    assert_eq!(clone.read("data/sub/a"), "a\n");
    assert!(!clone.exists("data/sub/b") && !clone.exists("data/f1"));
}

#[test]
fn what_nobody_has_is_named_by_whoever_sweeps() {
    let (bucket, _door, project) = two_indexes();
    corrupt_two(&bucket);
    let clone = bucket.door().clone_of(&project);
    clone.run(&["pull"]).failure(1);
    let text = clone.run(&["fsck", "-c", "--delete-corrupt"]).failure(1);
    assert!(
        text.contains("deleted 2 corrupt files, whose bytes are not here; now `mlpipe push`"),
        "{text}"
    );
    let text = clone.run(&["gc", "-c", "-w", "-f"]).success();
    assert!(
        text.contains("neither the cache nor the remote has: data/f9, more/x\n"),
        "{text}"
    );
    let json = clone.run(&["gc", "-c", "-w", "-f", "--json"]).data();
    assert!(json.contains("\"data/f9\""), "{json}");
    let text = clone.run(&["gc", "-w", "-f"]).success();
    assert!(
        text.contains("though data.lock records it: data, more;"),
        "{text}"
    );
    let text = project.run(&["gc", "-c", "-w", "-f"]).success();
    assert!(!text.contains("neither the cache"), "{text}");
    let text = project.run(&["gc", "-w", "-f"]).success();
    assert!(!text.contains("though data.lock"), "{text}");
    project.run(&["push"]).success();
    project.run(&["fsck", "-c"]).data();
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
}

#[test]
fn that_nothing_is_left_to_travel_is_true() {
    let (project, yard) = (sample(30), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.write("data/f1", "another\n");
    project.run(&["add", "data"]).success();
    project.run(&["repro"]).success();
    project.commit();
    project.run(&["push", "--no-run-cache"]).success();
    let clone = project.cloned();
    clone.run(&["pull"]).success();
    let text = clone.run(&["fetch", "-A"]).success();
    assert_eq!(text, "nothing to fetch: the cache has all that is there\n");
    let text = clone.run(&["push", "-A"]).success();
    assert!(text.contains("has all that is here"), "{text}");
    let text = clone.run(&["fetch"]).success();
    assert_eq!(text, "nothing to fetch: the cache has it all\n");
}

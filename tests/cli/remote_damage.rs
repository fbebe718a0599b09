//! Remotes with something wrong in them: what is damaged is named, all else goes on working, and who
//! has the good bytes mends it.

use std::fs;

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
    // The big file of `more` and one small file of `data`.
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

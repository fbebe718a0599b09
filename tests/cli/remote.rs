//! `mlpipe remote`, and a project with a folder as its remote.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::{Project, files, sha256};

/// A place for remotes and clones, beside the projects.
pub(crate) struct Yard(TempDir);

impl Yard {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }
}

/// A project with tracked data, small files and a big one, and a stage; all of it committed.
pub(crate) fn sample(count: usize) -> Project {
    let project = Project::with(
        "stages:\n  sum:\n    cmd: cat data/f1 big.bin > out && echo ran >> runs.log\n    \
         deps: [data, big.bin]\n    outs: [out]\n",
    );
    set_home(&project);
    project.write(".gitignore", "runs.log\n");
    for number in 0..count {
        project.write(&format!("data/f{number}"), &format!("file {number}\n"));
    }
    project.write("big.bin", &"0123456789abcdef".repeat(20_000));
    project.run(&["init"]).data();
    project.run(&["add", "data", "big.bin"]).success();
    project.run(&["repro"]).success();
    project.commit();
    project
}

/// Clones what is committed of a project into one of its own.
pub(crate) fn cloned(project: &Project) -> Project {
    let other = Project::new();
    let from = project.root().to_str().expect("UTF-8").to_owned();
    other.git(&["pull", "-q", &from, "main"]);
    set_home(&other);
    other
}

/// Gives a repository the `origin` that all of them have which are told apart by nothing else.
fn set_home(project: &Project) {
    let config = project.read(".git/config");
    let origin = "[remote \"origin\"]\n\turl = https://example.org/team/digits.git\n";
    project.write(".git/config", &(config + origin));
}

/// Gives a repository another `origin`.
pub(crate) fn at_home(project: &Project, address: &str) {
    project.git(&["config", "remote.origin.url", address]);
}

/// Sets the layout of the remote that has a file for each object.
pub(crate) fn make_plain(project: &Project) {
    project
        .run(&["remote", "modify", "store", "layout", "plain"])
        .success();
    project.commit();
}

pub(crate) fn with_remote(project: &Project, url: &str) {
    project
        .run(&["remote", "add", "-d", "store", url])
        .success();
    project.commit();
}

/// Says that a clone has all of a project, and runs nothing again.
pub(crate) fn assert_same(clone: &Project, project: &Project) {
    for path in ["big.bin", "out", "data/f0", "data/f7"] {
        assert_eq!(clone.read(path), project.read(path), "{path}");
    }
    let text = clone.run(&["repro"]).success();
    assert!(text.contains("1 unchanged"), "{text}");
    assert!(clone.runs().is_empty());
}

#[test]
fn remotes_are_named_changed_and_forgotten_at_each_level() {
    let project = Project::new();
    project.run(&["init"]).data();
    let text = project
        .run(&["remote", "add", "-d", "here", "../there"])
        .success();
    assert!(
        text.contains("added the remote `here` to `.mlpipe/config.yaml`"),
        "{text}"
    );
    project
        .run(&["remote", "add", "--local", "cloud", "s3://bucket/folder"])
        .success();
    let list = project.run(&["remote", "list"]).data();
    assert_eq!(
        list,
        "cloud  s3://bucket/folder\nhere   ../there  (default)\n"
    );
    assert!(!project.read(".mlpipe/config.yaml").contains("s3://"));

    project
        .run(&["remote", "modify", "cloud", "region", "eu-west-1"])
        .success();
    let json = project.run(&["remote", "list", "--json"]).data();
    assert!(json.contains("\"region\": \"eu-west-1\""), "{json}");
    project
        .run(&["remote", "modify", "-u", "cloud", "region"])
        .success();
    assert!(!project.read(".mlpipe/config.yaml").contains("region"));

    project
        .run(&["remote", "rename", "here", "there"])
        .success();
    assert_eq!(project.run(&["remote", "default"]).data(), "there\n");
    project.run(&["remote", "remove", "there"]).success();
    assert_eq!(
        project.run(&["remote", "list"]).data(),
        "cloud  s3://bucket/folder\n"
    );
    assert_eq!(
        project.run(&["remote", "default"]).data(),
        "cloud\n",
        "the only one"
    );
}

#[test]
fn slips_are_told_with_what_may_be_meant() {
    let project = Project::new();
    project.run(&["init"]).data();
    let none = project.run(&["push"]).failure(2);
    assert!(
        none.contains("no remote is set up") && none.contains("mlpipe remote add"),
        "{none}"
    );
    let scheme = project
        .run(&["remote", "add", "x", "s4://bucket"])
        .failure(2);
    assert!(
        scheme.contains("s4://") && scheme.contains("`s3`"),
        "{scheme}"
    );
    project
        .run(&["remote", "add", "store", "s3://bucket"])
        .success();
    let again = project.run(&["remote", "add", "store", "/x"]).failure(1);
    assert!(again.contains("--force"), "{again}");
    let option = project
        .run(&["remote", "modify", "store", "regoin", "x"])
        .failure(2);
    assert!(option.contains("`region`"), "{option}");
    let layout = project
        .run(&["remote", "modify", "store", "layout", "flat"])
        .failure(2);
    assert!(layout.contains("`packs` or `plain`"), "{layout}");
    let name = project.run(&["push", "-r", "stroe"]).failure(2);
    assert!(name.contains("`store`"), "{name}");
}

#[test]
fn secrets_go_nowhere_that_is_committed_or_shown() {
    let project = Project::new();
    project.run(&["init"]).data();
    project
        .run(&["remote", "add", "store", "webdavs://example.org/x"])
        .success();
    let set = ["remote", "modify", "store", "password", "hunter2"];
    let text = project.run(&set).failure(2);
    assert!(
        text.contains("is a secret") && text.contains("--local"),
        "{text}"
    );
    project.run(&[&set[..], &["--local"]].concat()).success();
    assert!(!project.read(".mlpipe/config.yaml").contains("hunter2"));
    project.commit();
    assert_ne!(project.try_git(&["grep", "hunter2", "HEAD"]).code, Some(0));
    let json = project.run(&["remote", "list", "--json"]).data();
    assert!(json.contains("***") && !json.contains("hunter2"), "{json}");
    project.write(
        ".mlpipe/config.yaml",
        "remotes:\n  store:\n    url: s3://x\n    password: y\n",
    );
    let text = project.run(&["remote", "list"]).failure(1);
    assert!(text.contains("config.yaml:4"), "{text}");
}

#[test]
fn missing_credentials_name_what_was_looked_at() {
    for (url, names) in [
        (
            "s3://bucket/x",
            &["AWS_ACCESS_KEY_ID", ".aws/credentials", "access_key_id"][..],
        ),
        (
            "gs://bucket/x",
            &["GOOGLE_APPLICATION_CREDENTIALS", "credentialpath", "gcloud"],
        ),
        ("azure://container/x", &["AZURE_STORAGE_ACCOUNT"]),
        (
            "gdrive://folder/x",
            &["GDRIVE_CREDENTIALS_DATA", "refresh_token"],
        ),
    ] {
        let project = sample(20);
        with_remote(&project, url);
        let output = project.run(&["push"]);
        assert!(matches!(output.code, Some(1 | 2)), "{url}");
        for name in names {
            assert!(output.stderr.contains(name), "{name}: {}", output.stderr);
        }
    }
}

#[test]
fn what_is_pushed_comes_to_a_clone_and_nothing_runs_again() {
    let (project, yard) = (sample(300), Yard::new());
    with_remote(&project, &yard.text("store"));
    let text = project.run(&["status", "--cloud"]).data();
    assert!(
        text.contains("new") && text.contains("data/  (301 objects)"),
        "{text}"
    );
    let text = project.run(&["push"]).success();
    assert!(
        text.contains("pushed 303 objects") && text.contains("and 1 run"),
        "{text}"
    );
    let kept = files(&yard.path("store"));
    assert!(kept.len() < 12, "small files travel in packs: {kept:?}");
    let text = project.run(&["push"]).success();
    assert!(text.contains("nothing to push"), "{text}");
    let text = project.run(&["status", "--cloud"]).data();
    assert!(text.contains("are the same"), "{text}");

    let clone = cloned(&project);
    let text = clone.run(&["status", "--cloud"]).data();
    assert!(
        text.contains("only there  out") && text.contains("data/  (300 objects)"),
        "{text}"
    );
    // The list of the folder's files is here already: by it the two were compared.
    let text = clone.run(&["pull"]).success();
    assert!(text.contains("fetched 302 objects"), "{text}");
    assert_same(&clone, &project);
    let text = clone.run(&["pull"]).success();
    assert!(text.contains("nothing to fetch"), "{text}");
}

#[test]
fn one_file_of_a_folder_can_be_had_alone() {
    let (project, yard) = (sample(300), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.run(&["push"]).success();
    let clone = cloned(&project);
    clone.run(&["pull", "data/f7"]).success();
    assert_eq!(clone.read("data/f7"), "file 7\n");
    assert!(!clone.exists("data/f8") && !clone.exists("big.bin"));
    clone.run(&["fetch", "sum"]).success();
    assert!(!clone.exists("out"), "fetching puts nothing in place");
    clone.run(&["checkout", "sum"]).success();
    assert_eq!(clone.read("out"), project.read("out"));
}

#[test]
fn other_commits_travel_when_asked_for() {
    let (project, yard) = (sample(40), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.write("data/f1", "another\n");
    project.run(&["add", "data"]).success();
    project.run(&["repro"]).success();
    project.commit();
    project.run(&["push", "--no-run-cache"]).success();
    let text = project.run(&["status", "-c", "-A"]).data();
    assert!(text.contains("new"), "{text}");
    project.run(&["push", "-A"]).success();
    let clone = cloned(&project);
    clone.run(&["fetch", "-A"]).success();
    fs::remove_dir_all(yard.path("store")).expect("removes");
    clone.git(&["checkout", "-q", "HEAD~1"]);
    clone.run(&["checkout"]).success();
    assert_eq!(clone.read("data/f1"), "file 1\n");
}

#[test]
fn a_colleague_gets_the_results_of_a_run_that_is_not_committed() {
    let (project, yard) = (sample(20), Yard::new());
    with_remote(&project, &yard.text("store"));
    let clone = cloned(&project);
    project.run(&["push"]).success();
    project.write("data/f1", "tried\n");
    project.run(&["add", "data"]).success();
    project.run(&["repro"]).success();
    project.run(&["push"]).success();

    // Data comes as well where it is missing.
    let text = clone.run(&["repro", "--pull"]).success();
    assert!(text.contains("1 restored"), "{text}");
    clone.write("data/f1", "tried\n");
    clone.run(&["add", "data"]).success();
    let text = clone.run(&["repro", "--pull"]).success();
    assert!(text.contains("restored from an earlier run"), "{text}");
    assert_eq!(clone.read("out"), project.read("out"));
    assert!(clone.runs().is_empty());
}

#[test]
fn the_plain_layout_has_a_file_for_each_object() {
    let (project, yard) = (sample(30), Yard::new());
    with_remote(&project, &yard.text("store"));
    make_plain(&project);
    project.run(&["push"]).success();
    let digest = sha256(&project.read("data/f3"));
    let object = yard.path(&format!("store/sha256/{}/{}", &digest[..2], &digest[2..]));
    assert_eq!(fs::read_to_string(object).expect("is there"), "file 3\n");
    let text = project.run(&["push"]).success();
    assert!(text.contains("nothing to push"), "{text}");
    let clone = cloned(&project);
    clone.run(&["pull"]).success();
    assert_same(&clone, &project);
    project.run(&["fsck", "--cloud"]).data();
    let text = project.run(&["gc", "--cloud", "-w", "-f"]).failure(1);
    assert!(text.contains("layout `plain`"), "{text}");
    project
        .run(&["remote", "modify", "store", "layout", "packs"])
        .success();
    let text = project.run(&["push"]).failure(1);
    assert!(
        text.contains("layout `plain`") && text.contains("layout plain"),
        "{text}"
    );
}

#[test]
fn a_folder_that_would_be_in_the_way_is_no_remote() {
    let project = sample(20);
    project.write("file", "not a folder\n");
    for (folder, why) in [
        (".mlpipe/cache", "it is in the cache"),
        (".mlpipe/cache/more", "it is in the cache"),
        (".mlpipe/store", "it is mlpipe's own"),
        (".", "it is mlpipe's own, or the project's"),
        ("data/store", "it is in what data.lock records"),
        ("file", "there is a file"),
        ("file/store", "there is a file"),
    ] {
        project
            .run(&["remote", "add", "-f", "-d", "store", folder])
            .success();
        for arguments in [&["push"][..], &["pull"], &["fsck", "-c"]] {
            let text = project.run(arguments).failure(2);
            assert!(
                text.contains("cannot be a remote") && text.contains(why),
                "{text}"
            );
            assert!(
                text.contains("`mlpipe remote modify NAME url FOLDER`"),
                "{text}"
            );
        }
    }
    assert!(!project.exists("data/store") && !project.exists("mlpipe-remote"));
    // One of its own may lie in the project.
    project
        .run(&["remote", "add", "-f", "-d", "store", "store"])
        .success();
    project.run(&["push"]).success();
    project.write("store/mlpipe-remote", &"x".repeat(5000));
    let text = project.run(&["push"]).failure(1);
    assert!(text.contains("holds something else"), "{text}");
}

#[test]
fn what_nothing_is_recorded_of_is_not_told_to_be_there() {
    let (project, yard) = (sample(20), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.run(&["push"]).success();
    for command in [
        &["push"][..],
        &["fetch"],
        &["pull"],
        &["status", "-c"],
        &["checkout"],
    ] {
        for target in ["data/none", "data/f*"] {
            let text = project.run(&[command, &[target]].concat()).failure(1);
            let told = format!("there is no `{target}` in what is recorded of `data`");
            assert!(text.contains(&told), "{command:?}: {text}");
            assert!(text.contains("`mlpipe checkout data` brings all"), "{text}");
        }
        let text = project.run(&[command, &["big.bin/x"]].concat()).failure(1);
        assert!(!text.contains("is not in the cache"), "{command:?}: {text}");
        assert!(text.contains("big.bin/x"), "{command:?}: {text}");
    }
    // What only an earlier commit has can be asked for.
    fs::remove_file(project.path("data/f3")).expect("removes");
    project.run(&["add", "data"]).success();
    project.commit();
    project.run(&["push", "-A", "data/f3"]).success();
    project.run(&["push", "data/f3"]).failure(1);
}

#[test]
fn git_pushes_only_what_was_pushed() {
    let (project, yard) = (sample(20), Yard::new());
    project.run(&["install"]).data();
    let bare = yard.text("bare.git");
    project.git(&["init", "-q", "--bare", &bare]);
    at_home(&project, &bare);
    let push = ["push", "-q", "origin", "main"];
    project.try_git(&push).success();

    with_remote(&project, &yard.text("store"));
    project.try_git(&push).success();
    assert!(yard.path("store/packs").is_dir());
    project
        .run(&["remote", "modify", "store", "url", "/proc/nowhere"])
        .success();
    project.commit();
    let output = project.try_git(&push);
    assert_ne!(output.code, Some(0), "{}", output.stderr);
}

#[test]
fn what_is_at_home_nowhere_cannot_be_told_from_its_copies() {
    let (project, yard) = (sample(20), Yard::new());
    with_remote(&project, &yard.text("store"));
    project.git(&["config", "--unset", "remote.origin.url"]);
    project.run(&["push"]).success();
    project.write("data/f1", "another\n");
    project.run(&["add", "data"]).success();
    let before = files(&yard.path("store"));
    let text = project.run(&["gc", "--cloud", "-w", "-f"]).failure(1);
    assert!(
        text.contains("without git's remote `origin`")
            && text.contains("hint: `git remote add origin URL`"),
        "{text}"
    );
    assert_eq!(files(&yard.path("store")), before);
}

#[test]
fn a_project_without_a_commit_pushes_too() {
    let (project, yard) = (Project::new(), Yard::new());
    project.run(&["init"]).success();
    project.write("data/one", "one\n");
    project.run(&["add", "data"]).success();
    let store = yard.text("store");
    project
        .run(&["remote", "add", "-d", "store", &store])
        .success();
    project.run(&["push"]).success();
    // Nothing tells its objects from those of others.
    let text = project.run(&["gc", "--cloud", "-w", "-f"]).failure(1);
    assert!(
        text.contains("not known which objects at the remote are of this project"),
        "{text}"
    );
    fs::remove_dir_all(project.path(".mlpipe/cache")).expect("removes");
    project.remove("data");
    project.run(&["pull"]).success();
    assert_eq!(project.read("data/one"), "one\n");
}

//! `mlpipe import-dvc`, on projects written here by hand, and on real ones where DVC is at hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use md5::{Digest, Md5};

use crate::imports::serve_folder;
use crate::support::{Output, Project, files};
use crate::web::Web;

/// What the tests run DVC by: `tests/oracles/dvc.sh` makes both.
const FOLDERS: [&str; 2] = ["target/dvc-venv", "target/dvc2-venv"];

fn md5(bytes: &[u8]) -> String {
    let digits = Md5::digest(bytes);
    let digits = digits.iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// Puts an object into the DVC cache of a project; returns its name.
fn put(project: &Project, bytes: &str, ending: &str) -> String {
    let name = md5(bytes.as_bytes());
    let place = format!(".dvc/cache/files/md5/{}/{}{ending}", &name[..2], &name[2..]);
    project.write(&place, bytes);
    format!("{name}{ending}")
}

/// A project of DVC 3 with a tracked file, a tracked folder and two stages, nothing of it checked out
/// but what git has.
pub(crate) fn project() -> Project {
    let project = Project::new();
    let raw = put(&project, "1\n2\n", "");
    let (a, b) = (put(&project, "a\n", ""), put(&project, "b\n", ""));
    let manifest = format!(
        "[{{\"md5\": \"{a}\", \"relpath\": \"a\"}}, {{\"md5\": \"{b}\", \"relpath\": \"s/b\"}}]"
    );
    let folder = put(&project, &manifest, ".dir");
    project.write(
        "data/raw.dvc",
        &format!("outs:\n- md5: {raw}\n  size: 4\n  hash: md5\n  path: raw\n"),
    );
    project.write(
        "img.dvc",
        &format!("outs:\n- md5: {folder}\n  size: 4\n  nfiles: 2\n  hash: md5\n  path: img\n"),
    );
    project.write("data/.gitignore", "/raw\n");
    project.write(".gitignore", "/img\n/sum\n/model\n");
    project.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n");
    project.write(".dvc/config", "");
    project.write("run.sh", "exit 7\n");
    project.write("params.yaml", "lr: 0.1\nseed: 1.0\n");
    project.write(
        "dvc.yaml",
        "# how it is made\nstages:\n  sum:\n    cmd: sh run.sh sum  # twice\n    deps: [data/raw, run.sh]\n    outs: [sum]\n  \
         train:\n    cmd: [sh run.sh, 'true']\n    deps: [sum, img]\n    params: [lr, seed]\n    outs: [model]\n    \
         metrics: [{m.json: {cache: false}}]\n",
    );
    project.write("m.json", "{\"acc\": 1}\n");
    let (sum, model) = (put(&project, "3\n", ""), put(&project, "weights\n", ""));
    let (code, metric) = (md5(b"exit 7\n"), md5(b"{\"acc\": 1}\n"));
    project.write(
        "dvc.lock",
        &format!(
            "schema: '2.0'\nstages:\n  sum:\n    cmd: sh run.sh sum\n    deps:\n    - {{path: data/raw, hash: md5, md5: {raw}, size: 4}}\n    \
             - {{path: run.sh, hash: md5, md5: {code}, size: 7}}\n    outs:\n    - {{path: sum, hash: md5, md5: {sum}, size: 2}}\n  \
             train:\n    cmd: [sh run.sh, 'true']\n    deps:\n    - {{path: img, hash: md5, md5: {folder}, size: 4, nfiles: 2}}\n    \
             - {{path: sum, hash: md5, md5: {sum}, size: 2}}\n    params:\n      params.yaml: {{lr: 0.1, seed: 1}}\n    outs:\n    \
             - {{path: m.json, hash: md5, md5: {metric}, size: 11}}\n    - {{path: model, hash: md5, md5: {model}, size: 8}}\n"
        ),
    );
    project.commit();
    project
}

/// Returns the files of DVC's with their content.
fn of_dvc(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let is_dvc = |path: &PathBuf| {
        let inner = path
            .strip_prefix(root)
            .expect("below")
            .to_string_lossy()
            .into_owned();
        inner.starts_with(".dvc/")
            || inner.contains(".dvc")
            || inner.ends_with("dvc.yaml")
            || inner.ends_with("dvc.lock")
    };
    let found = files(root)
        .into_iter()
        .filter(|path| !path.starts_with(root.join(".dvc/tmp")));
    let mut found: Vec<_> = found
        .filter(is_dvc)
        .map(|path| (path.clone(), std::fs::read(&path).expect("reads")))
        .collect();
    found.sort();
    found
}

#[test]
fn everything_goes_on_and_nothing_runs() {
    let project = project();
    let before = of_dvc(project.root());
    insta::assert_snapshot!(project.run(&["import-dvc"]).success(), @r"
    data/raw  tracked   4 B
    img       tracked   2 files, 4 B
    sum       recorded
    train     recorded
    2 paths tracked, 2 of 2 stages recorded; nothing of DVC's was changed
    next: git add data.lock .mlpipe pipeline.yaml, then `mlpipe status`
    ");
    assert_eq!(of_dvc(project.root()), before);
    assert_eq!(project.read("pipeline.yaml"), project.read("dvc.yaml"));
    project.run(&["checkout"]).success();
    // The stages' command would fail.
    project.run(&["repro"]).success();
    let status = project.run(&["status"]).data();
    assert!(status.contains("everything is up to date"), "{status}");
    assert_eq!(project.read("img/s/b"), "b\n");
    assert_eq!(project.read("model"), "weights\n");
    project.run(&["fsck"]).success();

    let lock = project.read("data.lock");
    project.run(&["import-dvc"]).success();
    assert_eq!(project.read("data.lock"), lock);
}

#[test]
fn what_is_missing_or_corrupt_is_listed_and_the_rest_goes_on() {
    let project = project();
    let path = |text: &str, ending: &str| {
        let name = md5(text.as_bytes());
        format!(".dvc/cache/files/md5/{}/{}{ending}", &name[..2], &name[2..])
    };
    project.write(&path("b\n", ""), "X\n");
    project.remove(&path("weights\n", ""));
    let told = project.run(&["import-dvc"]).failure(1);
    insta::assert_snapshot!(told, @r"
    data/raw  tracked   4 B
    sum       recorded
    train     will run  img as DVC recorded it cannot be had
    error: `img/s/b` (MD5 bd5f7a491966b5a813ccca4122146872) is corrupt in the DVC cache
    error: `model` (MD5 fad624b28208abf62b4d0db65c04757b) is neither here nor in DVC's cache or remote
    1 path tracked, 1 of 2 stages recorded; nothing of DVC's was changed
    2 items not taken over; run it again when DVC has them (`dvc pull`), or with `--remote NAME`
    next: git add data.lock .mlpipe pipeline.yaml, then `mlpipe status`
    ");
    let lock = project.read("data.lock");
    assert!(lock.contains("  data/raw:"), "{lock}");
    assert!(!lock.contains("  img:\n    sha"), "{lock}");

    // Run again when it is there.
    project.write(&path("b\n", ""), "b\n");
    put(&project, "weights\n", "");
    project.run(&["import-dvc"]).success();
    project.run(&["checkout"]).success();
    let status = project.run(&["status"]).data();
    assert!(status.contains("everything is up to date"), "{status}");
}

#[test]
fn a_truncated_manifest_is_corrupt_as_a_whole() {
    let project = project();
    let record = project.read("img.dvc");
    let name = record
        .split("md5: ")
        .nth(1)
        .expect("a name")
        .split('\n')
        .next()
        .expect("a name");
    let place = format!(".dvc/cache/files/md5/{}/{}", &name[..2], &name[2..]);
    let text = project.read(&place);
    project.write(&place, &text[..text.len() - 9]);
    let told = project.run(&["import-dvc"]).failure(1);
    let wanted = format!(
        "`img` (MD5 {}) is corrupt in the DVC cache",
        name.trim_end_matches(".dir")
    );
    assert!(told.contains(&wanted), "{told}");
    assert!(told.contains("sum       recorded"), "{told}");
}

#[test]
fn a_dep_that_has_changed_since_makes_its_stage_run() {
    let project = project();
    project.write("run.sh", "echo 4 > sum\n");
    // Git's last commit has what DVC ran with.
    let told = project.run(&["import-dvc"]).success();
    assert!(told.contains("sum       recorded"), "{told}");
    project.run(&["checkout"]).success();
    let status = project.run(&["status"]).data();
    assert!(status.contains("dep run.sh changed"), "{status}");

    let other = self::project();
    other.write("run.sh", "echo 4 > sum\n");
    other.commit();
    let told = other.run(&["import-dvc"]).success();
    assert!(
        told.contains("sum       will run  run.sh has changed since DVC ran it"),
        "{told}"
    );
}

#[test]
fn the_remote_has_what_the_cache_lacks() {
    let project = project();
    std::fs::rename(project.path(".dvc/cache"), project.path(".git/remote")).expect("moves");
    let told = project.run(&["import-dvc"]).failure(1);
    assert!(
        told.contains("is neither here nor in DVC's cache or remote"),
        "{told}"
    );
    project.write(
        ".dvc/config",
        "['remote \"far\"']\n    url = ../.git/remote\n",
    );
    let told = project.run(&["import-dvc", "--remote", "fat"]).failure(1);
    assert!(told.contains("did you mean `far`?"), "{told}");
    project.run(&["import-dvc"]).success();
    project.run(&["checkout"]).success();
    project.run(&["repro"]).success();
}

#[test]
fn a_remote_on_the_web_has_what_the_cache_lacks() {
    let project = project();
    let folder = project.path(".git/remote");
    std::fs::rename(project.path(".dvc/cache"), &folder).expect("moves");
    let url = serve_folder(folder);
    let config = format!("[core]\nremote = web\n['remote \"web\"']\n    url = {url}/store\n");
    project.write(".dvc/config", &config);
    project.run(&["import-dvc"]).success();
    project.run(&["checkout"]).success();
    project.run(&["repro"]).success();
    assert_eq!(project.read("img/s/b"), "b\n");
}

#[test]
fn what_dvc_imported_is_updated_from_where_it_came() {
    let project = project();
    let other = Project::new();
    other.write("far.csv", "1\n2\n");
    other.commit();
    let url = other.root().to_str().expect("UTF-8").to_owned();
    let record = project.read("data/raw.dvc");
    let commit = other.git(&["rev-parse", "HEAD"]);
    project.write(
        "data/raw.dvc",
        &format!("frozen: true\ndeps:\n- path: far.csv\n  repo:\n    url: {url}\n    rev_lock: {commit}{record}"),
    );
    project.run(&["import-dvc"]).success();
    project.run(&["checkout"]).success();
    let told = project.run(&["update"]).success();
    assert_eq!(told, "data/raw  unchanged\n");
    other.write("far.csv", "3\n");
    other.commit();
    let told = project.run(&["update"]).success();
    assert_eq!(told, "data/raw  updated  2 B\n");
    assert_eq!(project.read("data/raw"), "3\n");
}

#[test]
fn what_dvc_noted_of_urls_is_known() {
    let web = Web::start();
    web.put("far.csv", "12");
    let (url, project) = (web.url("far.csv"), project());
    project.edit(
        "dvc.yaml",
        "deps: [data/raw, run.sh]",
        &format!("deps: [data/raw, run.sh, '{url}']"),
    );
    // DVC calls the etag of a web server a checksum, and that of other storage an etag.
    let noted = format!("- {{path: '{url}', checksum: '\"12\"', size: 4}}");
    project.edit(
        "dvc.lock",
        "- {path: run.sh,",
        &format!("{noted}\n    - {{path: run.sh,"),
    );
    let record = project.read("data/raw.dvc");
    let source = format!("frozen: true\ndeps:\n{noted}\n{record}");
    project.write("data/raw.dvc", &source);
    project.run(&["import-dvc"]).success();
    assert_eq!(web.asked(), [""; 0]);
    project.run(&["checkout"]).success();
    // The stage's command would fail.
    project.run(&["repro"]).success();
    let told = project.run(&["update"]).success();
    assert_eq!(told, "data/raw  unchanged\n");
    let asked = web.asked();
    assert!(
        asked.iter().all(|asked| asked == "HEAD /far.csv"),
        "{asked:?}"
    );

    web.put("far.csv", "123");
    let text = project.run(&["status", "--explain"]).data();
    assert!(text.contains("far.csv  etag 12 → etag 123"), "{text}");
    project.run(&["update"]).success();
    assert_eq!(project.read("data/raw"), "123");
}

#[test]
fn what_dvcignore_leaves_out_stays_out() {
    let project = project();
    project.write(".dvcignore", "# of editors\n*.swp\n");
    project.write("img/a", "a\n");
    project.write("img/s/b", "b\n");
    project.write("img/x.swp", "none of it");
    project.run(&["import-dvc"]).success();
    assert_eq!(project.read(".mlpipeignore"), project.read(".dvcignore"));
    project.run(&["checkout"]).success();
    let status = project.run(&["status"]).data();
    assert!(status.contains("everything is up to date"), "{status}");
}

#[test]
fn mistakes_are_told_before_anything_is_written() {
    let project = Project::new();
    let told = project.run(&["import-dvc"]).failure(1);
    assert!(told.contains("there is no DVC project"), "{told}");
    let project = self::project();
    project.write("dvc.yaml", "stages: {a: {cmd: x, dep: [b]}}\n");
    let told = project.run(&["import-dvc"]).failure(1);
    assert!(told.contains("unknown key `dep`"), "{told}");
    assert!(!project.exists("data.lock") && !project.exists("pipeline.yaml"));
    let project = self::project();
    project.write("dvc.lock", "schema: '9.0'\nstages: {}\n");
    let told = project.run(&["import-dvc"]).failure(1);
    assert!(told.contains("its schema is 9.0"), "{told}");
}

#[test]
fn json_tells_the_same() {
    let project = project();
    let told: serde_json::Value =
        serde_json::from_str(&project.run(&["import-dvc", "--json"]).data()).expect("JSON");
    assert_eq!(told["data"][0]["path"], "data/raw");
    assert_eq!(told["stages"][1]["outcome"], "recorded");
    assert_eq!(told["errors"], serde_json::json!([]));
}

/// Returns the folder of DVC's program of each version; none where they are not installed.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn programs() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = FOLDERS.map(|folder| root.join(folder).join("bin"));
    let found: Vec<PathBuf> = folders
        .into_iter()
        .filter(|folder| folder.join("dvc").exists())
        .collect();
    if found.len() < FOLDERS.len() {
        assert!(
            std::env::var_os("CI").is_none(),
            "tests/oracles/dvc.sh has not been run"
        );
        eprintln!("SKIPPED: real DVC; `tests/oracles/dvc.sh` installs it");
    }
    found
}

#[test]
fn real_projects_of_dvc_go_on_with_a_cache_or_a_remote_alone() {
    for program in programs() {
        let project = Project::new();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/dvc-project.sh");
        let mut command = project.isolated("bash");
        command
            .arg(script)
            .arg(project.path(".git/remote"))
            .env("PATH", path_with(&program));
        Output::of(&mut command).success();
        let before = of_dvc(project.root());

        let told = project.run(&["import-dvc"]).success();
        assert!(
            told.contains("3 paths tracked, 7 of 7 stages recorded"),
            "{program:?}: {told}"
        );
        assert_eq!(of_dvc(project.root()), before);
        let status = project.run(&["status"]).data();
        assert!(
            status.contains("everything is up to date"),
            "{program:?}: {status}"
        );
        Output::of(dvc(&project, &program).args(["status", "-q"])).success();

        // A clone has neither DVC's cache nor any of the data.
        let clone = Project::new();
        clone.git(&[
            "pull",
            "-q",
            project.path(".git").to_str().expect("UTF-8"),
            "main",
        ]);
        clone.run(&["import-dvc"]).success();
        clone.run(&["checkout"]).success();
        clone.run(&["repro"]).success();
        let status = clone.run(&["status"]).data();
        assert!(
            status.contains("everything is up to date"),
            "{program:?}: {status}"
        );
        assert_eq!(clone.runs(), [""; 0]);
        let (one, other) = (project.read("model.bin"), clone.read("model.bin"));
        assert_eq!(one, other);
    }
}

#[test]
fn a_real_project_of_dvc_with_urls_goes_on() {
    let Some(program) = programs().into_iter().next() else {
        return;
    };
    let web = Web::start();
    web.put("dep.csv", "A1");
    web.put("far.csv", "B2");
    let (project, url) = (Project::new(), web.url("dep.csv"));
    project.write(
        "dvc.yaml",
        &format!(
            "stages:\n  s: {{cmd: echo s >> runs.log && echo > o, deps: ['{url}'], outs: [o]}}\n"
        ),
    );
    for arguments in [
        &["init", "-q"][..],
        &["import-url", "-q", &web.url("far.csv")],
        &["repro", "-q"],
    ] {
        Output::of(dvc(&project, &program).args(arguments)).success();
    }
    project.run(&["import-dvc"]).success();
    project.run(&["repro"]).success();
    assert_eq!(project.runs(), ["s"]);
    assert_eq!(project.run(&["update"]).success(), "far.csv  unchanged\n");
    web.put("dep.csv", "A3");
    project.run(&["repro"]).success();
    assert_eq!(project.runs(), ["s", "s"]);
}

fn dvc(project: &Project, program: &Path) -> Command {
    let mut command = project.isolated(program.join("dvc").to_str().expect("UTF-8"));
    command.env("PATH", path_with(program));
    command
}

fn path_with(program: &Path) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(program.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).expect("no colons")
}

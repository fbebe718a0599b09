//! `mlpipe import`, `get`, `import-url`, `get-url`, `ls-url` and `update`; `artifacts get`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::import_dvc;
use crate::support::{Project, files};
use crate::web::{Mark, Web};

/// A project with a tracked folder, an out, a file of git's and an artifact; tagged `v1`.
fn donor() -> Project {
    let donor = Project::with(
        "stages:\n  s:\n    cmd: cat data/a data/sub/b > model\n    deps: [data]\n    outs: [model]\n\
         artifacts: {best: {path: model, type: model}}\n",
    );
    donor.write("data/a", "a1\n");
    donor.write("data/sub/b", "b1\n");
    donor.write("doc/readme.md", "one\n");
    donor.write("big", &"x".repeat(100_000));
    donor.run(&["init"]).success();
    donor.run(&["add", "data", "big"]).success();
    donor.run(&["repro"]).success();
    donor.commit();
    donor.git(&["tag", "v1"]);
    donor
}

/// Changes the tracked folder of the donor.
fn move_on(donor: &Project) {
    donor.write("data/a", "a2\n");
    donor.run(&["add", "data"]).success();
    donor.run(&["repro"]).success();
    donor.commit();
}

fn project() -> Project {
    let project = Project::new();
    project.run(&["init"]).success();
    project.commit();
    project
}

fn url(donor: &Project) -> &str {
    donor.root().to_str().expect("UTF-8")
}

#[test]
fn what_another_repository_has_is_tracked_and_brought_up_to_date() {
    let (donor, project) = (donor(), project());
    let told = project.run(&["import", url(&donor), "data"]).success();
    insta::assert_snapshot!(told, @r"
    data  imported  2 files, 6 B
    next: git add data.lock .gitignore
    ");
    assert_eq!(project.read("data/sub/b"), "b1\n");
    project
        .run(&["import", url(&donor), "data/sub/b", "--rev", "v1"])
        .success();
    project
        .run(&["import", url(&donor), "doc", "-o", "docs/theirs"])
        .success();
    project.run(&["import", url(&donor), "model"]).success();
    project.run(&["import", url(&donor), "big"]).success();
    assert_eq!(project.read("b"), "b1\n");
    assert_eq!(project.read("docs/theirs/readme.md"), "one\n");
    assert_eq!(project.read("model"), "a1\nb1\n");
    assert_eq!(project.read("big").len(), 100_000);
    let status = project.run(&["status"]).data();
    assert!(!status.contains("modified"), "{status}");
    project.commit();
    let tracked = project.git(&["ls-files"]);
    assert!(
        !tracked.contains("data/a") && tracked.contains("data.lock"),
        "{tracked}"
    );

    let told = project.run(&["update"]).success();
    assert!(!told.contains("updated"), "{told}");
    move_on(&donor);
    let told = project.run(&["update", "--dry"]).success();
    assert!(told.contains("data  would be updated"), "{told}");
    assert_eq!(project.read("data/a"), "a1\n");
    let told = project.run(&["update"]).success();
    insta::assert_snapshot!(told, @r"
    b  unchanged
    big  unchanged in another commit
    data  updated  2 files, 6 B
    docs/theirs  unchanged in another commit
    model  updated  6 B
    ");
    assert_eq!(project.read("data/a"), "a2\n");
    assert_eq!(project.read("model"), "a2\nb1\n");
}

#[test]
fn what_was_lost_is_brought_again() {
    let (donor, project) = (donor(), project());
    project.run(&["import", url(&donor), "data"]).success();
    project.remove("data");
    project.remove(".mlpipe/cache");
    project.run(&["update"]).success();
    assert_eq!(project.read("data/sub/b"), "b1\n");
    let told = project.run(&["update"]).success();
    assert!(told.contains("data  unchanged"), "{told}");
}

#[test]
fn another_revision_is_gone_over_to() {
    let (donor, project) = (donor(), project());
    move_on(&donor);
    project.run(&["import", url(&donor), "data"]).success();
    assert_eq!(project.read("data/a"), "a2\n");
    let told = project.run(&["update", "data", "--rev", "v1"]).success();
    assert!(told.contains("data  updated"), "{told}");
    assert_eq!(project.read("data/a"), "a1\n");
    assert!(project.read("data.lock").contains("    rev: v1\n"));
}

#[test]
fn what_was_changed_here_is_not_overwritten() {
    let (donor, project) = (donor(), project());
    project.run(&["import", url(&donor), "data"]).success();
    move_on(&donor);
    project.write("data/a", "mine\n");
    let told = project.run(&["update"]).failure(1);
    assert!(
        told.contains("`data` has been changed here since it was imported"),
        "{told}"
    );
    assert_eq!(project.read("data/a"), "mine\n");
    project.run(&["update", "--force"]).success();
    assert_eq!(project.read("data/a"), "a2\n");
    assert_eq!(project.read(".mlpipe/kept/data/a"), "mine\n");

    let told = project
        .run(&["import", url(&donor), "model", "-o", "data"])
        .failure(1);
    assert!(told.contains("`data` exists already"), "{told}");
    // What is no more tracked has no source either.
    project.run(&["move", "data", "raw"]).success();
    assert!(project.read("data.lock").contains("sources:\n  raw:"));
    project.run(&["remove", "raw"]).success();
    assert!(!project.read("data.lock").contains("sources"));
}

#[test]
fn get_needs_no_project() {
    let donor = donor();
    let here = Project::new();
    let told = here
        .run(&["get", url(&donor), "data/sub", "-o", "x/y"])
        .success();
    assert_eq!(told, "x/y  fetched  1 file, 3 B\n");
    assert_eq!(here.read("x/y/b"), "b1\n");
    here.run(&["get", url(&donor), "data", "--rev", "v1"])
        .success();
    here.run(&["get", url(&donor), "."]).failure(1);
    let told = here.run(&["get", url(&donor), "data"]).failure(1);
    assert!(told.contains("`data` exists already"), "{told}");
    move_on(&donor);
    here.run(&["get", url(&donor), "data", "--force"]).success();
    assert_eq!(here.read("data/a"), "a2\n");
    assert!(!here.exists(".mlpipe") && !here.exists("data.lock"));
    let left = std::fs::read_dir(here.root()).expect("a folder");
    let names: Vec<_> = left
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(
        names
            .iter()
            .all(|name| !name.to_string_lossy().contains("mlpipe-new")),
        "{names:?}"
    );
}

#[test]
fn a_project_of_dvc_gives_as_well() {
    let (donor, project) = (import_dvc::project(), project());
    project.run(&["import", url(&donor), "img"]).success();
    project.run(&["import", url(&donor), "model"]).success();
    project.run(&["import", url(&donor), "run.sh"]).success();
    assert_eq!(project.read("img/s/b"), "b\n");
    assert_eq!(project.read("model"), "weights\n");
    project
        .run(&["get", url(&donor), "img/s", "-o", "part"])
        .success();
    assert_eq!(project.read("part/b"), "b\n");
    donor.remove(".dvc/cache");
    let told = project.run(&["get", url(&donor), "data/raw"]).failure(1);
    assert!(
        told.contains("neither in DVC's cache nor in its remote"),
        "{told}"
    );
}

#[test]
fn an_artifact_is_fetched_by_version_or_stage() {
    let donor = donor();
    donor
        .run(&["artifacts", "register", "best", "--version", "v1.0.0"])
        .data();
    donor
        .run(&["artifacts", "assign", "best", "--stage", "prod"])
        .data();
    move_on(&donor);
    donor.run(&["artifacts", "register", "best"]).data();
    let here = Project::new();
    let fetch = |arguments: &[&str]| {
        let all = [
            &["artifacts", "get", url(&donor), "best", "-f", "-o", "m"],
            arguments,
        ]
        .concat();
        here.run(&all).success();
        here.read("m")
    };
    assert_eq!(fetch(&[]), "a2\nb1\n");
    assert_eq!(fetch(&["--version", "1.0.0"]), "a1\nb1\n");
    assert_eq!(fetch(&["--stage", "prod"]), "a1\nb1\n");
    assert_eq!(fetch(&["--rev", "main"]), "a2\nb1\n");
    let told = here
        .run(&["artifacts", "get", url(&donor), "best", "--stage", "dev"])
        .failure(1);
    assert!(told.contains("there are: prod"), "{told}");
    let told = here
        .run(&["artifacts", "get", url(&donor), "bets", "--rev", "main"])
        .failure(1);
    assert!(told.contains("did you mean `best`?"), "{told}");
}

#[test]
fn what_the_cache_lacks_comes_from_the_remote_of_that_project() {
    let (donor, project) = (donor(), project());
    let remote = donor.path(".git/remote");
    let remote = remote.to_str().expect("UTF-8");
    donor.run(&["remote", "add", "-d", "far", remote]).success();
    donor.commit();
    donor.run(&["push"]).success();
    donor.remove(".mlpipe/cache");
    // A URL is cloned, and a clone has no cache at all.
    let cloned = format!("file://{}", url(&donor));
    project.run(&["import", url(&donor), "data"]).success();
    assert_eq!(project.read("data/sub/b"), "b1\n");
    project.run(&["get", &cloned, "big"]).success();
    assert_eq!(project.read("big").len(), 100_000);
}

#[test]
fn mistakes_are_told() {
    let (donor, project) = (donor(), project());
    for (arguments, wanted) in [
        (&["get", url(&donor), "dat"][..], "did you mean `data`?"),
        (
            &["get", url(&donor), "data", "--rev", "v2"],
            "there is no revision `v2`",
        ),
        (
            &["get", "https://127.0.0.1:1/x.git", "data"],
            "cannot clone `https://127.0.0.1:1/x.git`",
        ),
        (&["get", "nowhere", "data"], "cannot clone `nowhere`"),
        (&["update", "data"], "`data` was not imported"),
        (
            &["import-url", "nowhere.csv"],
            "there is nothing at `nowhere.csv`",
        ),
        (&["import-url", "ftp://x/y"], "no storage that mlpipe knows"),
        (
            &["import-url", "remote://far/y"],
            "there is no remote `far`",
        ),
        (
            &["import-url", "https://x/y.csv?token=1"],
            "cannot be imported",
        ),
    ] {
        let told = project.run(arguments);
        assert!(matches!(told.code, Some(1 | 2)), "{arguments:?}");
        assert!(
            told.stderr.contains(wanted),
            "{arguments:?}: {}",
            told.stderr
        );
        assert!(
            told.stderr.contains("help")
                || told.stderr.contains("hint")
                || told.stderr.lines().count() > 1,
            "{}",
            told.stderr
        );
    }
    donor.remove(".mlpipe/cache");
    let told = project.run(&["import", url(&donor), "big"]).failure(1);
    assert!(told.contains("`big` is recorded in"), "{told}");
    assert!(!project.exists("big") && !project.exists("data.lock"));
    // A path that cannot be tracked is left as it was.
    project.write("in-git", "x");
    project.commit();
    project.remove("in-git");
    let told = project
        .run(&["import", url(&donor), "doc/readme.md", "-o", "in-git"])
        .failure(1);
    assert!(told.contains("git tracks `in-git` already"), "{told}");
    assert!(!project.exists("in-git"));
}

#[test]
fn files_and_folders_at_a_url_are_tracked() {
    let (project, other) = (project(), Project::new());
    other.write("far/a.csv", "1\n");
    other.write("far/sub/b.csv", "2\n");
    other.write("far/big", &"x".repeat(100_000));
    let place = other.path("far");
    let place = place.to_str().expect("UTF-8");
    project
        .run(&["import-url", &format!("{place}/a.csv")])
        .success();
    project.run(&["import-url", place, "all"]).success();
    assert_eq!(project.read("a.csv"), "1\n");
    assert_eq!(project.read("all/sub/b.csv"), "2\n");
    assert_eq!(
        project.run(&["ls-url", place]).data(),
        "a.csv\nbig\nsub/b.csv\n"
    );
    let told = project.run(&["update"]).success();
    assert_eq!(told, "a.csv  unchanged\nall  unchanged\n");
    other.write("far/a.csv", "one\n");
    let told = project.run(&["update"]).success();
    assert!(told.contains("a.csv  updated  4 B"), "{told}");
    assert_eq!(project.read("all/a.csv"), "one\n");
    let here = Project::new();
    here.run(&["get-url", place, "x"]).success();
    assert_eq!(here.read("x/big").len(), 100_000);

    project.run(&["remote", "add", "far", place]).success();
    project
        .run(&["import-url", "remote://far/sub/b.csv"])
        .success();
    assert_eq!(project.read("b.csv"), "2\n");
}

/// A web server with one file, which changes as `at` says of each request.
fn serve(at: impl Fn(usize) -> &'static str + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!(
        "http://{}/data.csv",
        listener.local_addr().expect("an address")
    );
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let number = counted.fetch_add(1, Ordering::SeqCst);
            // A client that goes away is no fault of the server's.
            let _gone = answer(&mut stream, at(number));
        }
    });
    (url, count)
}

/// A web server with the files of a folder, below `/store/`; returns its URL.
pub(crate) fn serve_folder(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
            let (first, _) = request(&mut reader).unwrap_or_default();
            let path = first.split(' ').nth(1).unwrap_or_default();
            let found = path
                .strip_prefix("/store/")
                .map(|path| std::fs::read(folder.join(path)));
            let (status, body) = match found {
                Some(Ok(body)) => ("200 OK", body),
                _ => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let body = if first.starts_with("HEAD") {
                &[][..]
            } else {
                &body
            };
            // A client that goes away is no fault of the server's.
            let _gone = stream.write_all(&[head.as_bytes(), body].concat());
        }
    });
    url
}

/// Reads the head of a request: its first line, and how many more there were.
fn request(reader: &mut impl BufRead) -> std::io::Result<(String, usize)> {
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut count = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            return Ok((first, count));
        }
        count += 1;
    }
}

fn answer(stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (first, _) = request(&mut reader)?;
    let content = if first.starts_with("HEAD") { "" } else { body };
    let found = first.contains("/data.csv");
    let status = if found { "200 OK" } else { "404 Not Found" };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"{body}\"\r\nConnection: close\r\n\r\n{content}",
        body.len()
    )
}

#[test]
fn the_etag_of_a_web_server_tells_what_is_new() {
    let project = project();
    let (url, _) = serve(|number| if number < 20 { "one" } else { "two" });
    project.run(&["import-url", &url]).success();
    assert_eq!(project.read("data.csv"), "one");
    assert!(
        project.read("data.lock").contains("etag"),
        "{}",
        project.read("data.lock")
    );
    let told = project.run(&["update"]).success();
    assert_eq!(told, "data.csv  unchanged\n");
    let told = project
        .run(&["import-url", &url.replace("data.csv", "other")])
        .failure(1);
    assert!(told.contains("there is nothing at"), "{told}");
}

#[test]
fn what_changes_while_it_is_downloaded_is_not_taken() {
    let project = project();
    let numbers = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let (url, count) = serve(move |number| numbers[number % numbers.len()]);
    let told = project.run(&["import-url", &url]).failure(1);
    assert!(told.contains("changed while it was downloaded"), "{told}");
    assert!(count.load(Ordering::SeqCst) > 1);
    assert!(!project.exists("data.csv") && !project.exists("data.lock"));
}

/// A project with a default remote `far`, in its git folder.
fn project_with_remote() -> Project {
    let project = project();
    let far = project.path(".git/far");
    let far = far.to_str().expect("UTF-8");
    project.run(&["remote", "add", "-d", "far", far]).success();
    project
}

#[test]
fn what_is_not_downloaded_is_only_recorded() {
    let (web, donor, project) = (Web::start(), donor(), project());
    web.put("data.csv", "one");
    let told = project
        .run(&["import-url", "--no-download", &web.url("data.csv")])
        .success();
    insta::assert_snapshot!(told, @r"
    data.csv  recorded; `mlpipe update data.csv` downloads it
    next: git add data.lock .gitignore
    ");
    assert!(!web.asked().iter().any(|asked| asked.starts_with("GET")));
    assert!(!project.exists("data.csv"));
    let text = project.run(&["status"]).data();
    assert!(text.contains("data.csv is not downloaded"), "{text}");
    let text = project.run(&["data", "status"]).data();
    assert!(
        text.contains("`mlpipe update data.csv` downloads it"),
        "{text}"
    );
    let text = project.run(&["data", "status", "--json"]).data();
    assert!(text.contains("not downloaded"), "{text}");
    // What else becomes of data leaves it alone.
    project
        .run(&["import", "--no-download", url(&donor), "data"])
        .success();
    project.write("own", "own");
    project.run(&["add", "own"]).success();
    project.run(&["remove", "own"]).success();
    project.commit();
    let told = project.run(&["update", "data.csv", "data"]).success();
    assert!(told.contains("data.csv  updated  3 B"), "{told}");
    assert_eq!(project.read("data.csv"), "one");
    assert_eq!(project.read("data/sub/b"), "b1\n");
    let told = project.run(&["update"]).success();
    assert_eq!(told, "data  unchanged\ndata.csv  unchanged\n");
}

#[test]
fn that_a_source_has_changed_is_recorded_without_what_it_has() {
    let (web, project) = (Web::start(), project());
    web.put("data.csv", "one");
    project.run(&["import-url", &web.url("data.csv")]).success();
    web.put("data.csv", "two");
    let told = project.run(&["update", "--no-download"]).success();
    assert!(told.contains("data.csv  is another"), "{told}");
    assert!(
        !project.exists("data.csv"),
        "the old one would pass for the new"
    );
    project.run(&["update"]).success();
    assert_eq!(project.read("data.csv"), "two");
    web.put("data.csv", "three");
    project.write("data.csv", "mine");
    let told = project.run(&["update", "--no-download"]).failure(1);
    assert!(told.contains("has been changed here"), "{told}");
    assert_eq!(project.read("data.csv"), "mine");
}

#[test]
fn an_import_that_was_never_downloaded_can_be_merged_and_removed() {
    let (web, project) = (Web::start(), project());
    web.put("a", "1");
    web.put("b", "1");
    project.run(&["install"]).success();
    project.write(".gitignore", "/a\n/b\n/m\n");
    project.run(&["import-url", &web.url("a"), "m"]).success();
    project.commit();
    project.git(&["switch", "-q", "-c", "other"]);
    project
        .run(&["import-url", "--no-download", &web.url("a")])
        .success();
    project.commit();
    project.git(&["switch", "-q", "main"]);
    project.run(&["import-url", &web.url("b")]).success();
    project.commit();
    project
        .try_git(&["merge", "-q", "--no-edit", "other"])
        .data();
    let told = project.run(&["update"]).success();
    assert_eq!(told, "a  updated  1 B\nb  unchanged\nm  unchanged\n");
    project
        .run(&["import-url", "--no-download", &web.url("a"), "c"])
        .success();
    let told = project
        .run(&["import-url", "--no-download", &web.url("a"), "a/x"])
        .failure(1);
    assert!(told.contains("error: "), "{told}");
    project.run(&["remove", "c"]).success();
    assert!(!project.read("data.lock").contains("  c:"));
    assert!(!project.read(".gitignore").contains("/c"));
    project.run(&["remove", "c"]).failure(1);
}

#[test]
fn what_is_passed_on_to_a_remote_is_not_kept_here() {
    let (web, project) = (Web::start(), project_with_remote());
    web.put("data.csv", "one");
    project.write(".git/there/a", "a\n");
    project.write(".git/there/sub/big", &"x".repeat(200_000));
    let told = project
        .run(&["import-url", "--to-remote", &web.url("data.csv")])
        .success();
    assert!(told.contains("data.csv  passed on  3 B"), "{told}");
    let there = project.path(".git/there");
    let there = there.to_str().expect("UTF-8");
    project
        .run(&["import-url", "--to-remote", there, "all"])
        .success();
    assert!(!project.exists("data.csv") && !project.exists("all"));
    let kept = files(&project.path(".mlpipe"));
    let is_big = |path: &PathBuf| path.metadata().is_ok_and(|data| data.len() >= 200_000);
    assert!(!kept.iter().any(is_big), "{kept:?}");
    project.run(&["pull"]).success();
    assert_eq!(project.read("data.csv"), "one");
    assert_eq!(project.read("all/sub/big").len(), 200_000);
    let told = project.run(&["update"]).success();
    assert_eq!(told, "all  unchanged\ndata.csv  unchanged\n");

    web.put("data.csv", "two");
    let told = project.run(&["update", "--to-remote"]).success();
    assert!(
        told.contains("data.csv  updated at the remote  3 B"),
        "{told}"
    );
    assert!(!project.exists("data.csv"));
    project.run(&["pull"]).success();
    assert_eq!(project.read("data.csv"), "two");
    project.run(&["fsck", "--cloud"]).data();
}

#[test]
fn what_does_not_fit_an_import_is_an_error_where_it_is_named() {
    let (web, donor, project) = (Web::start(), donor(), project_with_remote());
    web.put("data.csv", "one");
    project.run(&["import-url", &web.url("data.csv")]).success();
    project.run(&["import", url(&donor), "data"]).success();
    let told = project
        .run(&["update", "data.csv", "--rev", "v1"])
        .failure(1);
    assert!(
        told.contains("a URL, which has no revisions") && told.contains("hint: "),
        "{told}"
    );
    let told = project.run(&["update", "data", "--to-remote"]).failure(1);
    assert!(told.contains("came from a repository"), "{told}");
    web.asked();
    let told = project.run(&["update", "--rev", "v1"]).success();
    assert_eq!(told, "data  unchanged in another commit\n");
    assert!(web.asked().is_empty());
}

#[test]
fn whether_a_source_has_changed_is_asked_only_when_wanted() {
    let (web, donor, project) = (Web::start(), donor(), project());
    web.put("data.csv", "one");
    project.run(&["import-url", &web.url("data.csv")]).success();
    project.run(&["import", url(&donor), "data"]).success();
    web.put("data.csv", "two");
    move_on(&donor);
    web.asked();
    for command in [&["status"][..], &["data", "status"]] {
        let text = project.run(command).data();
        assert!(!text.contains("behind"), "{text}");
        assert!(web.asked().is_empty());
        let text = project.run(&[command, &["--updates"]].concat()).data();
        assert!(text.contains("data.csv is behind its source"), "{text}");
        assert!(text.contains("data is behind its source"), "{text}");
        assert!(!web.asked().iter().any(|asked| asked.starts_with("GET")));
    }
    project
        .run(&["status", "--updates", "--exit-code"])
        .failure(1);
    project.run(&["update"]).success();
    let text = project.run(&["status", "--updates", "--exit-code"]).data();
    assert_eq!(text, "everything is up to date\n");
    web.close(true);
    let told = project.run(&["status", "--updates"]).failure(1);
    assert!(told.contains("cannot look for `data.csv`"), "{told}");
    project.run(&["status"]).data();
}

/// More than one part, and no multiple of it; no two parts are alike.
fn huge() -> String {
    let lines = (0..2_500_000).map(|number| format!("{number:08}\n"));
    lines.collect()
}

#[test]
fn a_big_file_comes_whole_from_a_server_that_knows_no_ranges() {
    let (web, project) = (Web::start(), project());
    let huge = huge();
    let monday = Mark::Time("Mon, 02 Nov 2026 10:00:00 GMT");
    web.put_marked("huge", &huge, monday);
    project.run(&["import-url", &web.url("huge")]).success();
    assert!(project.read("huge") == huge, "it differs");
    project
        .run(&["get-url", &web.url("huge"), "once"])
        .success();
    assert!(project.read("once") == huge, "it differs");
}

#[test]
fn what_does_not_count_as_data_is_not_deleted_by_an_update() {
    let project = project();
    for name in ["dir/x", "other/x"] {
        project.write(&format!(".git/far/{name}"), "1");
    }
    project.write(".mlpipeignore", "*.note\n");
    let far = project.path(".git/far/dir");
    let far = far.to_str().expect("UTF-8");
    project.run(&["import-url", far, "dir"]).success();
    project.write("dir/my.note", "precious");
    project.write(".git/far/dir/x", "22");
    project.run(&["update", "--no-download"]).success();
    let kept = files(project.root());
    let is_note = |path: &&PathBuf| path.ends_with("my.note");
    assert!(kept.iter().any(|path| is_note(&path)), "{kept:?}");
}

#[test]
fn what_says_nothing_of_itself_is_told_by_its_bytes() {
    let (web, project) = (Web::start(), project());
    web.put_marked("d.csv", "one", Mark::Nothing);
    project.run(&["import-url", &web.url("d.csv")]).success();
    let text = project.run(&["status", "--updates"]).data();
    assert!(!text.contains("behind"), "{text}");
    let text = project.run(&["update", "--no-download"]).success();
    assert!(text.contains("d.csv  unchanged"), "{text}");
    assert_eq!(project.read("d.csv"), "one");
    web.put_marked("d.csv", "two", Mark::Nothing);
    let text = project.run(&["status", "--updates"]).data();
    assert!(text.contains("behind"), "{text}");
    project.run(&["update", "--no-download"]).success();
    assert!(!project.exists("d.csv"));
}

#[test]
fn nothing_else_takes_the_place_of_what_is_not_downloaded() {
    let (web, project) = (Web::start(), project());
    web.put("d.csv", "one");
    web.put("x.csv", "one");
    let url = web.url("d.csv");
    project
        .run(&["import-url", "--no-download", &url])
        .success();
    project
        .run(&["import-url", "--no-download", &web.url("x.csv"), "dd/x.csv"])
        .success();
    project.write("d.csv", "mine");
    let text = project.run(&["add", "d.csv"]).failure(1);
    assert!(
        text.contains("is an import that is not downloaded"),
        "{text}"
    );
    assert!(text.contains("mlpipe remove d.csv"), "{text}");
    project.write("dd/y", "1");
    let text = project.run(&["add", "dd"]).failure(1);
    assert!(text.contains("`dd/x.csv`"), "{text}");
    project.write(
        "pipeline.yaml",
        "stages:\n  s: {cmd: echo > d.csv, outs: [d.csv]}\n",
    );
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.contains("makes `d.csv`, which is tracked data"),
        "{text}"
    );
    project.write(
        "pipeline.yaml",
        "stages:\n  s: {cmd: x, deps: [dd/x.csv]}\n",
    );
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("`mlpipe update dd/x.csv` downloads it"),
        "{text}"
    );
    project.remove("pipeline.yaml");
    project.run(&["import-url", "--force", &url]).success();
    assert_eq!(project.read("d.csv"), "one");
    project.run(&["add", "d.csv"]).success();

    // A slip in one name leaves the others alone.
    project.run(&["remove", "dd/x.csv", "typo"]).failure(1);
    assert!(project.read("data.lock").contains("dd/x.csv"));
}

#[test]
fn what_is_there_gives_way_only_to_what_can_take_its_place() {
    let (donor, project) = (donor(), project());
    project.write("in-git", "mine\n");
    project.write("sub/.keep", "");
    project.commit();
    for (out, told) in [
        (".git", "`.git` is in `.git`"),
        ("in-git", "git tracks `in-git` already"),
        (".", "the whole project"),
        ("data.lock", "the record of all data"),
    ] {
        let arguments = ["import", url(&donor), "doc/readme.md", "-o", out, "-f"];
        let text = project.run(&arguments).failure(1);
        assert!(text.contains(told), "{out}: {text}");
    }
    assert_eq!(project.read("in-git"), "mine\n");
    assert!(!project.exists(".mlpipe/kept"));
    for out in [".", ".."] {
        let arguments = ["--cd", "sub", "get", url(&donor), "data", "-o", out, "-f"];
        let text = project.run(&arguments).failure(1);
        assert!(text.contains("is no place for it"), "{out}: {text}");
    }
    let text = project.run(&["get", url(&donor), ".", "-f"]).failure(1);
    assert!(text.contains("`--out NAME`"), "{text}");
    project.git(&["status"]);
    assert!(project.exists("sub/.keep") && project.exists("in-git"));
}

#[test]
fn what_the_cache_has_only_damaged_is_kept_when_an_update_takes_it_away() {
    let (donor, project) = (donor(), project());
    project.run(&["import", url(&donor), "data"]).success();
    let mut objects = files(&project.path(".mlpipe/cache/sha256")).into_iter();
    let is_a = |path: &PathBuf| std::fs::read(path).expect("reads") == b"a1\n";
    let object = objects.find(is_a).expect("the cache has it");
    std::fs::remove_file(&object).expect("removes");
    std::fs::write(&object, "xx\n").expect("writes");
    move_on(&donor);
    project.run(&["update", "--no-download", "data"]).success();
    assert!(!project.exists("data"));
    assert_eq!(project.read(".mlpipe/kept/data/a"), "a1\n");
}

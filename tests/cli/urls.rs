//! Deps of stages on URLs: what is asked, recorded and explained, and what happens offline.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Output, Project};
use crate::web::{Mark, Web};

/// A project whose stage `s` takes a file off a web server, and whose stage `t` reads what that made.
fn project(web: &Web) -> Project {
    let url = web.url("data.csv");
    let project = Project::with(&format!(
        "stages:\n  s:\n    cmd: mlpipe -q get-url -f {url} raw && cp raw o && echo s >> runs.log\n    \
         deps: ['{url}']\n    outs: [o]\n  \
         t:\n    cmd: cp o p && echo t >> runs.log\n    deps: [o]\n    outs: [p]\n"
    ));
    project.run(&["init"]).success();
    project
}

/// A line of the lock, whatever the port.
fn recorded(project: &Project) -> String {
    let lock = project.read("data.lock");
    let line = lock.lines().find(|line| line.contains("data.csv:"));
    let line = line.unwrap_or_else(|| panic!("no URL in\n{lock}"));
    line.split("data.csv: ").nth(1).expect("a state").to_owned()
}

#[test]
fn a_stage_runs_again_when_what_is_at_a_url_has_changed() {
    let web = Web::start();
    web.put("data.csv", "one");
    let project = project(&web);
    project.run(&["repro"]).success();
    assert_eq!(project.read("p"), "one");
    assert_eq!(recorded(&project), "etag one");
    let lock = project.read("data.lock");
    assert_eq!(lock.matches("urls:").count(), 1, "{lock}");

    web.asked();
    project.run(&["repro"]).success();
    assert_eq!(
        web.asked(),
        ["HEAD /data.csv"],
        "one request for what is as it was"
    );
    let text = project.run(&["status"]).data();
    assert_eq!(text, "everything is up to date\n");
    assert_eq!(web.asked(), ["HEAD /data.csv"]);
    assert_eq!(project.runs(), ["s", "t"]);

    web.put("data.csv", "two");
    let text = project.run(&["status", "--explain"]).data();
    let wanted = format!("dep {}  etag one → etag two\n", web.url("data.csv"));
    assert!(text.contains(&wanted), "{text}");
    assert!(text.contains("t may run, since s would"), "{text}");
    let text = project.run(&["repro", "--dry"]).data();
    assert!(text.contains("data.csv changed"), "{text}");
    project.run(&["repro"]).success();
    assert_eq!(project.read("p"), "two");

    // What was there before was seen before.
    web.put("data.csv", "one");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("restored"), "{text}");
    assert_eq!(project.runs(), ["s", "t", "s", "t"]);
}

#[test]
fn time_and_size_or_the_bytes_tell_where_there_is_no_etag() {
    let web = Web::start();
    let project = project(&web);
    let monday = Mark::Time("Mon, 02 Nov 2026 10:00:00 GMT");
    web.put_marked("data.csv", "one", monday);
    project.run(&["repro"]).success();
    assert_eq!(recorded(&project), "time 1793613600, 3 B");
    web.put_marked(
        "data.csv",
        "two",
        Mark::Time("Mon, 02 Nov 2026 10:00:01 GMT"),
    );
    project.run(&["status", "--exit-code"]).failure(1);
    project.run(&["repro"]).success();

    web.put_marked("data.csv", "two", Mark::Nothing);
    project.run(&["repro"]).success();
    assert!(
        recorded(&project).starts_with("sha256 3fc4ccfe745870e2"),
        "{}",
        recorded(&project)
    );
    project.run(&["status", "--exit-code"]).data();
    web.put_marked("data.csv", "six", Mark::Nothing);
    project.run(&["status", "--exit-code"]).failure(1);
}

#[test]
fn all_bytes_of_a_big_file_count_where_a_server_knows_no_ranges() {
    let web = Web::start();
    let project = Project::with(&format!(
        "stages:\n  s: {{cmd: echo s >> runs.log, deps: ['{}']}}\n",
        web.url("huge")
    ));
    project.run(&["init"]).success();
    let mut huge = "x".repeat(20_000_000);
    web.put_marked("huge", &huge, Mark::Nothing);
    project.run(&["repro"]).success();
    huge.replace_range(15_000_000..15_000_001, "y");
    web.put_marked("huge", &huge, Mark::Nothing);
    project.run(&["repro"]).success();
    assert_eq!(project.runs(), ["s", "s"]);
}

#[test]
fn another_url_is_another_dep_even_where_nothing_is_at_it() {
    let web = Web::start();
    web.put("data.csv", "one");
    let project = project(&web);
    project.run(&["repro"]).success();
    let typo = web.url("typo.csv");
    project.edit(
        "pipeline.yaml",
        &format!("deps: ['{}']", web.url("data.csv")),
        &format!("deps: ['{typo}']"),
    );
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("there is nothing at its dep"), "{text}");
}

#[test]
fn who_does_not_answer_after_a_run_is_asked_again() {
    let web = Web::start();
    web.put("data.csv", "one");
    let project = Project::with(&format!(
        "stages:\n  s:\n    cmd: touch started && while test ! -e closed; do sleep 0.05; done && echo > o\n    \
         deps: ['{}']\n    outs: [o]\n",
        web.url("data.csv")
    ));
    project.run(&["init"]).success();
    let mut child = project
        .command(&["repro"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    wait_until(|| project.exists("started"));
    web.close(true);
    project.write("closed", "");
    let mut told = String::new();
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
    while !told.contains("has run; asking again for its dep http://") {
        assert!(lines.read_line(&mut told).expect("reads") > 0, "{told}");
    }
    web.close(false);
    lines.read_to_string(&mut told).expect("reads");
    assert!(child.wait().expect("ends").success(), "{told}");
    assert_eq!(recorded(&project), "etag one");
}

/// Waits for what another process does.
fn wait_until(is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_mins(1), "it does not come");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn another_list_of_urls_counts_where_nobody_is_asked() {
    let web = Web::start();
    web.put("data.csv", "one");
    web.put("more.csv", "two");
    let (url, more) = (web.url("data.csv"), web.url("more.csv"));
    let project = Project::with(&format!(
        "stages:\n  s:\n    cmd: echo a=1 > m.toml\n    deps: ['{url}']\n    metrics: [m.toml]\n\
         gates: {{a: {{min: 0}}}}\n"
    ));
    project.run(&["init"]).success();
    project.run(&["repro"]).success();
    let stale = || {
        let output = project.run(&["gate"]);
        (output.stdout + &output.stderr).contains("not of what is in the workspace")
    };
    assert!(!stale());
    project.edit(
        "pipeline.yaml",
        &format!("['{url}']"),
        &format!("['{url}', '{more}']"),
    );
    assert!(stale(), "another URL");
    project.edit(
        "pipeline.yaml",
        &format!("['{url}', '{more}']"),
        "[pipeline.yaml]",
    );
    assert!(stale(), "no URL any more");
}

#[test]
fn a_commit_asks_nothing_over_the_network() {
    let web = Web::start();
    web.put("data.csv", "one");
    let project = project(&web);
    let text = project.run(&["status", "--hook"]).data();
    assert!(text.contains("s would run\n  first run"), "{text}");
    project.run(&["repro"]).success();
    project.run(&["install"]).success();
    web.put("data.csv", "two");
    web.asked();
    project.commit();
    assert!(
        project
            .read(".git/hooks/pre-commit")
            .contains("status --hook")
    );
    assert!(web.asked().is_empty());
}

#[test]
fn a_hook_of_an_older_mlpipe_asks_nothing_either() {
    let web = Web::start();
    web.put("data.csv", "one");
    let project = project(&web);
    project.run(&["repro"]).success();
    web.put("data.csv", "two");
    web.asked();
    // As git calls its hooks.
    let mut command = project.command(&["status", "--exit-code"]);
    Output::of(command.env("GIT_INDEX_FILE", ".git/index")).data();
    assert!(web.asked().is_empty());
    project.run(&["status", "--exit-code"]).failure(1);
}

#[test]
fn who_only_looks_tries_less_often_than_who_runs() {
    let web = Web::start();
    web.put("data.csv", "one");
    let project = project(&web);
    web.close(true);
    project.run(&["status"]).failure(1);
    let looked = web.refused();
    assert!(looked > 1, "once is no more than a mishap");
    project.run(&["repro", "--dry"]).failure(1);
    assert_eq!(web.refused(), looked);
    project.run(&["repro"]).failure(3);
    assert!(web.refused() > looked);
}

#[test]
fn a_stage_is_added_only_if_its_urls_can_be_asked_for() {
    let web = Web::start();
    let project = Project::with("stages: {}\n");
    project.run(&["init"]).success();
    let add = |url: &str| project.run(&["stage", "add", "-n", "s", "-d", url, "true"]);
    for (url, message, hint) in [
        ("foo://x", "begins with `foo://`", "s3://"),
        ("s4://b/x", "begins with `s4://`", "did you mean `s3`"),
        (
            "remote://far/x",
            "there is no remote `far`",
            "mlpipe remote add",
        ),
    ] {
        let text = add(url).failure(1);
        let first = format!("error: `{url}` cannot be a dep");
        for wanted in [&first, message, hint] {
            assert!(text.contains(wanted), "{url}: no `{wanted}` in\n{text}");
        }
        assert!(!text.contains("--allow-missing"), "{text}");
        assert_eq!(project.read("pipeline.yaml"), "stages: {}\n");
    }
    let far = project.path(".git/far");
    let far = far.to_str().expect("UTF-8");
    project.run(&["remote", "add", "far", far]).success();
    add("remote://far/x").success();
    // What is there is asked only when the stage is looked at; credentials may be elsewhere.
    project.run(&["remove", "s"]).success();
    add("s3://bucket/x").success();
    project.run(&["remove", "s"]).success();
    add(&web.url("nothing")).success();
    assert!(web.asked().is_empty());
}

#[test]
fn records_are_offered_only_where_they_help() {
    let web = Web::start();
    web.put("data.csv", "one");
    let project = project(&web);
    web.close(true);
    let text = project.run(&["commit", "--force"]).failure(1);
    assert!(text.contains("check the network"), "{text}");
    assert!(!text.contains("--allow-missing"), "{text}");
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("`--allow-missing` takes it"), "{text}");
}

#[test]
fn a_frozen_stage_is_committed_with_the_urls_that_it_has() {
    let web = Web::start();
    web.put("data.csv", "one");
    web.put("more.csv", "two");
    let project = project(&web);
    project.run(&["repro"]).success();
    project.edit(
        "pipeline.yaml",
        "    outs: [o]\n",
        "    outs: [o]\n    frozen: true\n",
    );
    project.edit(
        "pipeline.yaml",
        &format!("deps: ['{}']", web.url("data.csv")),
        &format!("deps: ['{}']", web.url("more.csv")),
    );
    project.run(&["commit", "--force"]).success();
    let lock = project.read("data.lock");
    assert!(lock.contains("more.csv: etag two"), "{lock}");
    assert!(!lock.contains("data.csv: "), "{lock}");
}

#[test]
fn a_second_that_is_not_over_tells_nothing() {
    let web = Web::start();
    let now = Command::new("date")
        .args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"])
        .env("LC_ALL", "C")
        .output()
        .expect("runs");
    let now = String::from_utf8(now.stdout).expect("UTF-8");
    web.put_marked("data.csv", "one", Mark::Time(now.trim().to_owned().leak()));
    let project = Project::with(&format!(
        "stages:\n  s: {{cmd: echo > o, deps: ['{}'], outs: [o]}}\n",
        web.url("data.csv")
    ));
    project.run(&["init"]).success();
    let text = project.run(&["status"]).data();
    assert!(text.contains("s would run"), "{text}");
    assert!(
        web.asked().len() > 1,
        "what may change unseen is looked at again"
    );
    project.run(&["repro"]).success();
    web.asked();
    project.run(&["repro"]).success();
    assert_eq!(web.asked(), ["HEAD /data.csv"]);
}

#[test]
fn files_of_one_second_are_told_apart_where_there_are_nanoseconds() {
    let project =
        Project::with("stages:\n  s: {cmd: echo x >> runs.log, deps: ['remote://far/x']}\n");
    project.write(".git/far/x", "1");
    project.run(&["init"]).success();
    let far = project.path(".git/far");
    project
        .run(&["remote", "add", "far", far.to_str().expect("UTF-8")])
        .success();
    let touch = |nanoseconds: &str| {
        let time = format!("2026-11-02T10:00:00.{nanoseconds}Z");
        let mut command = project.isolated("touch");
        command.args(["-d", &time]).arg(far.join("x"));
        assert!(command.status().expect("runs").success());
    };
    touch("1");
    project.run(&["repro"]).success();
    project.write(".git/far/x", "2");
    touch("2");
    project.run(&["repro"]).success();
    assert_eq!(project.runs(), ["x", "x"]);
}

#[test]
fn names_may_be_escaped_and_have_no_fragment() {
    let web = Web::start();
    web.put("a%20b.csv", "one");
    let project = Project::with(&format!(
        "stages:\n  s: {{cmd: echo > o, deps: ['{}'], outs: [o]}}\n",
        web.url("a%20b.csv")
    ));
    project.run(&["init"]).success();
    project.run(&["repro"]).success();
    project
        .run(&["import-url", &web.url("a%20b.csv")])
        .success();
    assert_eq!(project.read("a b.csv"), "one");
    let text = project.run(&["get-url", &web.url("a.csv#x")]).failure(1);
    assert!(text.contains("stands behind `#`"), "{text}");
}

#[test]
fn all_urls_are_asked_for_at_once_and_each_only_once() {
    let web = Web::start();
    let names = ["a", "b", "c", "d"];
    let mut stages = String::new();
    for name in names {
        web.put(name, name);
        stages += &format!(
            "  {name}:\n    cmd: echo > o{name}\n    deps: ['{}', '{}']\n    outs: [o{name}]\n",
            web.url(name),
            web.url("a"),
        );
    }
    let project = Project::with(&format!("stages:\n{stages}"));
    project.run(&["repro"]).success();
    web.asked();
    web.answer_together(names.len());
    project.run(&["repro"]).success();
    let mut asked = web.asked();
    asked.sort();
    assert_eq!(asked, ["HEAD /a", "HEAD /b", "HEAD /c", "HEAD /d"]);
}

#[test]
fn offline_a_stage_fails_with_its_place_and_may_count_as_recorded() {
    let web = Web::start();
    web.put("data.csv", "one");
    let project = project(&web);
    project.run(&["repro"]).success();
    web.close(true);
    for command in ["repro", "status"] {
        let output = project.run(&[command]);
        let text = output.stdout + &output.stderr;
        assert_eq!(output.code, Some(if command == "repro" { 3 } else { 1 }));
        for wanted in [
            "cannot be asked for",
            "pipeline.yaml:4",
            "check the network",
            "--allow-missing",
        ] {
            assert!(text.contains(wanted), "{command}: no `{wanted}` in\n{text}");
        }
    }
    let text = project.run(&["status", "--allow-missing"]).data();
    assert_eq!(text, "everything is up to date\n");
    project.run(&["repro", "--allow-missing"]).success();
    // What does not judge inputs asks nobody.
    project.remove("o");
    project.run(&["checkout"]).success();
    assert_eq!(project.read("o"), "one");
    project.edit(
        "pipeline.yaml",
        "    outs: [o]\n",
        "    outs: [o]\n    frozen: true\n",
    );
    project.run(&["repro"]).success();
    assert_eq!(project.runs(), ["s", "t"]);
    assert_eq!(recorded(&project), "etag one");
}

#[test]
fn a_url_with_nothing_at_it_is_no_dep() {
    let web = Web::start();
    let project = project(&web);
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("there is nothing at its dep `http://127.0.0.1:"),
        "{text}"
    );
    assert!(text.contains("pipeline.yaml:4"), "{text}");
    assert!(project.runs().is_empty());
    // It may come while the stages before it run.
    web.put("data.csv", "one");
    project.run(&["repro"]).success();
}

#[test]
fn what_changes_while_it_is_read_is_not_recorded() {
    let web = Web::start();
    web.put("data.csv", "one");
    web.put("trigger", "");
    web.change_by("trigger", "data.csv", "two");
    let (url, trigger) = (web.url("data.csv"), web.url("trigger"));
    let project = Project::with(&format!(
        "stages:\n  s:\n    cmd: mlpipe get-url -f {trigger} t && mlpipe get-url -f {url} o\n    \
         deps: ['{url}']\n    outs: [o]\n"
    ));
    project.run(&["init"]).success();
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("data.csv changed while it ran"), "{text}");
    project.run(&["repro"]).success();
    assert_eq!(
        (project.read("o").as_str(), recorded(&project).as_str()),
        ("two", "etag two")
    );
}

#[test]
fn a_path_below_a_remote_is_a_dep_as_well() {
    let project = Project::with(
        "stages:\n  s: {cmd: echo x >> runs.log, deps: ['remote://far/sub/x', 'remote://far/all']}\n",
    );
    let far = project.path(".git/far");
    for (name, text) in [("sub/x", "1"), ("all/a", "1"), ("all/b/c", "22")] {
        project.write(&format!(".git/far/{name}"), text);
    }
    project.run(&["init"]).success();
    project
        .run(&["remote", "add", "far", far.to_str().expect("UTF-8")])
        .success();
    project.run(&["repro"]).success();
    let lock = project.read("data.lock");
    assert!(
        lock.contains("remote://far/all: 2 files, listing "),
        "{lock}"
    );
    project.run(&["repro"]).success();
    project.write(".git/far/all/new", "3");
    let text = project.run(&["status"]).data();
    assert!(text.contains("dep remote://far/all changed"), "{text}");
    project.run(&["repro"]).success();
    assert_eq!(project.runs(), ["x", "x"]);
}

#[test]
fn other_commands_know_of_urls() {
    let web = Web::start();
    web.put("data.csv", "one");
    let project = Project::new();
    project.run(&["init"]).success();
    let url = web.url("data.csv");
    project
        .run(&[
            "stage",
            "add",
            "-n",
            "s",
            "-d",
            &url,
            "-o",
            "o",
            "echo x > o",
        ])
        .success();
    let text = project.run(&["stage", "list", "--json"]).data();
    assert!(text.contains(&format!("\"url\": \"{url}\"")), "{text}");
    assert_eq!(project.run(&["dag"]).data(), "s\n");
    project.write("o", "by hand\n");
    project.run(&["commit", "--force"]).success();
    assert_eq!(recorded(&project), "etag one");
    project.run(&["status", "--exit-code"]).data();
    // Nothing that only reads results goes over the network.
    web.asked();
    for command in [
        &["metrics", "show"][..],
        &["stage", "list"],
        &["data", "status"],
        &["report"],
    ] {
        let _any = project.run(command);
        assert!(web.asked().is_empty(), "{command:?}");
    }
}

#[test]
fn mistakes_in_urls_are_told_with_their_place() {
    for (dep, message, help) in [
        ("ftp://a/x", "begins with `ftp://`", "did you mean `sftp`"),
        ("s4://a/x", "begins with `s4://`", "`s3`"),
        (
            "remote://far/x",
            "there is no remote `far`",
            "mlpipe remote add",
        ),
        (
            "https://me:secret@a.org/x",
            "holds a password",
            "remote://NAME/path",
        ),
        (
            "https://a.org/x?sig=secret",
            "stands behind `?`",
            "let a command ask",
        ),
        ("https://a.org/x#y", "stands behind `#`", "leave it out"),
        (
            "s3://bucket/x",
            "there are no credentials",
            "AWS_ACCESS_KEY_ID",
        ),
    ] {
        let project = Project::with(&format!("stages:\n  a: {{cmd: x, deps: ['{dep}']}}\n"));
        let output = project.run(&["status"]);
        let text = output.stdout + &output.stderr;
        assert_eq!(output.code, Some(1), "{dep}: {text}");
        let is_secret = text.contains("me:secret") || text.contains("because \n");
        let helps = dep.starts_with("s3://");
        assert_eq!(text.contains("--allow-missing"), helps, "{dep}: {text}");
        assert!(!is_secret, "{dep}: {text}");
        for wanted in [message, help, "pipeline.yaml:2"] {
            assert!(text.contains(wanted), "{dep}: no `{wanted}` in\n{text}");
        }
    }
}

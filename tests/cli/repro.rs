//! `mlpipe repro`: what runs, in which order, and what is recorded.

use crate::support::Project;

/// Two stages that do not need each other, and one that needs both.
const FAN: &str = "\
stages:
  left:
    cmd: echo left >> runs.log && echo l > left
    outs: [left]
  right:
    cmd: echo right >> runs.log && echo r > right
    outs: [right]
  join:
    cmd: echo join >> runs.log && cat left right > join
    deps: [left, right]
    outs: [join]
";

#[test]
fn runs_in_order_once_and_then_nothing() {
    let project = Project::chain();
    let first = project.run(&["repro", "-j1"]).success();
    assert_eq!(
        first,
        "prep   runs: first run\nprep   ran in [time]\ntrain  runs: first run\ntrain  ran in [time]\n  \
         2 ran in [time] · data.lock updated\n"
    );
    assert_eq!(
        project.read("model/weights"),
        "HELLO\nlr: 0.1\nscore: 0.9\nother: 1\n"
    );
    let lock = project.read("data.lock");
    let second = project.run(&["repro"]).success();
    assert_eq!(
        second,
        "prep   unchanged\ntrain  unchanged\n  2 unchanged in [time]\n"
    );
    assert_eq!(project.read("data.lock"), lock);
}

#[test]
fn cached_outs_are_hidden_from_git_and_others_are_not() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.run(&["repro", "--force"]).success();
    assert_eq!(project.read(".gitignore"), "/mid.txt\n/model\n");
    let seen = project.git(&["status", "--porcelain"]);
    assert!(
        seen.contains("metrics.json") && seen.contains("data.lock"),
        "{seen}"
    );
    assert!(
        !seen.contains("model") && !seen.contains("mid.txt"),
        "{seen}"
    );
}

#[test]
fn a_param_that_no_stage_names_changes_nothing() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.edit("params.yaml", "other: 1", "other: 2");
    assert_eq!(
        project.run(&["status"]).data(),
        "everything is up to date\n"
    );
    assert!(project.run(&["repro"]).success().contains("2 unchanged"));
}

#[test]
fn a_changed_param_runs_only_its_stage() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.edit("params.yaml", "lr: 0.1", "lr: 0.2");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("prep   unchanged"), "{text}");
    assert!(text.contains("train  runs: param lr 0.1 → 0.2\n"), "{text}");
}

#[test]
fn equal_content_of_an_upstream_stage_cuts_the_run_off() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.edit("pipeline.yaml", "tr a-z A-Z <", "tr 'a-z' 'A-Z' <");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("prep   runs: command changed"), "{text}");
    assert!(text.contains("train  unchanged"), "{text}");
}

#[test]
fn removed_and_added_deps_params_and_outs_make_a_stage_dirty() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.edit("pipeline.yaml", "params: [lr, score]", "params: [score]");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("train  runs: param lr removed"), "{text}");
    assert!(!project.read("data.lock").contains("lr: 0.1"));
    project.edit(
        "pipeline.yaml",
        "deps: [mid.txt]",
        "deps: [mid.txt, in.txt]",
    );
    let text = project.run(&["repro"]).success();
    assert!(text.contains("train  runs: dep in.txt added"), "{text}");
}

#[test]
fn a_param_of_another_kind_is_a_change() {
    let project = Project::chain();
    project.edit("params.yaml", "lr: 0.1", "lr: 1");
    project.run(&["repro"]).success();
    project.edit("params.yaml", "lr: 1", "lr: true");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("param lr 1 → true"), "{text}");
}

#[test]
fn a_renamed_stage_leaves_no_stale_record() {
    let project = Project::chain();
    project.run(&["repro"]).success();
    project.edit("pipeline.yaml", "  prep:", "  prepare:");
    project.run(&["repro"]).success();
    let lock = project.read("data.lock");
    assert!(
        lock.contains("  prepare:") && !lock.contains("  prep:"),
        "{lock}"
    );
}

#[test]
fn folders_are_deps_by_all_that_is_in_them() {
    let project = Project::with(
        "stages:\n  count: {cmd: 'find data -type f | wc -l > n', deps: [data], outs: [n]}\n",
    );
    project.write("data/a", "1");
    project.run(&["repro"]).success();
    assert!(project.run(&["repro"]).success().contains("1 unchanged"));
    project.write("data/sub/b", "2");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("runs: dep data changed"), "{text}");
    assert_eq!(project.read("n").trim(), "2");
}

#[test]
fn a_command_dependency_runs_the_stage_when_its_output_changes() {
    let project =
        Project::with("stages:\n  a: {cmd: 'echo x > o', deps: [{cmd: cat version}], outs: [o]}\n");
    project.write("version", "1");
    project.run(&["repro"]).success();
    assert!(project.run(&["repro"]).success().contains("1 unchanged"));
    project.write("version", "2");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("runs: output of `cat version` changed"),
        "{text}"
    );
    project.remove("version");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("because cat: version: No such file"),
        "{text}"
    );
    assert!(
        text.contains("command dependency `cat version` failed: exit status 1"),
        "{text}"
    );
}

#[test]
fn stages_find_this_mlpipe_first_and_know_who_they_are() {
    let project = Project::with(
        "stages:\n  a b:\n    wdir: sub\n    cmd: command -v mlpipe > o; echo \"$MLPIPE_STAGE $MLPIPE_ROOT\" >> o\n    \
         outs: [o]\n",
    );
    project.run(&["repro"]).success();
    let text = project.read("sub/o");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(env!("CARGO_BIN_EXE_mlpipe")));
    let root = project.root().canonicalize().expect("is there");
    assert_eq!(
        lines.next(),
        Some(format!("a b {}", root.display()).as_str())
    );
}

#[test]
fn a_block_of_lines_is_one_script_and_a_list_stops_at_a_failure() {
    let project = Project::with(
        "stages:\n  block:\n    cmd: |\n      for x in 1 2; do\n        echo $x >> o\n      done\n    outs: [o]\n  \
         list:\n    cmd: [echo one >> runs.log, 'false', echo three >> runs.log]\n",
    );
    let text = project.run(&["repro", "-j1"]).failure(3);
    assert_eq!(project.read("o"), "1\n2\n");
    assert_eq!(project.runs(), ["one"]);
    assert!(
        text.contains("stage `list` failed: exit status 1"),
        "{text}"
    );
    assert!(text.contains("the command was  false"), "{text}");
}

#[test]
fn always_changed_stages_and_those_without_anything_run_every_time() {
    let project = Project::with(
        "stages:\n  always: {cmd: echo always >> runs.log && echo x > o, outs: [o], always_changed: true}\n  \
         nothing: {cmd: echo nothing >> runs.log}\n",
    );
    project.run(&["repro", "-j1"]).success();
    project.run(&["repro", "-j1"]).success();
    assert_eq!(project.runs(), ["always", "nothing", "always", "nothing"]);
}

#[test]
fn a_frozen_stage_never_runs_and_its_out_is_taken_as_it_is() {
    let project = Project::with(
        "stages:\n  ice: {cmd: echo run >> runs.log, deps: [in], outs: [o], frozen: true}\n  \
         use: {cmd: cp o p, deps: [o], outs: [p]}\n",
    );
    project.write("in", "1");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("it is frozen and `o` is neither recorded nor there"),
        "{text}"
    );
    project.write("o", "by hand");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("ice  recorded as it is"), "{text}");
    project.write("in", "2");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("ice  is frozen, and stays as it is (dep in changed)"),
        "{text}"
    );
    assert!(text.contains("2 unchanged"), "{text}");
    let text = project.run(&["status", "--exit-code"]).data();
    assert_eq!(
        text,
        "ice is frozen, and stays as it is\n  dep in changed\n1 unchanged\n"
    );
    assert_eq!(project.read("p"), "by hand");
    project.write("o", "by hand again");
    let text = project.run(&["repro"]).success();
    assert!(text.contains("ice  recorded as it is"), "{text}");
    assert_eq!(project.read("p"), "by hand again");
    project.remove("o");
    assert!(
        project
            .run(&["repro"])
            .success()
            .contains("ice  restored from the cache")
    );
    project.remove("o");
    project.remove(".mlpipe/cache");
    let text = project.run(&["repro"]).failure(3);
    assert!(text.contains("it is frozen and `o` is neither"), "{text}");
    assert!(project.runs().is_empty());
}

#[test]
fn targets_are_stages_or_what_they_make() {
    let project = Project::with(FAN);
    project.run(&["repro", "left"]).success();
    assert_eq!(project.runs(), ["left"]);
    project.run(&["repro", "join"]).success();
    assert_eq!(project.runs(), ["left", "right", "join"]);
    project.remove("right");
    project.run(&["repro", "right"]).success();
    assert!(project.exists("right"));
    let text = project.run(&["repro", "lefd"]).failure(1);
    assert_eq!(
        text,
        "error: there is no stage `lefd`\n  hint: did you mean `left`?\n"
    );
}

#[test]
fn a_failure_stops_the_run_but_keeps_what_was_done() {
    let project = Project::with(&FAN.replace("echo r > right", "exit 7"));
    let text = project.run(&["repro", "-j1"]).failure(3);
    assert!(
        text.contains("stage `right` failed: exit status 7"),
        "{text}"
    );
    assert!(text.contains("join   skipped: it needs right"), "{text}");
    let lock = project.read("data.lock");
    assert!(
        lock.contains("  left:") && !lock.contains("  right:"),
        "{lock}"
    );
    assert_eq!(project.read(".gitignore"), "/left\n");
}

#[test]
fn keep_going_runs_what_does_not_need_the_failed_stage() {
    let project = Project::with(&FAN.replace("echo l > left", "exit 7"));
    let stopped = project.run(&["repro", "-j1"]).failure(3);
    assert!(stopped.contains("right  not started"), "{stopped}");
    assert_eq!(project.runs(), ["left"]);
    let text = project.run(&["repro", "-j1", "--keep-going"]).failure(3);
    assert_eq!(project.runs(), ["left", "left", "right"]);
    assert!(text.contains("join   skipped: it needs left"), "{text}");
}

#[test]
fn independent_stages_run_side_by_side() {
    // Each waits for the other's sign of life: one at a time they would never end.
    let wait = "for i in $(seq 200); do [ -e";
    let project = Project::with(&format!(
        "stages:\n  a: {{cmd: 'touch a1; {wait} b1 ] && exec touch a; sleep 0.05; done; exit 1', outs: [a]}}\n  \
         b: {{cmd: 'touch b1; {wait} a1 ] && exec touch b; sleep 0.05; done; exit 1', outs: [b]}}\n",
    ));
    let text = project.run(&["repro", "-j2"]).success();
    assert!(text.contains("2 ran"), "{text}");
}

#[test]
fn a_dep_that_changes_while_its_stage_runs_is_no_lie_in_the_lock() {
    let project =
        Project::with("stages:\n  a: {cmd: 'cp in o; echo x >> in', deps: [in], outs: [o]}\n");
    project.write("in", "1\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("stage `a` failed: dep in changed while it ran"),
        "{text}"
    );
    assert!(!project.exists("data.lock"));
    assert!(
        !project.exists("o"),
        "the out was of nobody knows which input"
    );
}

#[test]
fn output_is_shown_by_stage_and_kept_in_a_log() {
    let project =
        Project::with("stages:\n  a: {cmd: 'echo out; echo err >&2; echo x > o', outs: [o]}\n");
    let text = project.run(&["repro"]).success();
    assert!(
        text.contains("a │ out\n") && text.contains("a │ err\n"),
        "{text}"
    );
    let log = project.read(".mlpipe/logs/a.log");
    assert_eq!(log, "out\nerr\n");
}

#[test]
fn events_come_as_json_lines() {
    let project = Project::chain();
    let text = project.run(&["repro", "--json", "-j1"]).data();
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["event"].as_str().expect("text"))
        .collect();
    assert_eq!(
        names,
        [
            "planned", "started", "finished", "started", "finished", "summary"
        ]
    );
    assert_eq!(events[2]["outcome"], "ran");
    assert_eq!(events[5]["counts"]["ran"], 2);
}

#[test]
fn quiet_prints_only_failures() {
    let project = Project::chain();
    assert_eq!(project.run(&["repro", "-q"]).success(), "");
    project.edit("pipeline.yaml", "tr a-z A-Z", "exit 4;");
    let text = project.run(&["repro", "-q"]).failure(3);
    assert!(
        text.starts_with("error: stage `prep` failed: exit status 4\n"),
        "{text}"
    );
}

#[test]
fn a_stage_cannot_run_the_pipeline_that_it_is_part_of() {
    let project = Project::with("stages:\n  a: {cmd: mlpipe repro, outs: [o]}\n");
    let text = project.run(&["repro"]).failure(3);
    assert!(
        text.contains("mlpipe is running stage `a` already"),
        "{text}"
    );
}

#[test]
fn a_param_that_is_no_number_is_equal_to_itself() {
    let project = Project::with("stages:\n  a: {cmd: echo x > o, params: [p, q], outs: [o]}\n");
    project.write(
        "params.yaml",
        "p: .nan\nq: 123456789012345678901234567890\n",
    );
    project.run(&["repro"]).success();
    assert!(project.run(&["repro"]).success().contains("1 unchanged"));
    project.write(
        "params.yaml",
        "p: .nan\nq: 123456789012345678901234567891\n",
    );
    assert!(project.run(&["status"]).data().contains("param q 1234"));
}

#[test]
fn params_in_another_order_are_the_same_params() {
    let project = Project::with(
        "stages:\n  a: {cmd: echo a >> runs.log; echo x > o, params: [s], outs: [o]}\n",
    );
    for text in [
        "s: {a: 1, b: 2}\n",
        "s: {a: 1, b: 3}\n",
        "s: {b: 2, a: 1}\n",
    ] {
        project.write("params.yaml", text);
        project.run(&["repro"]).success();
    }
    assert_eq!(project.runs(), ["a", "a"]);
}

#[test]
fn a_command_dependency_is_its_standard_output_alone() {
    let project = Project::with(
        "stages:\n  a: {cmd: echo x > o, deps: [{cmd: 'echo v1; date +%N >&2'}], outs: [o]}\n  \
         b: {cmd: echo y > p, deps: [{cmd: mlpipe status}], outs: [p]}\n",
    );
    project.run(&["repro", "a"]).success();
    assert!(
        project
            .run(&["repro", "a"])
            .success()
            .contains("1 unchanged")
    );
    let text = project.run(&["repro", "b"]).failure(3);
    assert!(
        text.contains("its command dependency `mlpipe status` failed"),
        "{text}"
    );
}

#[test]
fn a_stage_may_use_mlpipe_in_another_project() {
    let project =
        Project::with("stages:\n  a: {cmd: mlpipe --cd other repro && cp other/o o, outs: [o]}\n");
    project.write(
        "other/pipeline.yaml",
        "stages:\n  b: {cmd: echo b > o, outs: [o]}\n",
    );
    project.write("other/.mlpipe/.gitignore", "*\n");
    project.run(&["repro"]).success();
    assert_eq!(project.read("o"), "b\n");
}

#[test]
fn a_flood_of_output_is_borne() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'yes | head -c 2000000; head -c 300000 /dev/zero; echo x > o', outs: [o]}\n",
    );
    let text = project.run(&["repro", "-q"]).success();
    assert_eq!(text, "");
    assert!(
        project
            .path(".mlpipe/logs/a.log")
            .metadata()
            .expect("is there")
            .len()
            > 2_000_000
    );
}

#[test]
fn a_log_is_read_while_its_stage_runs() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'printf \"1 %%\\rready\\n\"; until [ -e go ]; do sleep 0.01; done'}\n",
    );
    let mut child = project.spawn(&["repro"]);
    let _reader = crate::faults::wait_for_line(&mut child, "│ ready");
    assert_eq!(project.read(".mlpipe/logs/a.log"), "ready\n");
    project.write("go", "");
    assert!(child.wait().expect("ends").success());
}

#[test]
fn a_target_alone_or_with_all_that_needs_it() {
    let project = Project::with(FAN);
    let text = project.run(&["repro", "-s", "join"]).failure(3);
    assert!(text.contains("its dep `left` does not exist"), "{text}");
    project
        .run(&["repro", "-j1", "--downstream", "right"])
        .failure(3);
    assert_eq!(project.runs(), ["right"], "left is not downstream of right");
    project.run(&["repro", "-s", "left"]).success();
    project
        .run(&["repro", "-j1", "--downstream", "right"])
        .success();
    assert_eq!(project.runs(), ["right", "left", "join"]);
}

#[test]
fn a_dry_run_touches_nothing_and_says_what_follows() {
    let project = Project::chain();
    let text = project.run(&["repro", "--dry"]).data();
    assert_eq!(
        text,
        "prep would run\n  first run\ntrain may run, since prep would\n  first run\n"
    );
    assert!(!project.exists("data.lock") && !project.exists(".mlpipe"));
    project.run(&["repro"]).success();
    let text = project.run(&["repro", "--dry", "--force", "prep"]).data();
    assert_eq!(text, "prep would run\n  forced\n");
}

#[test]
fn the_run_cache_and_the_cache_can_be_left_alone() {
    let project =
        Project::with("stages:\n  a: {cmd: echo a >> runs.log; cp in o, deps: [in], outs: [o]}\n");
    for text in ["1", "2", "1"] {
        project.write("in", text);
        project.run(&["repro", "--no-run-cache"]).success();
    }
    assert_eq!(project.runs().len(), 3);
    project.write("in", "3");
    project.run(&["repro", "--no-commit"]).success();
    assert!(project.read("data.lock").contains("size: 1"));
    assert!(
        project
            .run(&["status"])
            .data()
            .contains("a is unchanged, but not in the cache: o\n")
    );
    project.remove("o");
    assert!(
        project
            .run(&["status"])
            .data()
            .contains("a would run\n  out o missing\n")
    );
}

#[test]
fn deps_that_overlap_hide_no_change() {
    let project = Project::with(
        "stages:\n  a: {cmd: cat data/* > o, deps: ['data/*.csv', data/a.csv], outs: [o]}\n",
    );
    project.write("data/a.csv", "1\n");
    project.write("data/b.csv", "2\n");
    project.run(&["repro"]).success();
    assert!(project.run(&["repro"]).success().contains("1 unchanged"));
    project.remove("data/b.csv");
    project.run(&["repro"]).success();
    assert_eq!(project.read("o"), "1\n");
}

#[test]
fn records_of_stages_that_came_while_a_run_went_on_stay() {
    let project = Project::with(
        "stages:\n  a: {cmd: 'touch ready; until [ -e go ]; do sleep 0.02; done; echo x > o', outs: [o]}\n",
    );
    let mut first = project.spawn(&["repro"]);
    while !project.exists("ready") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    project.edit(
        "pipeline.yaml",
        "stages:\n",
        "stages:\n  new: {cmd: echo y > p, outs: [p]}\n",
    );
    project.run(&["repro", "new"]).success();
    project.write("go", "");
    assert!(first.wait().expect("ends").success());
    assert!(project.run(&["repro"]).success().contains("2 unchanged"));
}

//! What stages take of the machine: who may run beside whom, and what a command is told of it.

use crate::support::{Output, Project};

/// A command that says when it begins and ends, and takes a moment.
const SLOW: &str = "'echo begin >> times; sleep 0.1; echo end >> times'";

/// Two stages that take `needs`, each of which waits until the other runs.
fn meeting(head: &str, needs: &str) -> Project {
    let stage = |own: &str, other: &str| {
        format!(
            "  {own}: {{cmd: 'touch {own}.here; until [ -e {other}.here ]; do sleep 0.01; done', timeout: 30s, {needs}}}\n"
        )
    };
    Project::with(&format!(
        "{head}stages:\n{}{}",
        stage("a", "b"),
        stage("b", "a")
    ))
}

#[track_caller]
fn assert_one_after_the_other(project: &Project) {
    assert_eq!(project.read("times"), "begin\nend\n".repeat(2));
}

fn run_with_cards(project: &Project, cards: &str, arguments: &[&str]) -> Output {
    let mut command = project.command(arguments);
    let output = command.env("CUDA_VISIBLE_DEVICES", cards).output();
    let output = output.expect("mlpipe runs");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

#[test]
fn a_pool_of_one_place_holds_one_stage_at_a_time() {
    let project = Project::with(&format!(
        "pools: {{gpu: 1}}\nstages:\n  each:\n    foreach: [a, b]\n    do: {{cmd: {SLOW}, pools: {{gpu: 1}}}}\n"
    ));
    project.run(&["repro", "-j4"]).success();
    assert_one_after_the_other(&project);
}

#[test]
fn a_pool_of_two_places_holds_two() {
    let project = meeting("pools: {gpu: 2}\n", "pools: {gpu: 1}");
    project.run(&["repro", "-j2"]).success();
}

#[test]
fn stages_without_needs_run_side_by_side_by_the_number_of_jobs() {
    let project = meeting("", "desc: none");
    project.run(&["repro", "-j2"]).success();
}

#[test]
fn cpus_of_all_running_stages_are_no_more_than_there_are() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let project = Project::with(&format!(
        "stages:\n  a: {{cmd: {SLOW}, resources: {{cpus: {cores}}}}}\n  b: {{cmd: {SLOW}}}\n"
    ));
    project.run(&["repro", &format!("-j{cores}")]).success();
    assert_one_after_the_other(&project);
}

#[test]
fn memory_of_all_running_stages_is_no_more_than_there_is() {
    let project = meeting("", "resources: {memory: 1MiB}");
    project.run(&["repro", "-j2"]).success();
}

#[test]
fn who_wants_more_than_the_machine_has_runs_alone() {
    for (need, wish) in [
        ("cpus: 100000", "wants 100000 cpus of "),
        ("memory: 9000TiB", "wants 9000 TiB of memory of "),
    ] {
        if need.starts_with("memory") && !std::path::Path::new("/proc/meminfo").exists() {
            eprintln!("SKIPPED: how much memory there is can be known on Linux only");
            continue;
        }
        let project = Project::with(&format!(
            "stages:\n  a: {{cmd: {SLOW}, resources: {{{need}}}}}\n  b: {{cmd: {SLOW}}}\n"
        ));
        let text = project.run(&["repro", "-j2"]).success();
        assert!(text.contains(&format!("a  {wish}")), "{text}");
        assert!(text.contains(": nothing runs beside it\n"), "{text}");
        assert_one_after_the_other(&project);
    }
}

#[test]
fn each_stage_sees_its_own_cards_and_cpus() {
    let project = meeting("", "resources: {gpus: 1}");
    project.edit(
        "pipeline.yaml",
        "touch",
        "echo $CUDA_VISIBLE_DEVICES $MLPIPE_CPUS >> cards; touch",
    );
    run_with_cards(&project, "7,GPU-8", &["repro", "-j2"]).success();
    let cards = project.read("cards");
    let mut cards: Vec<&str> = cards.lines().collect();
    cards.sort_unstable();
    assert_eq!(cards, ["7 1", "GPU-8 1"]);
}

#[test]
fn who_wants_no_card_sees_none_and_who_says_nothing_sees_all() {
    let project = Project::with(
        "stages:\n  none: {cmd: 'echo \"[$CUDA_VISIBLE_DEVICES]\" > none', resources: {gpus: 0}, outs: [none]}\n  \
         all: {cmd: 'echo \"[$CUDA_VISIBLE_DEVICES]\" > all', outs: [all]}\n",
    );
    run_with_cards(&project, "7,8", &["repro"]).success();
    assert_eq!(project.read("none"), "[]\n");
    assert_eq!(project.read("all"), "[7,8]\n");
}

#[test]
fn without_enough_cards_nothing_begins_but_what_is_up_to_date_needs_none() {
    let project = Project::with(
        "stages:\n  prep: {cmd: echo prep >> runs.log; cp in mid, deps: [in], outs: [mid]}\n  \
         train: {cmd: cp mid model, deps: [mid], outs: [model], resources: {gpus: 2}}\n",
    );
    project.write("in", "1");
    let text = run_with_cards(&project, "0", &["repro"]).failure(1);
    assert!(
        text.contains("stage `train` needs 2 gpus and finds 1"),
        "{text}"
    );
    assert!(text.contains("[pipeline.yaml:3:"), "{text}");
    assert!(text.contains("CUDA_VISIBLE_DEVICES=0,1"), "{text}");
    assert!(project.runs().is_empty());
    run_with_cards(&project, "0", &["repro", "prep"]).success();
    run_with_cards(&project, "0,1", &["repro"]).success();
    let text = run_with_cards(&project, "", &["repro"]).success();
    assert!(text.contains("train  unchanged"), "{text}");
    project.remove("model");
    let text = run_with_cards(&project, "", &["repro"]).success();
    assert!(text.contains("train  restored"), "{text}");
}

#[test]
fn pools_must_be_declared_and_large_enough() {
    let project = Project::with("pools: {gpu: 1}\nstages:\n  a: {cmd: x, pools: {gpus: 1}}\n");
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.contains("stage `a` uses the unknown pool `gpus`"),
        "{text}"
    );
    assert!(text.contains("[pipeline.yaml:3:23]"), "{text}");
    assert!(text.contains("did you mean `gpu`?"), "{text}");
    project.edit("pipeline.yaml", "gpus: 1", "gpu: 2");
    let text = project.run(&["repro"]).failure(1);
    assert!(
        text.contains("stage `a` needs 2 of pool `gpu`, which has 1"),
        "{text}"
    );
    assert!(text.contains("[pipeline.yaml:3:28]"), "{text}");
}

#[test]
fn pools_are_shared_by_all_files_which_must_agree() {
    let project = Project::with("pools: {gpu: 1}\n");
    project.write(
        "sub/pipeline.yaml",
        "pools: {gpu: 2}\nstages:\n  a: {cmd: 'true', pools: {gpu: 1}}\n",
    );
    let text = project.run(&["repro"]).failure(1);
    assert!(text.contains("pool `gpu` is declared twice"), "{text}");
    assert!(text.contains("[sub/pipeline.yaml:1:14]"), "{text}");
    assert!(
        text.contains("the other file says 1 (pipeline.yaml:1:14)"),
        "{text}"
    );
    project.edit("sub/pipeline.yaml", "pools: {gpu: 2}\n", "");
    project.run(&["repro"]).success();
}

#[test]
fn groups_fill_in_what_each_of_their_stages_takes() {
    let project = Project::with(
        "vars: [{limit: 20s, places: 2}]\npools: {gpu: '${places}', db: 1}\nstages:\n  each:\n    \
         foreach: {a: {cpus: 100000, pool: gpu}, b: {cpus: 1, pool: db}}\n    do:\n      cmd: echo ${key}\n      \
         resources: {cpus: '${item.cpus}'}\n      pools: {'${item.pool}': 1}\n      timeout: ${limit}\n      retry: ${item.cpus}\n  \
         grid:\n    matrix: {times: [1, 2]}\n    cmd: '[ -e go-${item.times} ] || { touch go-${item.times}; exit 1; }'\n    \
         retry: {times: '${item.times}'}\n",
    );
    let text = project.run(&["repro"]).success();
    assert!(text.contains("each@a  wants 100000 cpus of"), "{text}");
    assert!(!text.contains("each@b  wants"), "{text}");
    assert!(text.contains("attempt 2 of 2\n"), "{text}");
    assert!(text.contains("attempt 2 of 3\n"), "{text}");
}

#[test]
fn how_a_stage_is_run_is_no_part_of_what_it_depends_on() {
    let project =
        Project::with("pools: {gpu: 1}\nstages:\n  a: {cmd: echo x > o, outs: [o], deps: [in]}\n");
    project.write("in", "1");
    project.run(&["repro"]).success();
    let lock = project.read("data.lock");
    for keys in [
        "resources: {cpus: 2, memory: 1GiB, gpus: 0}",
        "pools: {gpu: 1}",
        "timeout: 2h",
        "retry: {times: 2, delay: 1s}",
    ] {
        project.write(
            "pipeline.yaml",
            &format!("pools: {{gpu: 1}}\nstages:\n  a: {{cmd: echo x > o, outs: [o], deps: [in], {keys}}}\n"),
        );
        let text = project.run(&["repro"]).success();
        assert!(text.contains("a  unchanged"), "{keys}: {text}");
        assert_eq!(project.read("data.lock"), lock);
    }
}

//! Which test holds which of the scenarios that the engine was built by: rows on running, templating,
//! the graph, validation and params. Where a test is renamed, its row goes with it.

use std::collections::BTreeMap;
use std::path::Path;

/// Rows, the file of the test that holds them, and its name.
const HELD: [(&str, &str, &str); 56] = [
    ("1, 2", "repro", "runs_in_order_once_and_then_nothing"),
    (
        "1",
        "repro",
        "cached_outs_are_hidden_from_git_and_others_are_not",
    ),
    ("4", "repro", "a_param_that_no_stage_names_changes_nothing"),
    ("5", "status", "json_has_a_forecast_for_each_stage"),
    ("5", "repro", "a_changed_param_runs_only_its_stage"),
    (
        "6",
        "restore",
        "inputs_of_an_earlier_run_bring_its_outs_back",
    ),
    ("7", "restore", "a_missing_out_comes_back_from_the_cache"),
    (
        "8",
        "scenarios_running",
        "an_edited_intermediate_out_comes_back_and_later_stages_are_skipped",
    ),
    (
        "9",
        "repro",
        "equal_content_of_an_upstream_stage_cuts_the_run_off",
    ),
    (
        "10",
        "restore",
        "a_lost_cache_is_filled_again_from_the_workspace",
    ),
    (
        "11",
        "restore",
        "an_out_of_a_stage_without_deps_comes_back_too",
    ),
    (
        "13",
        "scenarios_running",
        "a_list_that_fails_half_way_leaves_record_and_outs_as_they_were",
    ),
    (
        "14",
        "repro",
        "a_block_of_lines_is_one_script_and_a_list_stops_at_a_failure",
    ),
    (
        "16",
        "repro",
        "a_failure_stops_the_run_but_keeps_what_was_done",
    ),
    (
        "17",
        "repro",
        "keep_going_runs_what_does_not_need_the_failed_stage",
    ),
    (
        "18",
        "scenarios_running",
        "dependants_of_a_failed_stage_cannot_be_made_to_run",
    ),
    (
        "21",
        "scenarios_running",
        "a_target_runs_with_all_before_it_and_nothing_after_it",
    ),
    (
        "23",
        "scenarios_running",
        "a_forced_stage_executes_although_an_earlier_run_had_the_same_inputs",
    ),
    (
        "25",
        "repro",
        "a_dry_run_touches_nothing_and_says_what_follows",
    ),
    (
        "26",
        "scenarios_running",
        "a_dry_run_says_once_that_a_stage_would_be_restored",
    ),
    ("28", "repro", "targets_are_stages_or_what_they_make"),
    ("29", "commit", "a_run_without_commit_is_committed_later"),
    (
        "29, 30",
        "repro",
        "the_run_cache_and_the_cache_can_be_left_alone",
    ),
    (
        "31",
        "interactive",
        "without_a_terminal_nobody_can_be_asked",
    ),
    (
        "32, 33",
        "repro",
        "a_frozen_stage_never_runs_and_its_out_is_taken_as_it_is",
    ),
    (
        "34",
        "repro",
        "always_changed_stages_and_those_without_anything_run_every_time",
    ),
    (
        "36",
        "restore",
        "a_file_of_the_users_in_the_place_of_an_out_is_kept",
    ),
    (
        "36",
        "restore",
        "a_failing_stage_leaves_the_users_file_where_it_was",
    ),
    (
        "37",
        "restore",
        "an_out_that_is_added_to_a_stage_does_not_cost_the_file_that_stands_there",
    ),
    (
        "38",
        "scenarios_running",
        "a_dep_or_param_that_is_no_longer_listed_shows_in_the_status",
    ),
    (
        "38",
        "repro",
        "removed_and_added_deps_params_and_outs_make_a_stage_dirty",
    ),
    ("40", "status", "describing_a_stage_anew_is_no_change"),
    ("41", "repro", "a_renamed_stage_leaves_no_stale_record"),
    (
        "42",
        "restore",
        "an_uncached_out_is_neither_hidden_nor_restored",
    ),
    ("44", "templating", "keys_of_every_form_and_their_text"),
    ("46", "templating", "a_map_in_a_command_becomes_flags"),
    ("48", "templating", "maps_and_lists_are_no_text_elsewhere"),
    ("49", "templating", "unknown_keys_and_bad_syntax_are_named"),
    ("49", "templating", "templates_nest_and_have_defaults"),
    (
        "50",
        "templating",
        "a_value_cannot_be_set_twice_but_maps_merge",
    ),
    (
        "52",
        "templating",
        "templates_have_no_place_in_vars_and_flags",
    ),
    ("53", "templating", "foreach_names_its_stages"),
    ("55", "templating", "text_where_a_list_belongs_is_an_error"),
    ("56", "templating", "dates_are_text"),
    (
        "58",
        "schema",
        "mistakes_of_shape_have_a_line_a_column_and_an_excerpt",
    ),
    ("59", "errors", "a_lock_with_merge_conflict_markers"),
    ("59", "merge", "neighbours_merge_with_the_driver"),
    (
        "59",
        "scenarios_running",
        "a_lock_that_was_deleted_is_made_again_without_running",
    ),
    ("60", "errors", "a_lock_that_git_ignores"),
    ("63", "schema", "many_files_are_one_graph"),
    (
        "63",
        "selection",
        "without_targets_a_folder_with_stages_means_those_and_what_they_need",
    ),
    ("65", "schema", "a_param_of_another_type_is_a_change"),
    ("68", "errors", "a_param_or_params_file_that_does_not_exist"),
    (
        "83",
        "missing",
        "what_changed_in_git_would_run_though_its_deps_are_absent",
    ),
    ("86", "faults", "a_second_process_waits_and_says_for_whom"),
    (
        "86",
        "faults",
        "unrelated_stages_of_two_processes_run_at_the_same_time",
    ),
];

#[test]
fn each_row_has_its_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut texts = BTreeMap::new();
    for (rows, file, test) in HELD {
        let text = texts.entry(file).or_insert_with(|| {
            std::fs::read_to_string(folder.join(format!("{file}.rs"))).expect("reads")
        });
        let is_there = text.contains(&format!("#[test]\nfn {test}() {{"));
        assert!(is_there, "row {rows}: {file} has no test `{test}`");
    }
}

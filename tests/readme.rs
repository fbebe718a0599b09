//! Runs the tour of the README as it is printed there. Numbers may differ, words may not.

use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
#[cfg(feature = "ml")]
#[expect(
    clippy::disallowed_methods,
    reason = "the example is laid out as a user finds it"
)]
fn the_tour_is_true() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("is there");
    let tour = readme.split("```console\n").nth(1).expect("has a tour");
    let tour = tour.split("```").next().expect("has an end");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let project = folder.path();
    fs::create_dir(project.join("reports")).expect("makes");
    let reports = fs::read_dir(Path::new(ROOT).join("reports")).expect("lists");
    let reports = reports.map(|entry| entry.expect("an entry").file_name());
    let reports = reports.map(|name| format!("reports/{}", name.to_str().expect("UTF-8")));
    let files = ["pipeline.yaml", "params.yaml", "data.lock", ".gitignore"].map(str::to_owned);
    for file in files.into_iter().chain(reports) {
        fs::copy(Path::new(ROOT).join(&file), project.join(&file)).expect("copies");
    }
    let shell = |line: &str| {
        let mut command = Command::new("/bin/sh");
        let own = Path::new(env!("CARGO_BIN_EXE_mlpipe"))
            .parent()
            .expect("has a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", own.display()));
        command
            .env("HOME", project)
            .env("GIT_CEILING_DIRECTORIES", "/");
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env_remove("MLPIPE_STAGE");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "tester");
            command.env(format!("GIT_{role}_EMAIL"), "tester@example.org");
        }
        command
            .current_dir(project)
            .args(["-c", &format!("exec 2>&1; {line}")]);
        let output = command.output().expect("a shell");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    shell("git init -q -b main && mlpipe repro && git add -A && git commit -q -m example");

    for step in tour.split("$ ").skip(1) {
        let (line, expected) = step.split_once('\n').expect("a command and what it prints");
        assert_eq!(
            without_numbers(&shell(line)),
            without_numbers(expected),
            "after: {line}"
        );
    }
}

/// Measured numbers depend on the machine, and with them the width of columns and which metrics move
/// in which direction. What is decided from files does not: lines about params are compared as they
/// are.
fn without_numbers(text: &str) -> String {
    let is_number = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
    let ignored = ["ms", "s", "▲", "▼", "=", "better", "worse"];
    let clean = |line: &str| {
        if line.contains("param ") {
            return format!("{line}\n");
        }
        // How sure the change is, and what the gates say of it, follows from numbers.
        let line = line.find("against main · ").map_or(line, |at| &line[at..]);
        let words = line
            .split_whitespace()
            .filter(is_number)
            .filter(|word| !ignored.contains(word));
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    let is_metric =
        |line: &&str| line.starts_with("reports/") || line.ends_with("(--all shows them)");
    let lines = text.lines().filter(|line| !is_metric(line));
    lines.map(clean).collect()
}

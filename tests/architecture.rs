//! Holds the layers of the house: a room imports only the rooms that this table allows it.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and what it may import.
const ALLOWED: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("ml", &["base"]),
    ("pipeline", &["base"]),
    ("statistics", &["base"]),
    ("store", &["base", "pipeline"]),
    ("scm", &["base", "pipeline"]),
    ("metrics", &["base", "pipeline", "statistics"]),
    ("plots", &["base", "pipeline"]),
    ("remote", &["base", "pipeline", "store"]),
    ("config", &["base", "store", "remote"]),
    ("workspace", &["base", "pipeline", "store", "scm", "config"]),
    (
        "engine",
        &["base", "pipeline", "store", "scm", "metrics", "workspace"],
    ),
    (
        "report",
        &[
            "base",
            "pipeline",
            "statistics",
            "store",
            "scm",
            "metrics",
            "plots",
            "workspace",
        ],
    ),
    ("data", &["base", "pipeline", "store", "scm", "workspace"]),
    ("forge", &["base"]),
    ("registry", &["base", "pipeline", "scm"]),
    (
        "dvc",
        &[
            "base",
            "pipeline",
            "store",
            "scm",
            "remote",
            "workspace",
            "data",
        ],
    ),
    (
        "doctor",
        &[
            "base",
            "pipeline",
            "store",
            "scm",
            "remote",
            "config",
            "workspace",
            "forge",
        ],
    ),
    ("workflows", &["base"]),
    (
        "exchange",
        &[
            "base",
            "pipeline",
            "store",
            "scm",
            "config",
            "remote",
            "workspace",
            "data",
        ],
    ),
    (
        "imports",
        &[
            "base",
            "pipeline",
            "store",
            "scm",
            "workspace",
            "data",
            "config",
            "remote",
            "dvc",
            "registry",
        ],
    ),
    (
        "cli",
        &[
            "base",
            "pipeline",
            "store",
            "scm",
            "metrics",
            "statistics",
            "plots",
            "config",
            "remote",
            "workspace",
            "engine",
            "report",
            "data",
            "doctor",
            "workflows",
            "exchange",
            "forge",
            "dvc",
            "registry",
            "imports",
            "ml",
        ],
    ),
    ("main", &[]),
    ("lib", &[]),
];

#[test]
fn imports_only_go_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut faults = Vec::new();
    for file in rust_files(&source) {
        let inner = file
            .strip_prefix(&source)
            .expect("below src")
            .to_string_lossy()
            .into_owned();
        let room = inner
            .split('/')
            .next()
            .expect("a name")
            .trim_end_matches(".rs")
            .to_owned();
        let allowed = ALLOWED.iter().find(|(name, _)| *name == room);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("the room `{room}` is not on the map"));
        let text = fs::read_to_string(&file).expect("source is text");
        for import in imports(&text) {
            if import != room && !allowed.contains(&import.as_str()) {
                faults.push(format!("{inner} imports crate::{import}"));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "upward or sideways imports:\n{}",
        faults.join("\n")
    );
}

#[test]
fn the_table_itself_has_no_way_up() {
    for (position, (room, allowed)) in ALLOWED.iter().enumerate() {
        for lower in *allowed {
            let found = ALLOWED.iter().position(|(name, _)| name == lower);
            assert!(
                found.is_some_and(|at| at < position),
                "{room} may not import {lower}"
            );
        }
    }
}

/// The names that follow `crate::` in the code of `text`, those in braces too.
fn imports(text: &str) -> Vec<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let list = match rest.strip_prefix('{') {
            Some(inner) => inner.split('}').next().unwrap_or_default(),
            None => rest.split(|c| !is_name(c)).next().unwrap_or_default(),
        };
        let first = |item: &str| item.trim().split(|c| !is_name(c)).next().map(str::to_owned);
        names.extend(
            list.split(',')
                .filter_map(first)
                .filter(|name| !name.is_empty()),
        );
    }
    names
}

#[test]
fn imports_in_braces_are_seen() {
    assert_eq!(
        imports("use crate::{cli, base::fs};\nuse crate::ml;"),
        ["cli", "base", "ml"]
    );
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    // A package of its own has rooms of its own.
    let ours = folders
        .iter()
        .filter(|folder| !folder.join("Cargo.toml").exists());
    here.chain(ours.flat_map(|folder| rust_files(folder)))
        .collect()
}

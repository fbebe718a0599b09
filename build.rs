//! Takes the digest of the code of the built-in stages, which the pipeline depends on.
//!
//! The executable's own hash would not do: a laptop's and a server's differ. The digest may change
//! too often but never too seldom, so it covers whole folders and whole trees of crates.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};

/// The folders of source whose code takes part in results.
const FOLDERS: [&str; 2] = ["src/base", "src/ml"];

/// The crates that results are computed with; those that they stand on count as well.
const CRATES: [&str; 11] = [
    "candle-core",
    "candle-nn",
    "csv",
    "flate2",
    "image",
    "rand_chacha",
    "rand_core",
    "rayon",
    "serde",
    "serde_json",
    "yaml_serde",
];

/// Counted without what it stands on: its one function that is called reads a file, while its other
/// parts bring a web client along.
const CRATE_ALONE: &str = "candle-datasets";

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    for watched in FOLDERS
        .into_iter()
        .chain(["build.rs", "Cargo.lock", "rust-toolchain.toml"])
    {
        println!("cargo::rerun-if-changed={watched}");
    }
    println!("cargo::rustc-env=MLPIPE_ML_DIGEST={}", code_digest(&root)?);
    let versions = crate_versions(&fs::read_to_string(root.join("Cargo.lock"))?);
    println!("cargo::rustc-env=MLPIPE_ML_CRATES={versions}");
    // Nothing is relocated at the start, which halves what that takes: nothing to do is to take no time,
    // and tests start the program thousands of times.
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    Ok(())
}

/// Returns the versions of the crates that results are computed with, as in `rayon 1.12.0`.
fn crate_versions(lock: &str) -> String {
    let mut versions = Vec::new();
    for entry in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = entry.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_default().trim_matches('"')
        };
        if CRATES.contains(&value("name = ")) {
            versions.push(format!("{} {}", value("name = "), value("version = ")));
        }
    }
    versions.join(",")
}

/// Returns the digest of the code below `root`, the folder of `Cargo.toml`.
pub(crate) fn code_digest(root: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        // With the length in front, no two lists of fields run together.
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for path in source_files(root)? {
        field(path.as_bytes());
        field(&fs::read(root.join(&path))?);
    }
    field(&fs::read(root.join("rust-toolchain.toml"))?);
    for package in locked_packages(&fs::read_to_string(root.join("Cargo.lock"))?)? {
        field(package.as_bytes());
    }
    let digest = hasher.finalize();
    let mut text = String::new();
    for byte in digest {
        write!(text, "{byte:02x}").map_err(io::Error::other)?;
    }
    Ok(text)
}

/// Returns the files in the folders, sorted, with `/` between their parts on every system.
fn source_files(root: &Path) -> io::Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    let mut folders: Vec<String> = FOLDERS.map(str::to_owned).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                files.insert(path);
            }
        }
    }
    Ok(files)
}

/// Returns the entries of the lock file that results are computed with, sorted.
fn locked_packages(lock: &str) -> io::Result<BTreeSet<&str>> {
    let mut entries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in lock.split("[[package]]").skip(1) {
        let name = entry.lines().find_map(|line| line.strip_prefix("name = "));
        entries
            .entry(name.unwrap_or_default().trim_matches('"'))
            .or_default()
            .push(entry.trim());
    }
    for name in CRATES.into_iter().chain([CRATE_ALONE]) {
        if !entries.contains_key(name) {
            // A name that is nowhere would silently count for nothing.
            return Err(io::Error::other(format!("`{name}` is not in Cargo.lock")));
        }
    }
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut names: Vec<&str> = CRATES.to_vec();
    while let Some(name) = names.pop() {
        // Where a crate is there in several versions all of them count.
        for entry in entries.get(name).into_iter().flatten() {
            if found.insert(entry) {
                names.extend(dependencies(entry));
            }
        }
    }
    found.extend(entries.get(CRATE_ALONE).into_iter().flatten());
    Ok(found)
}

/// Returns the names in an entry's list of dependencies, which may carry a version.
fn dependencies(entry: &str) -> impl Iterator<Item = &str> {
    let lines = entry.lines().filter_map(|line| line.strip_prefix(" \""));
    lines.filter_map(|line| line.split(['"', ' ']).next())
}

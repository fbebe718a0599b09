//! The digest of the code changes with what takes part in results, and with nothing else.

use std::fs;
use std::path::Path;

#[expect(
    dead_code,
    clippy::print_stdout,
    reason = "a build script's `main` is for cargo"
)]
#[path = "../build.rs"]
mod build;

#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn put(root: &Path, name: &str, content: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("makes the folder");
    fs::write(path, content).expect("writes");
}

const LOCK: &str = r#"
[[package]]
name = "candle-core"
version = "0.11.1"
dependencies = [
 "gemm",
 "rand 0.9.5",
]

[[package]]
name = "gemm"
version = "0.19.0"

[[package]]
name = "rand"
version = "0.9.5"

[[package]]
name = "clap"
version = "4.6.0"
"#;

/// The crates that must be there, but for the one above.
const OTHERS: [&str; 11] = [
    "candle-datasets",
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

fn lock() -> String {
    let mut lock = LOCK.to_owned();
    for name in OTHERS {
        lock.push_str("\n[[package]]\nname = \"");
        lock.push_str(name);
        lock.push_str("\"\nversion = \"1.0.0\"\n");
    }
    lock
}

/// Returns whether the digest changes when `name` gets another content.
fn matters(name: &str, content: &str) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    for file in [
        "src/base/fs.rs",
        "src/ml/train.rs",
        "src/cli/mod.rs",
        "rust-toolchain.toml",
    ] {
        put(root, file, "before");
    }
    put(root, "Cargo.lock", &lock());
    let before = build::code_digest(root).expect("a digest");
    put(root, name, content);
    build::code_digest(root).expect("a digest") != before
}

#[test]
fn code_that_computes_matters_and_other_code_does_not() {
    assert!(matters("src/ml/train.rs", "after"));
    assert!(matters("src/ml/ops/new.rs", ""));
    assert!(matters("src/base/fs.rs", "after"));
    assert!(matters("rust-toolchain.toml", "after"));
    assert!(!matters("src/cli/mod.rs", "after"));
    assert!(!matters("src/ml/train.rs", "before"));
}

#[test]
fn crates_matter_when_results_are_computed_with_them() {
    let with = |from: &str, to: &str| matters("Cargo.lock", &lock().replace(from, to));
    assert!(with("0.11.1", "0.11.2"));
    assert!(with("0.19.0", "0.19.1"));
    assert!(with("version = \"0.9.5\"", "version = \"0.9.6\""));
    assert!(!with("4.6.0", "4.6.1"));
}

#[test]
fn a_crate_that_is_not_locked_is_no_silent_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["src/base/fs.rs", "src/ml/train.rs", "rust-toolchain.toml"] {
        put(folder.path(), file, "");
    }
    put(
        folder.path(),
        "Cargo.lock",
        &lock().replace("candle-nn", "candle-mm"),
    );
    let error = build::code_digest(folder.path()).expect_err("an error");
    assert_eq!(error.to_string(), "`candle-nn` is not in Cargo.lock");
}

#[test]
fn the_embedded_digest_is_that_of_this_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let digest = build::code_digest(root).expect("a digest");
    assert_eq!(digest, env!("MLPIPE_ML_DIGEST"));
}

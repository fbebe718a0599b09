//! `Project`: a temporary git repository with an environment of its own, and what a run printed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A pipeline of two stages: `prep` makes mid.txt of in.txt, `train` makes a model and a metric.
pub(crate) const CHAIN: &str = "\
stages:
  prep:
    cmd: tr a-z A-Z < in.txt > mid.txt
    deps: [in.txt]
    outs: [mid.txt]
  train:
    cmd: |
      mkdir -p model
      cat mid.txt params.yaml > model/weights
      score=$(sed -n 's/^score. //p' params.yaml)
      echo '{\"accuracy\": '$score', \"loss\": 0.5}' > metrics.json
    deps: [mid.txt]
    params: [lr, score]
    outs: [model]
    metrics: [{metrics.json: {cache: false}}]
";

/// A project in a folder of its own.
pub(crate) struct Project {
    folder: TempDir,
}

/// What a run of mlpipe left behind.
#[must_use]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// Makes an empty git repository on branch `main`.
    pub(crate) fn new() -> Self {
        let project = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        project.git(&["init", "-q", "-b", "main"]);
        project
    }

    /// Copies a project with all that is in it.
    pub(crate) fn copy(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("cp");
        let command = command.arg("-a").arg(self.path(".")).arg(folder.path());
        assert!(command.status().expect("cp runs").success());
        Self { folder }
    }

    /// Makes a repository with the two-stage pipeline and its input.
    pub(crate) fn chain() -> Self {
        let project = Self::new();
        project.write("pipeline.yaml", CHAIN);
        project.write("params.yaml", "lr: 0.1\nscore: 0.9\nother: 1\n");
        project.write("in.txt", "hello\n");
        project
    }

    /// Makes a repository with this pipeline.
    pub(crate) fn with(pipeline: &str) -> Self {
        let project = Self::new();
        project.write("pipeline.yaml", pipeline);
        project
    }

    pub(crate) fn path(&self, inner: &str) -> PathBuf {
        self.folder.path().join(inner)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, inner: &str, text: &str) {
        let path = self.path(inner);
        fs::create_dir_all(path.parent().expect("has a folder")).expect("makes the folder");
        fs::write(path, text).expect("writes");
    }

    pub(crate) fn read(&self, inner: &str) -> String {
        fs::read_to_string(self.path(inner)).unwrap_or_else(|error| panic!("{inner}: {error}"))
    }

    pub(crate) fn exists(&self, inner: &str) -> bool {
        self.path(inner).symlink_metadata().is_ok()
    }

    pub(crate) fn remove(&self, inner: &str) {
        let path = self.path(inner);
        let outcome = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        outcome.unwrap_or_else(|error| panic!("{inner}: {error}"));
    }

    /// Replaces `from` by `to` in a file; it must be there.
    pub(crate) fn edit(&self, inner: &str, from: &str, to: &str) {
        let text = self.read(inner);
        assert!(text.contains(from), "{inner} has no `{from}`:\n{text}");
        self.write(inner, &text.replace(from, to));
    }

    /// Runs git, which must succeed; returns what it printed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = self.try_git(arguments);
        let stderr = &output.stderr;
        assert_eq!(output.code, Some(0), "git {arguments:?}: {stderr}");
        output.stdout
    }

    /// Runs git, which may fail.
    pub(crate) fn try_git(&self, arguments: &[&str]) -> Output {
        Output::of(self.isolated("git").args(arguments))
    }

    /// Commits everything.
    pub(crate) fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", "a commit"]);
    }

    /// Runs mlpipe to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Output::of(&mut self.command(arguments))
    }

    /// Starts mlpipe without waiting for it.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mlpipe starts")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.isolated(env!("CARGO_BIN_EXE_mlpipe"));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// A command that sees nothing of the machine's settings.
    pub(crate) fn isolated(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.root()).env_clear();
        command.env("PATH", path_with_mlpipe());
        command.env("HOME", self.root().join(".git"));
        // What fails is tried again at once.
        command.env("MLPIPE_TEST_RETRY_PAUSE", "10");
        let settings = self.root().join(".git/system.yaml");
        command.env("MLPIPE_SYSTEM_CONFIG", settings);
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CEILING_DIRECTORIES", "/");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "tester");
            command.env(format!("GIT_{role}_EMAIL"), "tester@example.org");
        }
        command
    }

    /// Returns how often a stage's command has run, for commands that append to `runs.log`.
    pub(crate) fn runs(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("runs.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Git finds the mlpipe that is tested, for its hooks and its merge driver.
fn path_with_mlpipe() -> OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_mlpipe")).parent();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = own.map(Path::to_owned).into_iter();
    std::env::join_paths(folders.chain(std::env::split_paths(&path))).expect("no colons")
}

impl Output {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().expect("runs");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Asserts that it went well; returns what was printed for people.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!(
            self.code,
            Some(0),
            "stdout:\n{}stderr:\n{}",
            self.stdout,
            self.stderr
        );
        mask_times(&self.stderr)
    }

    /// Asserts that it went well; returns the data that was printed.
    #[track_caller]
    pub(crate) fn data(self) -> String {
        assert_eq!(
            self.code,
            Some(0),
            "stdout:\n{}stderr:\n{}",
            self.stdout,
            self.stderr
        );
        self.stdout
    }

    /// Asserts that it failed with this exit code; returns what was printed for people.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}stderr:\n{}",
            self.stdout,
            self.stderr
        );
        mask_times(&self.stderr)
    }
}

/// Returns the SHA-256 of a text as digits.
pub(crate) fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text);
    let write = |hex: String, byte: &u8| hex + &format!("{byte:02x}");
    digest.iter().fold(String::new(), write)
}

/// Returns all files below a folder; none where it is missing.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let inner = paths.flat_map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    });
    inner.collect()
}

/// Writes `[time]` for durations, which differ from run to run.
fn mask_times(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for index in 1..words.len() {
        let unit = words[index].split('\n').next().unwrap_or_default();
        let is_number = words[index - 1].parse::<f64>().is_ok();
        if is_number && matches!(unit.trim_end_matches([',', '.']), "ms" | "s" | "min") {
            words[index] = words[index].replacen(unit, "[time]", 1);
            words[index - 1].clear();
        }
    }
    words.join(" ").replace("  [time]", " [time]")
}

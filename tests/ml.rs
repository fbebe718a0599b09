//! Drives `mlpipe ml …` as a user does: in a folder of its own, without a network.
#![cfg(feature = "ml")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use tempfile::TempDir;

#[path = "ml/checkpoints.rs"]
mod checkpoints;
#[path = "ml/data_sets.rs"]
mod data_sets;
#[path = "ml/evaluation.rs"]
mod evaluation;
#[path = "ml/inspect.rs"]
mod inspect;
#[path = "ml/logs.rs"]
mod logs;
#[path = "ml/mlflow.rs"]
mod mlflow;
#[path = "ml/training.rs"]
mod training;

/// Nobody listens on the discard port; a connection fails at once.
const NOWHERE: &str = "http://127.0.0.1:9/";

const SYNTHETIC: &str = "\
data:
  source: synthetic
  train_count: 150
  test_count: 40
  validation: 0.2
  seed: 7
train:
  batch_size: 16
  epochs: 2
  lr: 0.005
  optimizer: adam
  seed: 42
";

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// A folder with a params file in which stages run.
struct Project {
    folder: TempDir,
    threads: Option<&'static str>,
    mirror: String,
}

impl Project {
    fn new(params: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        put(&folder.path().join("params.yaml"), params.as_bytes());
        Self {
            folder,
            threads: None,
            mirror: NOWHERE.to_owned(),
        }
    }

    fn mnist(mirror: &str) -> Self {
        let params = SYNTHETIC
            .replace("source: synthetic", "source: mnist\n  path: mnist")
            .replace("batch_size: 16", "batch_size: 128")
            .replace("validation: 0.2", "validation: 0.1")
            .replace("epochs: 2", "epochs: 1");
        Self {
            mirror: mirror.to_owned(),
            ..Self::new(&params)
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn stage(&self, stage: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlpipe"));
        command
            .arg("ml")
            .args(stage.split(' '))
            .current_dir(self.folder.path())
            .env("MLPIPE_MNIST_URL", &self.mirror)
            .env("NO_PROXY", "*")
            .env_remove("MLFLOW_TRACKING_URI")
            .env_remove("RAYON_NUM_THREADS");
        if let Some(threads) = self.threads {
            command.env("RAYON_NUM_THREADS", threads);
        }
        command.output().expect("the binary runs")
    }

    /// Runs a stage that succeeds; returns what it says.
    fn run(&self, stage: &str) -> String {
        let output = self.stage(stage);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stage} failed: {said}");
        assert!(
            output.stdout.is_empty(),
            "{stage} speaks on standard output"
        );
        said
    }

    /// Runs a stage that fails; returns its complaint.
    fn fail(&self, stage: &str) -> String {
        let output = self.stage(stage);
        assert!(!output.status.success(), "{stage} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn run_all(&self) -> Vec<(PathBuf, Vec<u8>)> {
        for stage in ["prepare", "inspect", "train", "evaluate"] {
            self.run(stage);
        }
        let mut files = files(self.folder.path(), Path::new(""));
        // Times and hosts are in there, which differ from run to run.
        files.retain(|(path, _)| !path.starts_with("logs"));
        files
    }

    /// Returns the number at `keys` of a JSON file.
    fn number(&self, file: &str, pointer: &str) -> f64 {
        let text = fs::read(self.path(file)).expect("the report");
        let report: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let number = report.pointer(pointer).and_then(serde_json::Value::as_f64);
        number.expect("a number")
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn put(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("makes the folder");
    fs::write(path, content).expect("writes");
}

/// The Python that `.ci/run` has put the packages into, else the system's.
fn python() -> PathBuf {
    let prepared = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ci-venv/bin/python");
    if prepared.exists() {
        prepared
    } else {
        "python3".into()
    }
}

/// Nobody must believe that it was tested; in CI, where all is prepared, nothing may be missing.
fn skip(what: &str, missing: &str) {
    let line = format!("SKIPPED: {what} was not checked, for there is no {missing}\n");
    assert!(std::env::var_os("CI").is_none(), "{line}");
    say(&line);
}

/// Says a line that no test's capture holds back.
fn say(line: &str) {
    let mut terminal = std::io::stderr();
    terminal
        .write_all(line.as_bytes())
        .expect("a standard error");
}

/// Returns all files below a folder, by their path in it.
fn files(root: &Path, below: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(below)).expect("a folder") {
        let entry = entry.expect("an entry");
        let path = below.join(entry.file_name());
        if entry.path().is_dir() {
            found.extend(files(root, &path));
        } else {
            found.push((path, fs::read(entry.path()).expect("a file")));
        }
    }
    found.sort();
    found
}

fn same(left: &[(PathBuf, Vec<u8>)], right: &[(PathBuf, Vec<u8>)]) {
    let names = |files: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
        files.iter().map(|(path, _)| path.clone()).collect()
    };
    assert_eq!(names(left), names(right));
    for ((path, left), (_, right)) in left.iter().zip(right) {
        assert!(left == right, "`{}` differs", path.display());
    }
}

#[test]
fn whoever_may_read_a_folder_may_read_all_that_stages_write() {
    let project = Project::new(SYNTHETIC);
    let wanted = fs::metadata(project.path("params.yaml")).expect("params");
    for (path, _) in project.run_all() {
        let found = fs::metadata(project.path(&path.to_string_lossy())).expect("a file");
        let (found, wanted) = (found.permissions(), wanted.permissions());
        assert_eq!(found, wanted, "{}", path.display());
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn quiet_stages_say_only_what_is_wrong() {
    let project = Project::new(SYNTHETIC);
    for stage in ["prepare", "inspect", "train", "evaluate", "train --resume"] {
        assert_eq!(project.run(&format!("{stage} -q")), "", "{stage}");
    }
    let checkpoint = project.path("models/checkpoints/last.safetensors");
    fs::remove_file(checkpoint).expect("removes");
    let said = project.run("train --resume -q");
    assert!(
        said.starts_with("warning: `models/checkpoints/last"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    put(
        &project.path("data/prepared/test.safetensors"),
        b"no tensors at all",
    );
    let said = project.fail("inspect -q");
    assert!(said.contains("it is no safetensors file"), "{said}");
}

#[test]
fn a_second_run_writes_the_same_bytes_with_any_number_of_threads() {
    let first = Project::new(SYNTHETIC).run_all();
    let names: Vec<_> = first
        .iter()
        .map(|(path, _)| path.to_string_lossy())
        .collect();
    let expected = [
        "data/predictions.csv",
        "data/prepared/dataset.json",
        "data/prepared/test.safetensors",
        "data/prepared/train.safetensors",
        "data/prepared/validation.safetensors",
        "models/checkpoints/.gitignore",
        "models/checkpoints/best.safetensors",
        "models/checkpoints/last.safetensors",
        "models/cnn.safetensors",
        "params.yaml",
        "reports/confused.csv",
        "reports/confusion.csv",
        "reports/data.json",
        "reports/history.csv",
        "reports/metrics.json",
        "reports/model.md",
        "reports/per_class.csv",
        "reports/train.json",
        "reports/worst.png",
    ];
    assert_eq!(names, expected);
    for threads in ["1", "2", "3"] {
        let mut project = Project::new(SYNTHETIC);
        project.threads = Some(threads);
        same(&first, &project.run_all());
    }
    // A run over the outs of an earlier one changes nothing either.
    let again = Project::new(SYNTHETIC);
    again.run_all();
    same(&first, &again.run_all());
}

#[test]
fn another_seed_gives_other_weights() {
    let weights = |params: &str| {
        let project = Project::new(params);
        project.run("prepare");
        project.run("train");
        fs::read(project.path("models/cnn.safetensors")).expect("weights")
    };
    assert_ne!(
        weights(SYNTHETIC),
        weights(&SYNTHETIC.replace("seed: 42", "seed: 43"))
    );
}

#[test]
fn gradient_descent_learns_too() {
    let project = Project::new(&SYNTHETIC.replace("adam", "sgd").replace("0.005", "0.1"));
    project.run("prepare");
    project.run("train");
    assert!(project.number("reports/train.json", "/train/loss") < 2.3);
}

#[test]
fn training_shows_its_layers_and_a_line_for_each_epoch() {
    let project = Project::new(SYNTHETIC);
    let prepared = project.run("prepare");
    let expected = "prepared data/prepared: 120 images to train, 30 to validate, 40 to test\n";
    assert_eq!(prepared, expected);
    let said = project.run("train");
    assert!(said.contains("8×8×8") && said.contains("8,898"), "{said}");
    assert!(
        said.contains("epoch 1/2: loss ") && said.contains("epoch 2/2: loss "),
        "{said}"
    );
}

#[test]
fn stages_say_which_stage_comes_first() {
    let project = Project::new(SYNTHETIC);
    assert!(
        project
            .fail("train")
            .contains("run `mlpipe ml prepare` first")
    );
    project.run("prepare");
    assert!(
        project
            .fail("evaluate")
            .contains("run `mlpipe ml train` first")
    );
    put(&project.path("models/cnn.safetensors"), b"no tensors");
    assert!(
        project
            .fail("evaluate")
            .contains("`models/cnn.safetensors`")
    );
}

#[test]
fn a_test_part_from_elsewhere_is_refused() {
    let project = Project::new(SYNTHETIC);
    project.run("prepare");
    project.run("train");
    let other = Project::new(&SYNTHETIC.replace("seed: 7", "seed: 8"));
    other.run("prepare");
    let name = "data/prepared/test.safetensors";
    put(
        &project.path(name),
        &fs::read(other.path(name)).expect("a part"),
    );
    let said = project.fail("evaluate");
    assert!(said.contains("tells of another test part"), "{said}");
}

#[test]
fn a_learning_rate_that_is_too_high_is_named() {
    let project = Project::new(&SYNTHETIC.replace("lr: 0.005", "lr: 1e30"));
    project.run("prepare");
    let said = project.fail("train");
    assert!(said.contains("try a smaller `train.lr`"), "{said}");
    assert!(!project.path("models/cnn.safetensors").exists());
}

#[test]
fn mistakes_in_the_params_have_their_place() {
    let project = Project::new(&SYNTHETIC.replace("epochs: 2", "epocs: 2"));
    project.run("prepare");
    let said = project.fail("train");
    assert!(
        said.contains("unknown key `epocs`") && said.contains("params.yaml:9:3"),
        "{said}"
    );
}

#[test]
fn without_a_network_the_missing_files_are_listed() {
    let project = Project::mnist(NOWHERE);
    let said = project.fail("prepare");
    assert!(FILES.iter().all(|name| said.contains(name)), "{said}");
    assert!(said.contains("MNIST is not in `mnist`"), "{said}");
}

#[test]
fn a_corrupt_file_is_named_with_what_to_do() {
    let Some(shared) = shared_mnist() else { return };
    let project = Project::mnist(NOWHERE);
    for name in FILES {
        put(
            &project.path("mnist").join(name),
            &fs::read(shared.join(name)).expect("a file"),
        );
    }
    let labels = project.path("mnist").join(FILES[1]);
    let whole = fs::read(&labels).expect("labels");
    put(&labels, &whole[..whole.len() / 2]);
    let said = project.fail("prepare");
    assert!(
        said.contains("`mnist/train-labels-idx1-ubyte.gz` cannot be unpacked; delete it"),
        "{said}"
    );
    put(
        &labels,
        &fs::read(shared.join(FILES[3])).expect("other labels"),
    );
    let said = project.fail("prepare");
    assert!(
        said.contains("`mnist/train-labels-idx1-ubyte.gz` is not the file of MNIST"),
        "{said}"
    );
    assert!(
        said.contains("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        "{said}"
    );
    assert!(
        said.contains("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        "{said}"
    );
    assert!(!project.path("data/prepared").exists());
}

#[test]
fn what_a_mirror_delivers_is_verified_before_it_gets_a_name() {
    let project = Project::mnist(&serve(|_| Some(b"a login page".to_vec())));
    let said = project.fail("prepare");
    assert!(
        said.contains("gave something that is not the file of MNIST"),
        "{said}"
    );
    assert!(!project.path("mnist").join(FILES[0]).exists());
    let project = Project::mnist(&serve(|_| None));
    assert!(project.fail("prepare").contains("404"));
}

/// Downloads, prepares, trains one epoch and evaluates, all on the real images.
#[test]
fn mnist_is_fetched_and_learned_in_one_epoch() {
    let Some(shared) = shared_mnist() else { return };
    let project = Project::mnist(&serve(move |name| fs::read(shared.join(name)).ok()));
    let said = project.run("prepare");
    assert!(
        said.contains("54,000 images to train, 6,000 to validate, 10,000 to test"),
        "{said}"
    );
    assert!(
        FILES
            .iter()
            .all(|name| said.contains(&format!("/{name}\n"))),
        "{said}"
    );
    // What is there is not fetched again.
    assert!(!project.run("prepare").contains("downloading"));
    project.run("train");
    project.run("evaluate");
    assert!(project.number("reports/train.json", "/train/accuracy") > 0.95);
    assert!(project.number("reports/metrics.json", "/accuracy") > 0.97);
    assert!(project.number("reports/metrics.json", "/macro/f1") > 0.97);
}

#[test]
fn the_digest_is_one_of_sha_256() {
    let output = Project::new("").stage("digest");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.len(), 65);
    assert!(text.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()));
}

/// Returns the folder with the real MNIST, or says that it is not there.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn shared_mnist() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/mnist");
    let folder = std::env::var_os("MLPIPE_TEST_MNIST").map_or_else(default, PathBuf::from);
    if folder.join(FILES[0]).is_file() {
        Some(folder)
    } else {
        eprintln!(
            "SKIPPED: MNIST is not in {} (set MLPIPE_TEST_MNIST)",
            folder.display()
        );
        None
    }
}

/// Serves files over HTTP on a free port; returns the address.
fn serve(file: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that hangs up early is not the server's trouble.
            answer(stream, &file).unwrap_or_default();
        }
    });
    format!("http://{address}/")
}

fn answer(mut stream: TcpStream, file: impl Fn(&str) -> Option<Vec<u8>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines.by_ref() {
        if line?.is_empty() {
            break;
        }
    }
    let name = request
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .trim_start_matches('/');
    let (status, body) = match file(name) {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}

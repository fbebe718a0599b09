//! What MLflow's own client reads from MLflow's own server after a training and an evaluation.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Project, SYNTHETIC, python, skip};

/// How an oracle ends where a package is missing.
const NO_PACKAGES: i32 = 77;

/// A tracking server; its whole process group ends with it.
struct Server {
    group: Child,
    address: String,
}

impl Server {
    /// Starts a server that keeps all in `folder`, and waits until it answers.
    fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut command = Command::new(interpreter());
        command
            .args(["-m", "mlflow", "server", "--workers", "1", "--port"])
            .arg(port.to_string())
            .args(["--backend-store-uri", "sqlite:///runs.db"])
            .args(["--artifacts-destination", "artifacts"])
            .current_dir(folder)
            .envs(QUIET)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let mut server = Self {
            group: command.spawn().expect("the server starts"),
            address: format!("127.0.0.1:{port}"),
        };
        let start = Instant::now();
        while TcpStream::connect(&server.address).is_err() {
            let ended = server.group.try_wait().expect("its state");
            assert_eq!(ended, None, "it ends at once: does it lack a package?");
            assert!(
                start.elapsed() < Duration::from_mins(2),
                "it does not answer"
            );
            thread::sleep(Duration::from_millis(100));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.group.id().cast_signed());
        let killed = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        killed.expect("the server is there");
        self.group.wait().expect("it ends");
    }
}

/// It is to start no jobs of its own, and to tell nobody of us.
const QUIET: [(&str, &str); 4] = [
    ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false"),
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
    ("DO_NOT_TRACK", "true"),
    ("NO_PROXY", "*"),
];

/// The Python that has MLflow: another one may be named.
fn interpreter() -> PathBuf {
    std::env::var_os("MLPIPE_TEST_MLFLOW_PYTHON").map_or_else(python, PathBuf::from)
}

fn oracle(arguments: &[&str]) -> Option<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/mlflow_reads.py");
    let mut command = Command::new(interpreter());
    let output = command.arg(script).args(arguments).envs(QUIET).output();
    output
        .ok()
        .filter(|output| output.status.code() != Some(NO_PACKAGES))
}

#[test]
fn mlflows_own_client_reads_runs_params_metrics_and_artifacts() {
    if oracle(&[]).is_none() {
        return skip(
            "what MLflow is told",
            "python3 with MLflow (or MLPIPE_TEST_MLFLOW_PYTHON)",
        );
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path());
    let address = format!("http://{}", server.address);
    let project = Project::new(SYNTHETIC);
    project.run("prepare");
    for stage in ["train", "evaluate"] {
        let said = project.run(&format!(
            "{stage} --mlflow-uri {address} --mlflow-experiment digits"
        ));
        assert!(!said.contains("warning"), "{said}");
    }
    let fetched = folder.path().to_string_lossy();
    let output = oracle(&[&address, "digits", &fetched]).expect("the packages are there");
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["status"], "FINISHED");
    assert_eq!(found["params"]["train.optimizer"], "adam");
    assert_eq!(found["params"]["train.lr"], "0.005");
    assert_eq!(found["tags"]["mlflow.source.name"], "mlpipe");
    let losses = found["metrics"]["validation_loss"]
        .as_array()
        .expect("a history");
    assert_eq!(losses.len(), 2, "{found}");
    let told = project.number("reports/train.json", "/validation/loss");
    let last = losses[1][1].as_f64().expect("a loss");
    assert!((told - last).abs() < 1e-5 * told, "{told} {last}");
    assert_eq!(losses[1][0], 2, "the step is the epoch");
    let accuracy = project.number("reports/metrics.json", "/accuracy");
    let test = &found["metrics"]["test_accuracy"];
    assert_eq!(test[0][0], 2, "tested after the last epoch: {found}");
    assert!((test[0][1].as_f64().expect("a score") - accuracy).abs() < 1e-5);
    assert_eq!(
        found["artifacts"],
        json!({"confusion.png": "89504e470d0a1a0a"})
    );
}

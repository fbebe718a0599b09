//! The logs that other programs read: TensorBoard's event files, and MLflow's server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::{Project, SYNTHETIC, python, skip};

/// How an oracle ends where a package is missing.
const NO_PACKAGES: i32 = 77;

/// Returns the folder of the only run.
fn run_folder(project: &Project) -> PathBuf {
    let logs = project.path("logs");
    let name = std::fs::read_to_string(logs.join("last")).expect("a last run");
    let runs = std::fs::read_dir(&logs).expect("logs");
    let runs = runs.filter(|entry| entry.as_ref().expect("an entry").path().is_dir());
    assert_eq!(runs.count(), 1, "evaluate adds to the run of train");
    logs.join(name.trim())
}

/// Returns the steps of a series.
fn steps(series: &Value) -> Vec<u64> {
    let points = series.as_array().expect("a series");
    let steps = points.iter().map(|point| point[0].as_u64());
    steps.collect::<Option<_>>().expect("whole numbers")
}

#[test]
fn tensorboard_reads_scalars_the_confusion_matrix_and_hyperparameters() {
    let project = Project::new(SYNTHETIC);
    for stage in ["prepare", "train", "evaluate"] {
        project.run(stage);
    }
    let folder = run_folder(&project);
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/tensorboard_reads.py");
    let output = match Command::new(python()).arg(oracle).arg(folder).output() {
        Ok(output) if output.status.code() != Some(NO_PACKAGES) => output,
        _ => return skip("event files", "python3 with tensorboard"),
    };
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let losses = &found["scalars"]["validation/loss"];
    assert_eq!(steps(losses), [1, 2], "the steps are the epochs");
    let told = project.number("reports/train.json", "/validation/loss");
    let last = losses[1][1].as_f64().expect("a loss");
    assert!((told - last).abs() < 1e-5 * told, "{told} {last}");
    assert_eq!(steps(&found["scalars"]["batch/loss"]).len(), 4);
    let tested = &found["scalars"]["test/accuracy"];
    assert_eq!(steps(tested), [2], "tested after the last epoch");
    assert_eq!(
        found["images"]["test/confusion"],
        json!([2, 240, 240, "89504e470d0a1a0a"]),
        "drawn after the last epoch"
    );
    assert_eq!(found["settings"]["train.lr"], 0.005);
    assert_eq!(found["settings"]["train.optimizer"], "adam");
    assert_eq!(found["status"], 1, "the session succeeded");
    assert_eq!(found["metrics"][0], "validation/accuracy");
}

#[test]
fn logs_that_cannot_be_written_stop_no_training() {
    let project = Project::new(SYNTHETIC);
    project.run("prepare");
    super::put(&project.path("taken"), b"a file where the folder should be");
    let said = project.run("train --logs taken");
    assert!(
        said.contains("warning: the run goes on and writes no logs"),
        "{said}"
    );
    assert!(project.path("models/cnn.safetensors").exists());
}

/// What a server was asked: the call and its body.
type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// Answers as MLflow does; `up` says whether it is willing.
fn server(up: impl Fn(&str) -> bool + Send + 'static) -> (String, Calls) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let calls = Calls::default();
    let heard = Arc::clone(&calls);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream, &heard, &up).unwrap_or_default();
        }
    });
    (address, calls)
}

fn answer(mut stream: TcpStream, calls: &Calls, up: &impl Fn(&str) -> bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = request.split(' ').nth(1).unwrap_or_default();
    let call = path.split("/mlflow/").nth(1).unwrap_or_default();
    let call = call.split('?').next().unwrap_or_default().to_owned();
    let (status, answer) = match call.as_str() {
        _ if !up(&call) => (
            "503 Service Unavailable",
            json!({"message": "away for lunch"}),
        ),
        "experiments/get-by-name" => (
            "404 Not Found",
            json!({"error_code": "RESOURCE_DOES_NOT_EXIST"}),
        ),
        "experiments/create" => ("200 OK", json!({"experiment_id": "7"})),
        "runs/create" => ("200 OK", json!({"run": {"info": {"run_id": "abc"}}})),
        _ => ("200 OK", json!({})),
    };
    if status == "200 OK" {
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        calls.lock().expect("nobody panicked").push((call, body));
    }
    let text = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )
}

/// Returns all values of a kind that were sent, with their keys.
fn sent(calls: &Calls, kind: &str) -> Vec<(String, Value)> {
    let calls = calls.lock().expect("nobody panicked");
    let batches = calls.iter().filter(|(call, _)| call == "runs/log-batch");
    let items = batches.flat_map(|(_, body)| body[kind].as_array().cloned().unwrap_or_default());
    items
        .map(|item| {
            (
                item["key"].as_str().unwrap_or_default().to_owned(),
                item["value"].clone(),
            )
        })
        .collect()
}

#[test]
fn mlflow_is_told_of_params_metrics_and_the_end() {
    let (address, calls) = server(|_| true);
    let project = Project::new(SYNTHETIC);
    project.run("prepare");
    let said = project.run(&format!("train --mlflow-uri {address}"));
    assert!(!said.contains("warning"), "{said}");
    let made: Vec<String> = calls
        .lock()
        .expect("calls")
        .iter()
        .map(|(call, _)| call.clone())
        .collect();
    assert_eq!(made[..2], ["experiments/create", "runs/create"]);
    assert_eq!(made.last().map(String::as_str), Some("runs/update"));
    let end = calls
        .lock()
        .expect("calls")
        .last()
        .expect("a call")
        .1
        .clone();
    assert_eq!(end["status"], "FINISHED");
    let params = sent(&calls, "params");
    assert!(
        params.contains(&("train.optimizer".to_owned(), json!("adam"))),
        "{params:?}"
    );
    let metrics = sent(&calls, "metrics");
    assert_eq!(
        metrics
            .iter()
            .filter(|(key, _)| key == "validation_loss")
            .count(),
        2
    );
    // The stage that evaluates adds to the same run.
    project.run(&format!("evaluate --mlflow-uri {address}"));
    let runs = calls
        .lock()
        .expect("calls")
        .iter()
        .filter(|(call, _)| call == "runs/create")
        .count();
    assert_eq!(runs, 1);
    let calls = calls.lock().expect("calls");
    let metrics = calls
        .iter()
        .filter_map(|(_, body)| body["metrics"].as_array());
    let tested = metrics.flatten().find(|it| it["key"] == "test_accuracy");
    let tested = tested.expect("a score of the test part");
    assert_eq!(tested["step"], 2, "tested after the last epoch");
}

#[test]
fn a_server_that_is_down_loses_no_training() {
    let project = Project::new(SYNTHETIC);
    project.run("prepare");
    let said = project.run("train --mlflow-uri http://me:secret@127.0.0.1:9");
    assert!(
        said.contains("warning: MLflow at http://127.0.0.1:9 "),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
    assert!(project.path("models/cnn.safetensors").exists());
    let said = project.run("train --mlflow-uri file:///tmp/mlruns");
    assert!(
        said.contains("must begin with http:// or https://"),
        "{said}"
    );
}

#[test]
fn a_server_that_comes_back_is_told_everything() {
    let asked = Mutex::new(0);
    let (address, calls) = server(move |_| {
        let mut asked = asked.lock().expect("nobody panicked");
        *asked += 1;
        *asked > 2
    });
    let project = Project::new(SYNTHETIC);
    project.run("prepare");
    let said = project.run(&format!("train --mlflow-uri {address}"));
    assert!(
        said.contains("503 Service Unavailable: away for lunch"),
        "{said}"
    );
    assert!(!said.contains("was not told of the end"), "{said}");
    let metrics = sent(&calls, "metrics");
    assert_eq!(
        metrics
            .iter()
            .filter(|(key, _)| key == "train_loss")
            .count(),
        2
    );
}

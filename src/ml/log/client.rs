//! `Client`: the few calls of MLflow's REST API that a run needs.
//!
//! <https://mlflow.org/docs/latest/api_reference/rest-api.html>

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{RequestBuilder, Response};
use serde_json::{Value, json};

/// A server that does not answer must not hold a training up for long.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(3);

/// A tracking server and what runs are filed under.
pub(crate) struct Server {
    /// Its address, as in `http://localhost:5000`.
    pub(crate) uri: String,
    /// The name of the experiment; it is made where it is missing.
    pub(crate) experiment: String,
    /// What the server wants to know us by.
    pub(crate) access: Access,
}

/// How a server knows us; nothing of it is ever printed.
pub(crate) enum Access {
    /// It asks for nothing.
    Open,
    /// A name and a password.
    Password { name: String, password: String },
    /// A token.
    Token(String),
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// A call failed; the message is for people.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

/// Speaks to a server.
pub(super) struct Client {
    server: Server,
    http: reqwest::blocking::Client,
}

impl Client {
    /// Makes a client; nothing is sent yet.
    pub(super) fn new(server: Server) -> Result<Self, Failure> {
        if !server.uri.starts_with("http://") && !server.uri.starts_with("https://") {
            let what = "its address must begin with http:// or https://";
            return Err(Failure(what.to_owned()));
        }
        let builder = reqwest::blocking::Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(CONNECT);
        let http = builder
            .build()
            .map_err(|error| Failure(innermost(&error)))?;
        Ok(Self { server, http })
    }

    /// Returns the id of the experiment, which is made where it is missing.
    pub(super) fn experiment(&self) -> Result<String, Failure> {
        let name = &self.server.experiment;
        let request = self.http.get(self.address("experiments/get-by-name"));
        let request = request.query(&[("experiment_name", name)]);
        let response = self.send(request)?;
        if response.status() == StatusCode::NOT_FOUND {
            let made = self.post("experiments/create", &json!({ "name": name }))?;
            return string(&made, "/experiment_id");
        }
        string(&answer(response)?, "/experiment/experiment_id")
    }

    /// Begins a run; returns its id.
    pub(super) fn create_run(
        &self,
        experiment: &str,
        name: &str,
        start: u64,
    ) -> Result<String, Failure> {
        let body = json!({"experiment_id": experiment, "run_name": name, "start_time": start});
        string(&self.post("runs/create", &body)?, "/run/info/run_id")
    }

    /// Adds metrics, parameters and tags to a run; the server takes 1,000 of them at a time.
    pub(super) fn log_batch(
        &self,
        run: &str,
        metrics: &[Value],
        params: &[Value],
        tags: &[Value],
    ) -> Result<(), Failure> {
        let body = json!({"run_id": run, "metrics": metrics, "params": params, "tags": tags});
        self.post("runs/log-batch", &body).map(drop)
    }

    /// Says how a run ended.
    pub(super) fn end_run(&self, run: &str, status: &str, end: u64) -> Result<(), Failure> {
        let body = json!({"run_id": run, "status": status, "end_time": end});
        self.post("runs/update", &body).map(drop)
    }

    /// Keeps a file with a run, where the server takes files itself; other storage is the business
    /// of MLflow's own client.
    pub(super) fn put_artifact(&self, run: &str, name: &str, file: &[u8]) -> Result<(), Failure> {
        let request = self.http.get(self.address("runs/get"));
        let response = self.send(request.query(&[("run_id", run)]))?;
        let found = answer(response)?;
        let folder = found.pointer("/run/info/artifact_uri");
        let folder = folder.and_then(|uri| uri.as_str()?.strip_prefix("mlflow-artifacts:/"));
        let Some(folder) = folder.filter(|folder| !folder.starts_with('/')) else {
            return Ok(());
        };
        let server = self.server.uri.trim_end_matches('/');
        let address = format!("{server}/api/2.0/mlflow-artifacts/artifacts/{folder}/{name}");
        let response = self.send(self.http.put(address).body(file.to_vec()))?;
        answer(response).map(drop)
    }

    fn post(&self, call: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.http.post(self.address(call));
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        answer(self.send(request)?)
    }

    fn address(&self, call: &str) -> String {
        format!(
            "{}/api/2.0/mlflow/{call}",
            self.server.uri.trim_end_matches('/')
        )
    }

    fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = self.authorised(request).send();
        response.map_err(|error| Failure(innermost(&error)))
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.server.access {
            Access::Open => request,
            Access::Password { name, password } => request.basic_auth(name, Some(password)),
            Access::Token(token) => request.bearer_auth(token),
        }
    }
}

fn answer(response: Response) -> Result<Value, Failure> {
    let status = response.status();
    let text = response
        .text()
        .map_err(|error| Failure(innermost(&error)))?;
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(body);
    }
    let why = body["message"].as_str().unwrap_or("it does not say why");
    Err(Failure(format!("it answers {status}: {why}")))
}

fn string(value: &Value, pointer: &str) -> Result<String, Failure> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Failure("its answer is not that of MLflow".to_owned()))
}

/// Returns the cause at the bottom, which says what happened; no address is in it, for an address may
/// hold a password.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

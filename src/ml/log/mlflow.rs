//! `Mlflow`: a run on a tracking server, told by a thread of its own, so that training never waits.
//!
//! What cannot be sent is kept and tried again with the next epoch and at the end.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use serde_json::{Value as Json, json};

use super::client::{Client, Failure, Server};
use super::moment::Moment;
use crate::base::fs;
use crate::base::value::Value;
use crate::ml::event::{Event, Score};
use crate::ml::grid;

/// A point of the series of batches every few batches: a curve needs no more.
const EVERY: usize = 20;
/// The server takes so many metrics at a time, and a tenth of that in params.
const METRICS_AT_ONCE: usize = 900;
const PARAMS_AT_ONCE: usize = 100;
/// Longer values are refused.
const LONGEST: usize = 6000;

enum Order {
    Keep(Vec<Json>),
    Picture(Picture),
    Send,
    End(Option<&'static str>),
}

/// An image that belongs to a run.
struct Picture {
    name: &'static str,
    png: Vec<u8>,
}

/// What is known of a run when a stage begins.
pub(super) struct About {
    /// The file that the run's id is kept in, and that a run which goes on is known by.
    pub(super) record: PathBuf,
    pub(super) params: Vec<(String, Value)>,
    pub(super) tags: Vec<(String, String)>,
    /// The epochs that it has had.
    pub(super) epochs: usize,
}

/// A run, and the thread that tells of it.
pub(super) struct Mlflow {
    orders: Sender<Order>,
    failures: Receiver<String>,
    teller: JoinHandle<Option<String>>,
    epoch: usize,
    /// Whether the stage trains, with whose end the run ends.
    trains: bool,
}

impl Mlflow {
    /// Begins to tell.
    pub(super) fn begin(server: Server, about: About) -> Self {
        let epoch = about.epochs;
        let (orders, received) = channel();
        let (failed, failures) = channel();
        let teller = thread::spawn(move || {
            let mut teller = Teller::new(server, about);
            for order in received {
                match order {
                    Order::Keep(metrics) => teller.metrics.extend(metrics),
                    Order::Picture(picture) => teller.pictures.push(picture),
                    Order::Send => teller.send(&failed),
                    Order::End(status) => return teller.end(status),
                }
            }
            None
        });
        Self {
            orders,
            failures,
            teller,
            epoch,
            trains: false,
        }
    }

    /// Tells what happened.
    pub(super) fn record(&mut self, event: &Event) {
        match event {
            Event::Started { .. } => {
                self.trains = true;
                self.order(Order::Send);
            }
            Event::Batch(at) if at.batch.is_multiple_of(EVERY) || at.batch == at.batches => {
                let step = (at.epoch - 1) * at.batches + at.batch;
                self.order(Order::Keep(scores("batch", at.mean, step)));
            }
            Event::Epoch(end) => {
                self.epoch = end.epoch;
                let mut metrics = scores("train", end.train, end.epoch);
                metrics.extend(scores("validation", end.validation, end.epoch));
                self.order(Order::Keep(metrics));
                self.order(Order::Send);
            }
            Event::Evaluated {
                test,
                speed,
                confusion,
                ..
            } => {
                let mut metrics = scores("test", *test, self.epoch);
                metrics.extend(metric("latency_us", speed.latency_us, self.epoch));
                metrics.extend(metric(
                    "images_per_second",
                    speed.images_per_second,
                    self.epoch,
                ));
                self.order(Order::Keep(metrics));
                if let Some(counts) = confusion {
                    self.order(Order::Picture(Picture {
                        name: "confusion.png",
                        png: grid::heat(counts).png,
                    }));
                }
            }
            _ => {}
        }
    }

    /// Returns what went wrong first, if it has not been told yet.
    pub(super) fn warning(&mut self) -> Option<String> {
        self.failures.try_recv().ok()
    }

    /// Ends the run; returns what went wrong on the way and was not told yet, and what the server
    /// does not know.
    pub(super) fn finish(self, succeeded: bool) -> Vec<String> {
        let status = match (succeeded, self.trains) {
            (true, true) => Some("FINISHED"),
            (false, true) => Some("FAILED"),
            (_, false) => None,
        };
        self.order(Order::End(status));
        let Self {
            teller, failures, ..
        } = self;
        let unknown = teller.join().unwrap_or_else(|_| {
            Some("the thread that tells MLflow of the run broke down".to_owned())
        });
        failures.try_iter().chain(unknown).collect()
    }

    fn order(&self, order: Order) {
        // A teller that is gone is found out when the run ends.
        drop(self.orders.send(order));
    }
}

struct Teller {
    client: Result<Client, Failure>,
    address: String,
    record: PathBuf,
    run: Option<String>,
    metrics: Vec<Json>,
    params: Vec<Json>,
    tags: Vec<Json>,
    pictures: Vec<Picture>,
    start: u64,
    has_warned: bool,
    /// Whether the run is one that an earlier stage began.
    is_joined: bool,
}

impl Teller {
    fn new(server: Server, about: About) -> Self {
        let About {
            record,
            params,
            tags,
            ..
        } = about;
        let address = without_secrets(&server.uri);
        let run = known_run(&record, &address);
        let pair = |key: &str, value: &str| {
            let value: String = value.chars().take(LONGEST).collect();
            json!({"key": name(key), "value": value})
        };
        Self {
            client: Client::new(server),
            is_joined: run.is_some(),
            // The params of a run can be set once.
            params: match run {
                Some(_) => Vec::new(),
                None => params
                    .iter()
                    .map(|(key, value)| pair(key, &text(value)))
                    .collect(),
            },
            tags: tags.iter().map(|(key, value)| pair(key, value)).collect(),
            address,
            record,
            run,
            metrics: Vec::new(),
            pictures: Vec::new(),
            start: Moment::now().milliseconds(),
            has_warned: false,
        }
    }

    /// Sends what is there; what fails is told once.
    fn send(&mut self, failed: &Sender<String>) {
        let Err(Failure(why)) = self.try_send() else {
            return;
        };
        if !self.has_warned {
            self.has_warned = true;
            let warning = format!(
                "MLflow at {} is not told for now, and training goes on: {why}",
                self.address
            );
            // With nobody to warn, the end still tells.
            drop(failed.send(warning));
        }
    }

    fn try_send(&mut self) -> Result<(), Failure> {
        let client = self
            .client
            .as_ref()
            .map_err(|Failure(why)| Failure(why.clone()))?;
        let run = if let Some(run) = &self.run {
            run.clone()
        } else {
            let experiment = client.experiment()?;
            let name = self.record.parent().and_then(|folder| folder.file_name());
            let name = name.unwrap_or_default().to_string_lossy();
            let run = client.create_run(&experiment, &name, self.start)?;
            self.run = Some(run.clone());
            remember(&self.record, &self.address, &run);
            run
        };
        client.log_batch(&run, &[], &[], &self.tags)?;
        self.tags.clear();
        while !self.params.is_empty() {
            let now = self.params.len().min(PARAMS_AT_ONCE);
            client.log_batch(&run, &[], &self.params[..now], &[])?;
            self.params.drain(..now);
        }
        while !self.metrics.is_empty() {
            let now = self.metrics.len().min(METRICS_AT_ONCE);
            client.log_batch(&run, &self.metrics[..now], &[], &[])?;
            self.metrics.drain(..now);
        }
        while let Some(picture) = self.pictures.last() {
            client.put_artifact(&run, picture.name, &picture.png)?;
            self.pictures.pop();
        }
        Ok(())
    }

    /// Sends the rest and ends the run; returns what could not be told.
    fn end(&mut self, status: Option<&str>) -> Option<String> {
        let sent = self.try_send().and_then(|()| {
            // The run of an earlier stage has its end already; one of our own gets it now.
            let status = match status {
                None if self.is_joined => return Ok(()),
                status => status.unwrap_or("FINISHED"),
            };
            match (&self.client, &self.run) {
                (Ok(client), Some(run)) => {
                    client.end_run(run, status, Moment::now().milliseconds())
                }
                _ => Ok(()),
            }
        });
        let Failure(why) = sent.err()?;
        let (address, count) = (&self.address, self.metrics.len());
        Some(format!(
            "MLflow at {address} was not told of the end of the run, nor of {count} values: {why}; the event file has them"
        ))
    }
}

/// Returns the run that an earlier stage told the same server of.
fn known_run(record: &Path, address: &str) -> Option<String> {
    let bytes = fs::read(record).ok().flatten()?;
    let known: Json = serde_json::from_slice(&bytes).ok()?;
    (known["server"] == address).then(|| known["run"].as_str().map(str::to_owned))?
}

fn remember(record: &Path, address: &str, run: &str) {
    let text = format!("{}\n", json!({"server": address, "run": run}));
    // Without the file, `evaluate` begins a run of its own: nothing is lost.
    drop(fs::write_atomic(record, text.as_bytes()));
}

fn scores(prefix: &str, score: Score, step: usize) -> Vec<Json> {
    let pairs = [("accuracy", score.accuracy), ("loss", score.loss)];
    let metrics = pairs.map(|(key, value)| metric(&format!("{prefix}_{key}"), value, step));
    metrics.into_iter().flatten().collect()
}

/// Writes a metric; what is no finite number has no JSON.
fn metric(key: &str, value: f64, step: usize) -> Option<Json> {
    let now = Moment::now().milliseconds();
    value
        .is_finite()
        .then(|| json!({"key": key, "value": value, "timestamp": now, "step": step}))
}

/// Returns a value as people wrote it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        value => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// Returns a name that the server takes: letters, digits and a few signs.
fn name(key: &str) -> String {
    let is_fine = |c: char| c.is_alphanumeric() || "_-. /".contains(c);
    key.chars()
        .map(|c| if is_fine(c) { c } else { '_' })
        .collect()
}

/// Returns an address without the name and password that may be in it.
fn without_secrets(uri: &str) -> String {
    match uri.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            let slash = if path.is_empty() { "" } else { "/" };
            format!("{scheme}://{host}{slash}{path}")
        }
        None => uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_secrets() {
        let shown = without_secrets("https://me:secret@host:5000/base");
        assert_eq!(shown, "https://host:5000/base");
        assert_eq!(without_secrets("http://host"), "http://host");
    }

    #[test]
    fn what_is_no_number_is_not_sent() {
        assert!(metric("loss", f64::NAN, 1).is_none());
        assert_eq!(metric("loss", 0.5, 1).expect("a metric")["value"], 0.5);
    }
}

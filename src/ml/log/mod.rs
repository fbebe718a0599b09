//! Logs of a training for other programs: event files for TensorBoard, runs for MLflow.
//!
//! They listen to events, as the display does; the stages know nothing of them. No log is worth a
//! training: what cannot be written or sent is a warning.

mod client;
mod crc32c;
mod event_file;
mod messages;
mod mlflow;
mod moment;
mod tensorboard;

use std::path::{Path, PathBuf};

pub(crate) use client::{Access, Server};
use mlflow::{About, Mlflow};
use tensorboard::TensorBoard;

use crate::base::fs;
use crate::base::value::Value;
use crate::base::yaml;
use crate::ml::event::Event;

/// What the folder of the last run is called, in a file of this name.
const LAST: &str = "last";
/// How many epochs a run has had; what comes after training belongs to the last one.
const EPOCH: &str = "epoch";
/// Which run of a server a folder belongs to.
const MLFLOW: &str = "mlflow.json";

/// Where logs go.
pub(crate) struct Logging {
    /// The folder with one folder for each run.
    pub(crate) folder: PathBuf,
    /// The params file, whose values are the run's.
    pub(crate) params: PathBuf,
    /// The server that is told, if one is.
    pub(crate) server: Option<Server>,
    /// What else is known of the run, as the commit; each becomes a tag.
    pub(crate) tags: Vec<(String, String)>,
}

/// Whether a stage begins a run of its own or adds to the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// Begins one.
    New,
    /// Adds to the last one, if there is one.
    Last,
}

/// A log could not be written or sent; the message is for people.
pub(crate) struct Warning(pub(crate) String);

/// The logs of one stage.
pub(crate) struct Logs {
    tensorboard: Option<TensorBoard>,
    mlflow: Option<Mlflow>,
    /// The file that keeps the epoch for the stages that come.
    epoch: Option<PathBuf>,
    warnings: Vec<Warning>,
}

impl Logs {
    /// Opens the logs; what cannot be opened is warned of with the first event.
    pub(crate) fn open(task: Logging, run: Run) -> Self {
        let mut logs = Self {
            tensorboard: None,
            mlflow: None,
            epoch: None,
            warnings: Vec::new(),
        };
        let folder = match run_folder(&task.folder, run) {
            Ok(folder) => folder,
            Err(error) => {
                logs.warn("writes no logs", &error);
                return logs;
            }
        };
        let params = params(&task.params);
        let epoch = folder.join(EPOCH);
        let epochs = epochs_so_far(&epoch);
        logs.epoch = Some(epoch);
        match TensorBoard::create(&folder, epochs) {
            Ok(mut board) => {
                // A run that goes on has told its parameters already.
                let told = match run {
                    Run::New => board.hyperparameters(&params),
                    Run::Last => Ok(()),
                };
                logs.tensorboard = Some(board);
                logs.check(told);
            }
            Err(error) => logs.warn("writes no event file", &error),
        }
        if let Some(server) = task.server {
            let record = folder.join(MLFLOW);
            let about = About {
                record,
                params,
                tags: task.tags,
                epochs,
            };
            logs.mlflow = Some(Mlflow::begin(server, about));
        }
        logs
    }

    /// Writes down what happened; returns what has gone wrong since the last time.
    pub(crate) fn record(&mut self, event: &Event) -> Vec<Warning> {
        if let Some(board) = &mut self.tensorboard {
            let written = board.record(event);
            self.check(written);
        }
        if let Event::Epoch(end) = event
            && let Some(path) = self.epoch.take()
        {
            match fs::write_replaceable(&path, format!("{}\n", end.epoch).as_bytes()) {
                Ok(()) => self.epoch = Some(path),
                Err(error) => self.warn("does not note its epoch", &error),
            }
        }
        if let Some(mlflow) = &mut self.mlflow {
            mlflow.record(event);
            self.warnings.extend(mlflow.warning().map(Warning));
        }
        std::mem::take(&mut self.warnings)
    }

    /// Ends the run, waiting a little for what is still on its way; returns what went wrong.
    pub(crate) fn finish(mut self, succeeded: bool) -> Vec<Warning> {
        if let Some(mut board) = self.tensorboard.take() {
            let written = board.finish(succeeded);
            self.check(written);
        }
        if let Some(mlflow) = self.mlflow.take() {
            self.warnings
                .extend(mlflow.finish(succeeded).into_iter().map(Warning));
        }
        self.warnings
    }

    /// Gives the event file up once it cannot be written.
    fn check(&mut self, written: Result<(), fs::Error>) {
        if let Err(error) = written {
            self.tensorboard = None;
            self.warn("stops writing its event file", &error);
        }
    }

    fn warn(&mut self, what: &str, error: &fs::Error) {
        let warning = format!("the run goes on and {what}: {error}: {}", error.source);
        self.warnings.push(Warning(warning));
    }
}

/// Returns the folder of a run, and makes it the last one.
fn run_folder(logs: &Path, run: Run) -> Result<PathBuf, fs::Error> {
    let last = logs.join(LAST);
    if run == Run::Last
        && let Some(name) = fs::read(&last)?.and_then(|bytes| String::from_utf8(bytes).ok())
        && fs::exists(&logs.join(name.trim()))?
    {
        return Ok(logs.join(name.trim()));
    }
    let name = format!(
        "{}-{}",
        moment::Moment::now().file_name(),
        std::process::id()
    );
    fs::make_folder(&logs.join(&name))?;
    // Nobody means to commit logs.
    let ignored = logs.join(".gitignore");
    if !fs::exists(&ignored)? {
        fs::write_atomic(&ignored, b"*\n")?;
    }
    fs::write_atomic(&last, format!("{name}\n").as_bytes())?;
    Ok(logs.join(name))
}

/// Reads how many epochs the run has had; a new one has had none.
fn epochs_so_far(path: &Path) -> usize {
    let bytes = fs::read(path).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.trim().parse().unwrap_or(0)
}

/// Returns the params file's values by their dotted keys; a file that cannot be read has none, for
/// the stage itself will say so.
fn params(path: &Path) -> Vec<(String, Value)> {
    let text = fs::read(path)
        .ok()
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let tree = text.and_then(|text| yaml::parse("params", &text).ok());
    let leaves = tree.as_ref().map(Value::flatten).unwrap_or_default();
    leaves
        .into_iter()
        .map(|(key, value)| (key, value.clone()))
        .collect()
}

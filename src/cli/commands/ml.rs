//! `mlpipe ml …`: the built-in training stages as commands.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::base::fs;
use crate::base::source::Snapshot as _;
use crate::cli::commands::Context;
use crate::cli::error::CliError;
use crate::cli::ui::training::TrainingDisplay;
use crate::ml::{
    Access, Base, Error, Evaluation, Event, Inspection, Logging, Logs, Preparation, Run, Server,
    Start, Training, code_digest, evaluate, inspect, prepare, train,
};

#[derive(Debug, Args)]
pub(crate) struct MlArgs {
    #[command(subcommand)]
    stage: Stage,
}

#[derive(Debug, Subcommand)]
enum Stage {
    /// Render or fetch the images and split them into train, validation and test part
    Prepare(PrepareArgs),
    /// Check the prepared images before anything learns from them
    Inspect(InspectArgs),
    /// Train a network on the prepared images
    Train(TrainArgs),
    /// Measure the trained network on the test part
    Evaluate(EvaluateArgs),
    /// Print the digest of the code of these stages
    ///
    /// As a command dependency (`deps: [{cmd: mlpipe ml digest}]`) it makes a pipeline run again
    /// when the code that computes its results has changed.
    Digest,
}

#[derive(Debug, Args)]
struct PrepareArgs {
    /// The params file; its section `data` is read
    #[arg(long, value_name = "FILE", default_value = "params.yaml")]
    params: PathBuf,
    /// The folder to write; what `prepare` wrote there before is replaced
    #[arg(long, value_name = "FOLDER", default_value = "data/prepared")]
    out: PathBuf,
    /// Fetch the files of MNIST below this address instead of the public ones
    #[arg(long, value_name = "URL", env = "MLPIPE_MNIST_URL")]
    mnist_url: Option<String>,
}

#[derive(Debug, Args)]
struct InspectArgs {
    /// The folder that `prepare` wrote
    #[arg(long, value_name = "FOLDER", default_value = "data/prepared")]
    data: PathBuf,
    /// Where to write what was found
    #[arg(long, value_name = "FILE", default_value = "reports/data.json")]
    metrics: PathBuf,
    /// Tell how far the data are from those of a revision, or from those of another such file
    #[arg(long, value_name = "REV|FILE.json")]
    against: Option<String>,
    /// Where to write that distance
    #[arg(long, value_name = "FILE", default_value = "reports/drift.json")]
    drift: PathBuf,
}

#[derive(Debug, Args)]
struct TrainArgs {
    /// The params file; its sections `model` and `train` are read
    #[arg(long, value_name = "FILE", default_value = "params.yaml")]
    params: PathBuf,
    /// The folder that `prepare` wrote
    #[arg(long, value_name = "FOLDER", default_value = "data/prepared")]
    data: PathBuf,
    /// Where to write the weights
    #[arg(long, value_name = "FILE", default_value = "models/cnn.safetensors")]
    model: PathBuf,
    /// Where to write the final scores
    #[arg(long, value_name = "FILE", default_value = "reports/train.json")]
    metrics: PathBuf,
    /// Where to write the course of loss and accuracy
    #[arg(long, value_name = "FILE", default_value = "reports/history.csv")]
    history: PathBuf,
    /// Where to write the table of layers
    #[arg(long, value_name = "FILE", default_value = "reports/model.md")]
    layers: PathBuf,
    /// The folder for checkpoints: the last one, and that of the best epoch
    #[arg(long, value_name = "FOLDER", default_value = "models/checkpoints")]
    checkpoints: PathBuf,
    /// Where to write what the training ran on: processor, threads, versions, time
    #[arg(long, value_name = "FILE", default_value = "logs/run.json")]
    record: PathBuf,
    /// Go on where an interrupted training left its last checkpoint
    ///
    /// The weights become the same, bit for bit, as if it had not been interrupted. Without a
    /// checkpoint, training begins anew; a checkpoint of other params or data is refused.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    logs: LogArgs,
}

#[derive(Debug, Args)]
struct EvaluateArgs {
    /// The folder that `prepare` wrote
    #[arg(long, value_name = "FOLDER", default_value = "data/prepared")]
    data: PathBuf,
    /// The weights that `train` wrote
    #[arg(long, value_name = "FILE", default_value = "models/cnn.safetensors")]
    model: PathBuf,
    /// Where to write the scores
    #[arg(long, value_name = "FILE", default_value = "reports/metrics.json")]
    metrics: PathBuf,
    /// Where to write the confusion matrix
    #[arg(long, value_name = "FILE", default_value = "reports/confusion.csv")]
    confusion: PathBuf,
    /// Where to write the scores of each class
    #[arg(long, value_name = "FILE", default_value = "reports/per_class.csv")]
    per_class: PathBuf,
    /// Where to write which classes are most often taken for which
    #[arg(long, value_name = "FILE", default_value = "reports/confused.csv")]
    confused: PathBuf,
    /// Where to draw the images on which the network errs most
    #[arg(long, value_name = "FILE", default_value = "reports/worst.png")]
    worst: PathBuf,
    /// Where to write the answer on each image
    #[arg(long, value_name = "FILE", default_value = "data/predictions.csv")]
    predictions: PathBuf,
    /// Write the probability of each class for each image too
    #[arg(long, value_name = "FILE")]
    probabilities: Option<PathBuf>,
    /// Where to write latency and throughput, which differ from run to run
    #[arg(long, value_name = "FILE", default_value = "logs/speed.json")]
    speed: PathBuf,
    /// The params file, for a run that the logs do not know yet
    #[arg(long, value_name = "FILE", default_value = "params.yaml")]
    params: PathBuf,
    #[command(flatten)]
    logs: LogArgs,
}

#[derive(Debug, Args)]
struct LogArgs {
    /// The folder for TensorBoard's event files, one folder for each run
    #[arg(long, value_name = "FOLDER", default_value = "logs")]
    logs: PathBuf,
    /// Tell the MLflow server at this address of the run
    #[arg(
        long,
        value_name = "URL",
        env = "MLFLOW_TRACKING_URI",
        hide_env_values = true
    )]
    mlflow_uri: Option<String>,
    /// The experiment that the run belongs to there
    #[arg(
        long,
        value_name = "NAME",
        env = "MLFLOW_EXPERIMENT_NAME",
        default_value = "mlpipe"
    )]
    mlflow_experiment: String,
}

/// Runs the stage that was asked for.
pub(crate) fn run(args: &MlArgs, context: &Context) -> Result<(), CliError> {
    let mut display = TrainingDisplay::new(context.quiet);
    match &args.stage {
        Stage::Prepare(args) => prepare(&args.task(), &mut |event| display.show(&event))?,
        Stage::Inspect(args) => {
            inspect(&args.task(context)?, &mut |event| display.show(&event))?;
        }
        Stage::Train(args) => {
            let run = if args.resume { Run::Last } else { Run::New };
            let logs = args.logs.open(&args.params, run, context);
            logged(logs, &mut display, |show| train(&args.task(), show))?;
        }
        Stage::Evaluate(args) => {
            let logs = args.logs.open(&args.params, Run::Last, context);
            logged(logs, &mut display, |show| evaluate(&args.task(), show))?;
        }
        Stage::Digest => anstream::println!("{}", code_digest()),
    }
    Ok(())
}

/// Runs a stage whose events are shown and logged.
fn logged(
    mut logs: Logs,
    display: &mut TrainingDisplay,
    stage: impl FnOnce(&mut dyn FnMut(Event)) -> Result<(), Error>,
) -> Result<(), Error> {
    let outcome = stage(&mut |event| {
        display.show(&event);
        display.warn(logs.record(&event));
    });
    display.warn(logs.finish(outcome.is_ok()));
    outcome
}

impl LogArgs {
    fn open(&self, params: &Path, run: Run, context: &Context) -> Logs {
        let server = self.mlflow_uri.clone().map(|uri| Server {
            uri,
            experiment: self.mlflow_experiment.clone(),
            access: access(),
        });
        let task = Logging {
            folder: self.logs.clone(),
            params: params.to_owned(),
            server,
            tags: tags(context),
        };
        Logs::open(task, run)
    }
}

/// Reads what MLflow's own client reads too.
fn access() -> Access {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(token) = variable("MLFLOW_TRACKING_TOKEN") {
        return Access::Token(token);
    }
    match (
        variable("MLFLOW_TRACKING_USERNAME"),
        variable("MLFLOW_TRACKING_PASSWORD"),
    ) {
        (Some(name), Some(password)) => Access::Password { name, password },
        _ => Access::Open,
    }
}

/// Returns what a run is to be found by; outside of a project and of git there is less.
fn tags(context: &Context) -> Vec<(String, String)> {
    let mut tags = vec![("mlflow.source.name".to_owned(), "mlpipe".to_owned())];
    if let Ok(stage) = std::env::var("MLPIPE_STAGE") {
        tags.push(("mlpipe.stage".to_owned(), stage));
    }
    let workspace = context.workspace().ok();
    let repo = workspace.and_then(|workspace| workspace.repo().ok()?);
    if let Some(commit) = repo.and_then(|repo| repo.head_commit()) {
        tags.push(("mlflow.source.git.commit".to_owned(), commit));
    }
    tags
}

impl InspectArgs {
    fn task(&self, context: &Context) -> Result<Inspection, CliError> {
        let base = match &self.against {
            Some(name) => Some(self.base(name, context)?),
            None => None,
        };
        Ok(Inspection {
            data: self.data.clone(),
            metrics: self.metrics.clone(),
            base,
            drift: self.drift.clone(),
        })
    }

    /// Reads what an earlier check found: the file itself, or as it was at a revision.
    fn base(&self, name: &str, context: &Context) -> Result<Base, CliError> {
        let is_file = Path::new(name)
            .extension()
            .is_some_and(|kind| kind == "json");
        let bytes = if is_file {
            fs::read(Path::new(name))?
        } else {
            let workspace = context.workspace()?;
            let path = context.path(&workspace, &self.metrics.to_string_lossy())?;
            workspace.revision(name)?.read(&path)?
        };
        let missing = || {
            let what = if is_file {
                format!("there is no `{name}`")
            } else {
                format!("there is no `{}` at `{name}`", self.metrics.display())
            };
            let hint =
                "`--against` compares with what `mlpipe ml inspect` wrote, where that is committed";
            CliError::failed(what, hint)
        };
        Ok(Base {
            name: name.to_owned(),
            bytes: bytes.ok_or_else(missing)?,
        })
    }
}

impl PrepareArgs {
    fn task(&self) -> Preparation {
        Preparation {
            params: self.params.clone(),
            out: self.out.clone(),
            mirror: self.mnist_url.clone(),
        }
    }
}

impl TrainArgs {
    fn task(&self) -> Training {
        Training {
            params: self.params.clone(),
            data: self.data.clone(),
            model: self.model.clone(),
            metrics: self.metrics.clone(),
            history: self.history.clone(),
            layers: self.layers.clone(),
            checkpoints: self.checkpoints.clone(),
            record: self.record.clone(),
            start: if self.resume {
                Start::Resume
            } else {
                Start::New
            },
        }
    }
}

impl EvaluateArgs {
    fn task(&self) -> Evaluation {
        Evaluation {
            data: self.data.clone(),
            model: self.model.clone(),
            metrics: self.metrics.clone(),
            confusion: self.confusion.clone(),
            per_class: self.per_class.clone(),
            confused: self.confused.clone(),
            worst: self.worst.clone(),
            predictions: self.predictions.clone(),
            probabilities: self.probabilities.clone(),
            speed: self.speed.clone(),
        }
    }
}

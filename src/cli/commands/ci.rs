//! `mlpipe ci init`.

use clap::{Args, Subcommand};

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::cli::commands::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::pipeline::{OutKind, Pipeline};
use crate::scm::Repo;
use crate::workflows::{Fillings, System, Workflow, workflows};

#[derive(Debug, Args)]
pub(crate) struct CiArgs {
    #[command(subcommand)]
    command: CiCommand,
}

#[derive(Debug, Subcommand)]
enum CiCommand {
    /// Write workflows that run the pipeline, report on pull requests and publish the main branch
    Init(InitArgs),
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The CI system to write for; `forgejo` is as `gitea`
    #[arg(long, value_name = "FORGE")]
    forge: System,

    /// The metric that names models and is on the badge [default: that of the first gate]
    #[arg(long, value_name = "METRIC")]
    metric: Option<String>,

    /// The model's file or folder [default: the pipeline's out with `model` in its path]
    #[arg(long, value_name = "PATH")]
    model: Option<String>,

    /// The main branch
    #[arg(long, default_value = "main")]
    branch: String,

    /// Replace files that are there and differ
    #[arg(long)]
    force: bool,
}

/// Carries out what is asked for.
pub(crate) fn run(args: &CiArgs, context: &Context) -> Result<Exit, CliError> {
    let CiCommand::Init(args) = &args.command;
    init(args, context)
}

/// Writes all files, or none: one of the user's that differs stops it.
fn init(args: &InitArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let repo = Repo::open(workspace.root())?;
    if repo.top() != workspace.root() {
        return Err(CliError::failed(
            "the project is not at the top of its repository".to_owned(),
            "forges look for workflows there: write them in a copy of the project's own, and add \
             `working-directory` to their steps",
        ));
    }
    let pipeline = workspace.load_pipeline()?;
    let metric = args.metric.clone().or_else(|| first_gate(&pipeline));
    let metric = metric.ok_or_else(|| wanting("metric", "--metric accuracy"))?;
    let model = args.model.clone().or_else(|| first_model(&pipeline));
    let model = model.ok_or_else(|| wanting("model", "--model models/model.bin"))?;
    let fillings = Fillings::new(&args.branch, &metric, &model).map_err(|error| {
        CliError::usage(
            error.to_string(),
            "use only letters, digits and `. _ / : + -`",
        )
    })?;
    let mut told = String::new();
    let mut wanted = Vec::new();
    for workflow in workflows(args.forge, &fillings) {
        let path = RepoPath::parse(workflow.path).expect("invariant: a plain path");
        let place = workspace.locate(&path);
        let there = fs::read(&place)?;
        let Workflow { text, instead, .. } = workflow;
        match (there, instead) {
            (Some(there), _) if there == text.as_bytes() => {
                told += &format!("{path} is as it should be\n");
            }
            (Some(_), Some(line)) if !args.force => {
                told += &format!("{path} is yours; add to it:\n\n{line}\n");
            }
            (Some(_), None) if !args.force => return Err(taken(&path)),
            _ => wanted.push((path, place, text)),
        }
    }
    for (path, place, text) in wanted {
        fs::write_atomic(&place, text.as_bytes())?;
        told += &format!("wrote {path}\n");
    }
    if !context.quiet {
        ui::print(&format!("{told}{}", next_steps(args.forge)))?;
    }
    Ok(Exit::Success)
}

fn next_steps(system: System) -> String {
    let mut text = format!("\nnext, for {system}:\n");
    let first = "read the files, set MLPIPE_URL and MLPIPE_SHA256 in .ci/install-mlpipe.sh if there is a \
                 binary to download, and commit them";
    let last = "give secrets of your remote to the step that brings the data; `mlpipe doctor` says in the \
                job what is missing";
    for (number, step) in [first]
        .iter()
        .chain(system.next_steps())
        .chain([&last])
        .enumerate()
    {
        text += &format!("  {}. {step}\n", number + 1);
    }
    text
}

fn first_gate(pipeline: &Pipeline) -> Option<String> {
    pipeline.gates.first().map(|gate| gate.name.clone())
}

/// Returns the first cached out whose path speaks of a model.
fn first_model(pipeline: &Pipeline) -> Option<String> {
    let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let mut plain = outs.filter(|out| out.cache && matches!(out.kind, OutKind::Plain));
    let found = plain.find(|out| out.path.as_str().to_lowercase().contains("model"));
    found.map(|out| out.path.as_str().to_owned())
}

fn wanting(what: &str, example: &str) -> CliError {
    CliError::usage(
        format!("the pipeline does not say which {what} is meant"),
        &format!("say it, as in `{example}`"),
    )
}

fn taken(path: &RepoPath) -> CliError {
    CliError::failed(
        format!("`{path}` is there, and differs; nothing was written"),
        "`--force` replaces it (git has the old one once it is committed), or move it away",
    )
}

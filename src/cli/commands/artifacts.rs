//! `mlpipe artifacts`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::base::problem::did_you_mean;
use crate::cli::commands::{Context, artifacts_card, get};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::cli::ui::table::Form;
use crate::imports::Donor;
use crate::pipeline::{self, Artifact};
use crate::registry::{Bump, History, Registry, Selector, Step, short};
use crate::scm::Repo;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct ArtifactsArgs {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the artifacts of pipeline.yaml, with their last versions and what is in which stage
    List(ListArgs),
    /// Make a git tag that registers a version of an artifact: `name@v1.2.0`
    #[command(disable_version_flag = true)]
    Register(RegisterArgs),
    /// Make a git tag that puts a version of an artifact into a stage: `name#prod#1`
    #[command(disable_version_flag = true)]
    Assign(AssignArgs),
    /// Write a model card: what it is, its metrics, parameters and data, and the commit
    Card(artifacts_card::CardArgs),
    /// Fetch an artifact of this or another repository, by its version or stage
    #[command(disable_version_flag = true)]
    Get(GetArgs),
    /// Show the versions of an artifact, what is in its stages, and all that was said of it
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Print a markdown table
    #[arg(long, conflicts_with = "json")]
    md: bool,
}

#[derive(Debug, Args)]
struct RegisterArgs {
    /// The artifact, as pipeline.yaml names it; `folder:name` for that of a folder
    name: String,

    /// The commit
    #[arg(default_value = "HEAD")]
    rev: String,

    /// The version, as in v1.2.0 [default: the one that follows the last]
    #[arg(long, alias = "ver", value_name = "VERSION", conflicts_with_all = ["bump_major", "bump_minor", "bump_patch"])]
    version: Option<String>,

    /// The next version has incompatible changes
    #[arg(long)]
    bump_major: bool,

    /// The next version has something new (default)
    #[arg(long, conflicts_with = "bump_major")]
    bump_minor: bool,

    /// The next version is mended
    #[arg(long, conflicts_with_all = ["bump_major", "bump_minor"])]
    bump_patch: bool,

    /// What the tag says
    #[arg(short, long)]
    message: Option<String>,
}

#[derive(Debug, Args)]
struct AssignArgs {
    /// The artifact
    name: String,

    /// The commit [default: HEAD]
    rev: Option<String>,

    /// The version
    #[arg(long, value_name = "VERSION", conflicts_with = "rev")]
    version: Option<String>,

    /// The stage, as in `prod`
    #[arg(long)]
    stage: String,

    /// What the tag says
    #[arg(short, long)]
    message: Option<String>,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The artifact
    name: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct GetArgs {
    /// The repository: a folder, as `.`, or a URL that git can clone
    url: String,

    /// The artifact
    name: String,

    /// The version [default: the highest]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// The version that is in this stage
    #[arg(long, conflicts_with = "version")]
    stage: Option<String>,

    /// Whatever this branch, tag or commit has
    #[arg(long, conflicts_with_all = ["version", "stage"])]
    rev: Option<String>,

    /// Where it goes [default: its own name, here]
    #[arg(short, long, value_name = "PATH")]
    out: Option<PathBuf>,

    /// Replace what is there
    #[arg(short, long)]
    force: bool,
}

/// Carries out a subcommand.
pub(crate) fn run(args: &ArtifactsArgs, context: &Context) -> Result<Exit, CliError> {
    match &args.command {
        None => list(&args.list, context),
        Some(Command::List(args)) => list(args, context),
        Some(Command::Register(args)) => register(args, context),
        Some(Command::Assign(args)) => assign(args, context),
        Some(Command::Show(args)) => show(args, context),
        Some(Command::Get(args)) => get(args, context),
        Some(Command::Card(args)) => artifacts_card::run(args, context),
    }
}

fn list(args: &ListArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let declared = declared(&workspace)?;
    let registry = match workspace.repo()? {
        Some(repo) => Registry::read(&repo)?,
        None => Registry::default(),
    };
    let form = Form::choose(args.json, args.md);
    ui::print(&ui::artifacts::list(&declared, &registry, form))?;
    if declared.is_empty() && registry.artifacts().next().is_none() {
        context.say("no artifacts: `artifacts: {model: {path: model.pkl, type: model}}` in pipeline.yaml names one\n");
    }
    Ok(Exit::Success)
}

fn register(args: &RegisterArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let repo = Repo::open(workspace.root())?;
    let artifact = declared_at(&workspace, &repo, &args.name, &args.rev)?;
    let bump = match &args.version {
        Some(version) => Bump::To(version.clone()),
        None if args.bump_major => Bump::Next(Step::Major),
        None if args.bump_patch => Bump::Next(Step::Patch),
        None => Bump::Next(Step::Minor),
    };
    let commit = repo.commit_name(&args.rev)?;
    let (tag, version) = Registry::read(&repo)?.register(&args.name, &commit, &bump)?;
    let message = args.message.clone().unwrap_or_else(|| {
        format!(
            "Register version {version} of {} ({})",
            args.name, artifact.path
        )
    });
    repo.tag(&tag.to_string(), &commit, &message)?;
    let (name, commit) = (&args.name, short(&commit));
    context.say(&format!(
        "{name}  {version} is {commit}\nnext: git push origin '{tag}'\n"
    ));
    ui::print(&format!("{tag}\n"))?;
    Ok(Exit::Success)
}

fn assign(args: &AssignArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let repo = Repo::open(workspace.root())?;
    let registry = Registry::read(&repo)?;
    let name = &args.name;
    let commit = match &args.version {
        Some(version) => registry.find(name, &Selector::Version(version.clone()))?.0,
        None => repo.commit_name(args.rev.as_deref().unwrap_or("HEAD"))?,
    };
    let version = registry
        .history(name)
        .and_then(|history| history.version_of(&commit));
    let Some(version) = version else {
        let message = format!("{} is no version of artifact `{name}`", short(&commit));
        let hint = format!(
            "`mlpipe artifacts register {name} {}` makes it one",
            short(&commit)
        );
        return Err(CliError::failed(message, &hint));
    };
    let tag = registry.assign(name, &commit, &args.stage)?;
    let stage = &args.stage;
    let message = args.message.clone();
    let message =
        message.unwrap_or_else(|| format!("Put version {version} of {name} into {stage}"));
    repo.tag(&tag.to_string(), &commit, &message)?;
    context.say(&format!(
        "{name}  {version} is in {stage}\nnext: git push origin '{tag}'\n"
    ));
    ui::print(&format!("{tag}\n"))?;
    Ok(Exit::Success)
}

fn show(args: &ShowArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let repo = Repo::open(workspace.root())?;
    let declared = declared(&workspace)?;
    let registry = Registry::read(&repo)?;
    let artifact = declared.iter().find(|artifact| artifact.name == args.name);
    let nothing = History::default();
    let history = registry.history(&args.name);
    if artifact.is_none() && history.is_none() {
        return Err(unknown(&args.name, &declared, "pipeline.yaml"));
    }
    let history = history.unwrap_or(&nothing);
    let text = if args.json {
        ui::artifacts::show_json(&args.name, artifact, history)
    } else {
        ui::artifacts::show(&args.name, artifact, history)
    };
    ui::print(&text)?;
    Ok(Exit::Success)
}

fn get(args: &GetArgs, context: &Context) -> Result<Exit, CliError> {
    let donor = Donor::open(&args.url, &context.folder)?;
    let selector = match (&args.version, &args.stage) {
        (Some(version), _) => Selector::Version(version.clone()),
        (_, Some(stage)) => Selector::Stage(stage.clone()),
        _ => Selector::Latest,
    };
    let commit = match &args.rev {
        Some(rev) => rev.clone(),
        None => donor.find(&args.name, &selector)?,
    };
    let stock = donor.at(Some(&commit))?;
    let path = stock.artifact(&args.name)?;
    get::fetch(&stock, path, args.out.as_ref(), args.force, context)
}

/// Returns what the pipeline files of the workspace name.
fn declared(workspace: &Workspace) -> Result<Vec<Artifact>, CliError> {
    match workspace.load_pipeline() {
        Ok(pipeline) => Ok(pipeline.artifacts),
        Err(pipeline::Error::NoPipeline { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Returns an artifact as a commit names it: a version of what nobody could find is of no use.
fn declared_at(
    workspace: &Workspace,
    repo: &Repo,
    name: &str,
    rev: &str,
) -> Result<Artifact, CliError> {
    let revision = repo.revision(rev)?;
    let declared = match pipeline::Pipeline::load(&revision) {
        Ok(pipeline) => pipeline.artifacts,
        Err(pipeline::Error::NoPipeline { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let found = declared.iter().find(|artifact| artifact.name == name);
    let is_uncommitted = || {
        self::declared(workspace).is_ok_and(|now| now.iter().any(|artifact| artifact.name == name))
    };
    match found {
        Some(artifact) => Ok(artifact.clone()),
        None if is_uncommitted() => Err(CliError::failed(
            format!("{rev} has no artifact `{name}`; only the workspace has"),
            "commit pipeline.yaml first",
        )),
        None => Err(unknown(name, &declared, rev)),
    }
}

/// Makes the error of an artifact that is not there.
pub(super) fn unknown(name: &str, declared: &[Artifact], place: &str) -> CliError {
    let names = declared.iter().map(|artifact| artifact.name.as_str());
    let hint = did_you_mean(name, names).unwrap_or_else(|| {
        format!("name it in pipeline.yaml:\n\nartifacts:\n  {name}:\n    path: model.pkl\n    type: model")
    });
    CliError::failed(format!("there is no artifact `{name}` in {place}"), &hint)
}

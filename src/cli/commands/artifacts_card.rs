//! `mlpipe artifacts card`.

use clap::Args;

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::source::{ReadTextError, read_text};
use crate::cli::commands::Context;
use crate::cli::commands::artifacts::unknown;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::metrics::{Query, Subject};
use crate::pipeline::Pipeline;
use crate::registry::{Registry, short};
use crate::report::{Card, TEMPLATE};
use crate::scm::Repo;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct CardArgs {
    /// The artifact
    name: String,

    /// Where the card goes; `-` prints it
    #[arg(
        short,
        long,
        value_name = "PATH",
        default_value = "reports/model-card.md"
    )]
    out: String,
}

/// Writes what somebody who is handed an artifact should know of it.
pub(crate) fn run(args: &CardArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let pipeline = Pipeline::load(&workspace.worktree)?;
    let artifacts = &pipeline.artifacts;
    let Some(artifact) = artifacts.iter().find(|artifact| artifact.name == args.name) else {
        return Err(unknown(&args.name, artifacts, "pipeline.yaml"));
    };
    let metrics = Query::all(Subject::Metrics).collect_by(&workspace.worktree, &pipeline);
    let mut card = Card::new(artifact, &pipeline, &workspace.load_lock()?, &metrics);
    if let Some(repo) = workspace.repo()? {
        add_commit(&mut card, &repo, &args.name)?;
    }
    let text = card.render(
        own_template(&workspace)?
            .as_ref()
            .map(|(label, text)| (label.as_str(), text.as_str())),
    )?;
    if args.out == "-" {
        ui::print(&text)?;
        return Ok(Exit::Success);
    }
    let path = context.path(&workspace, &args.out)?;
    fs::write_if_changed(&workspace.locate(&path), text.as_bytes())?;
    context.say(&format!("wrote {path}\n"));
    Ok(Exit::Success)
}

/// Adds which commit it is, where there is one.
fn add_commit(card: &mut Card, repo: &Repo, name: &str) -> Result<(), CliError> {
    let Ok(commit) = repo.commit_name("HEAD") else {
        return Ok(());
    };
    let registry = Registry::read(repo)?;
    let version = registry
        .history(name)
        .and_then(|history| history.version_of(&commit));
    card.version = version.map(ToString::to_string);
    card.is_dirty = !repo.modified_files()?.is_empty();
    let which = match &card.version {
        Some(version) => format!("--version {version}"),
        None => format!("--rev {}", short(&commit)),
    };
    card.repository = Some(format!("mlpipe artifacts get REPOSITORY {name} {which}"));
    card.commit = Some(commit);
    Ok(())
}

/// Returns the user's own template with its name, if there is one.
fn own_template(workspace: &Workspace) -> Result<Option<(String, String)>, CliError> {
    let path = format!("reports/templates/{TEMPLATE}");
    let path = RepoPath::parse(&path).expect("invariant: a plain path");
    match read_text(&workspace.worktree, &path) {
        Ok(text) => Ok(text.map(|text| (path.to_string(), text))),
        Err(ReadTextError::Read(error)) => Err(error.into()),
        Err(ReadTextError::Problem(problem)) => Err(problem.into()),
    }
}

//! `mlpipe report`.

use std::path::Path;

use clap::Args;

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::source::{Snapshot, read_text};
use crate::cli::commands::Context;
use crate::cli::commands::base::{self, Base, BaseArgs};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::engine::LastRun;
use crate::pipeline::{self, Lock, ReportSettings};
use crate::report::{Report, ReportRequest, StageRow, build, render};
use crate::scm::Revision;
use crate::store::RecordedSnapshot;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    base: BaseArgs,

    /// Write to this file; `-` is standard output [default: the pipeline's, else reports/report.md]
    #[arg(short, long, value_name = "FILE")]
    out: Option<String>,

    /// Use this Tera template
    #[arg(long, value_name = "FILE")]
    template: Option<String>,

    /// Print the report's data as JSON, and write nothing
    #[arg(long)]
    json: bool,
}

/// Makes the report.
pub(crate) fn run(args: &ReportArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let configured = workspace.load_pipeline()?.report;
    let settings = settings(args, configured, &workspace, &context.folder)?;
    let base = args.base.find(&workspace, &settings.base)?;
    let report = gather(&workspace, base)?;
    if args.json {
        let json = serde_json::to_string_pretty(&report).expect("invariant: plain data");
        ui::print(&format!("{json}\n"))?;
        return Ok(Exit::Success);
    }
    let text = render_with(&workspace, &report, settings.template.as_ref())?;
    if args.out.as_deref() == Some("-") {
        ui::print(&text)?;
        return Ok(Exit::Success);
    }
    fs::write_if_changed(&workspace.locate(&settings.path), text.as_bytes())?;
    if !context.quiet {
        ui::print(&format!("{}\nwrote {}\n", report.headline, settings.path))?;
    }
    Ok(Exit::Success)
}

/// Writes the report that the pipeline asks for, if it does; returns the headline.
pub(crate) fn write_configured(workspace: &Workspace) -> Result<Option<String>, CliError> {
    let Some(settings) = workspace.load_pipeline()?.report else {
        return Ok(None);
    };
    let report = gather(workspace, base::configured(workspace, &settings.base)?)?;
    let text = render_with(workspace, &report, settings.template.as_ref())?;
    fs::write_if_changed(&workspace.locate(&settings.path), text.as_bytes())?;
    Ok(Some(match &report.base {
        Some(base) => format!(
            "{} against {} · {}",
            report.headline, base.name, settings.path
        ),
        None => format!("{} · {}", report.headline, settings.path),
    }))
}

/// The pipeline's settings, overruled by the arguments.
fn settings(
    args: &ReportArgs,
    configured: Option<ReportSettings>,
    workspace: &Workspace,
    folder: &Path,
) -> Result<ReportSettings, CliError> {
    let mut settings = configured.unwrap_or_default();
    let path = |text: &String| {
        workspace
            .path_from(folder, text)
            .map_err(|error| CliError::usage(error.to_string(), "give a path below the project"))
    };
    if let Some(out) = args.out.as_ref().filter(|out| *out != "-") {
        settings.path = path(out)?;
    }
    if let Some(template) = &args.template {
        settings.template = Some(path(template)?);
    }
    Ok(settings)
}

fn gather(workspace: &Workspace, base: Base) -> Result<Report, CliError> {
    let here = RecordedSnapshot::new(
        &workspace.worktree,
        workspace.load_lock()?,
        &workspace.cache,
    );
    let Base {
        revision,
        mut notes,
    } = base;
    let recorded = match &revision {
        Some(revision) => {
            let lock = Lock::load(revision).unwrap_or_else(|error| {
                notes.push(error.to_string());
                Lock::default()
            });
            Some(RecordedSnapshot::new(revision, lock, &workspace.cache))
        }
        None => None,
    };
    let commit = revision
        .as_ref()
        .map(Revision::short_commit)
        .unwrap_or_default();
    let base = recorded
        .as_ref()
        .map(|recorded| (recorded as &dyn Snapshot, commit));
    let stages = LastRun::load(workspace).stages;
    let stages = stages.iter().map(|run| {
        StageRow::new(
            run.stage.as_str(),
            run.outcome.word(),
            &run.reasons,
            run.milliseconds,
        )
    });
    Ok(build(ReportRequest {
        here: &here,
        base,
        notes,
        stages: stages.collect(),
    })?)
}

fn render_with(
    workspace: &Workspace,
    report: &Report,
    template: Option<&RepoPath>,
) -> Result<String, CliError> {
    let Some(path) = template else {
        return Ok(render(report, None)?);
    };
    let text = read_text(&workspace.worktree, path).map_err(pipeline::Error::from)?;
    let text = text.ok_or_else(|| {
        CliError::usage(
            format!("the template `{path}` does not exist"),
            "correct its name, or leave it out",
        )
    })?;
    Ok(render(report, Some((path.as_str(), &text)))?)
}

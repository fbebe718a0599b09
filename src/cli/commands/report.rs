//! `mlpipe report`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::cli::commands::Context;
use crate::cli::commands::base::{self, BaseArgs};
use crate::cli::commands::judging::Freshness;
use crate::cli::commands::report_gathered::{Gathered, Head, Occasion};
use crate::cli::commands::report_writer::{Writer, templates};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::engine::{Ending, StageRun, Summary};
use crate::pipeline::{Pipeline, ReportSettings};
use crate::report::{Dialect, History, Output};
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

    /// Write the markdown of this forge, within what one of its comments holds [default: github]
    #[arg(long, value_name = "FORGE")]
    forge: Option<Dialect>,

    /// Write one page of HTML [default: where the file ends with .html]
    #[arg(long, conflicts_with_all = ["json", "forge"])]
    html: bool,

    /// Draw trends from this `history.jsonl`, too, which `mlpipe badge --publish` keeps
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,

    /// Print the report's data as JSON, and write nothing
    #[arg(long)]
    json: bool,
}

/// Makes the report.
pub(crate) fn run(args: &ReportArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let configured = workspace.load_pipeline()?.report;
    let order = Order::new(args, configured, &workspace, &context.folder)?;
    let base = args.base.find(&workspace, &order.base)?;
    let published = args.history.as_deref();
    let published = published.map(|file| read_history(file, &context.folder));
    let published = published.transpose()?;
    let occasion = Occasion {
        branch: args.base.base.as_deref().unwrap_or(&order.base),
        head: order.head(args),
        freshness: Freshness::Unknown,
        published: published.as_ref(),
    };
    let Gathered { report, base } = Gathered::new(&workspace, base, &occasion)?;
    if args.json {
        let json = serde_json::to_string_pretty(&report).expect("invariant: plain data");
        ui::print(&format!("{json}\n"))?;
        return Ok(Exit::Success);
    }
    let headline = report.headline.clone();
    let writer = Writer {
        workspace: &workspace,
        template: order.template.as_ref(),
        dialect: args.forge.unwrap_or_default(),
        base: base.as_ref(),
    };
    let written = writer.write(report, order.output)?;
    match &order.path {
        None => ui::print(&written.text)?,
        Some(path) => {
            fs::write_if_changed(&workspace.locate(path), written.text.as_bytes())?;
            if !context.quiet {
                ui::print(&format!("{headline}\nwrote {path}\n"))?;
            }
        }
    }
    Ok(tell(written.mistakes))
}

/// What is to be written, and where.
struct Order {
    /// The base that the pipeline names.
    base: String,
    output: Output,
    template: Option<RepoPath>,
    /// The file; `None` is standard output.
    path: Option<RepoPath>,
}

impl Order {
    /// Takes the pipeline's settings, overruled by the arguments.
    fn new(
        args: &ReportArgs,
        configured: Option<ReportSettings>,
        workspace: &Workspace,
        folder: &Path,
    ) -> Result<Self, CliError> {
        let settings = configured.unwrap_or_default();
        let locate = |text: &str| {
            let path = workspace.path_from(folder, text);
            path.map_err(|error| {
                CliError::usage(error.to_string(), "give a path below the project")
            })
        };
        let path = match args.out.as_deref() {
            Some("-") => None,
            Some(out) => Some(no_folder(locate(out)?, workspace)?),
            None if args.html => Some(beside(settings.path)),
            None => Some(settings.path),
        };
        let output = match &path {
            _ if args.html => Output::Page,
            Some(path) => Output::of(path),
            None => Output::Markdown,
        };
        let is_for_forge = args.forge.is_some() && !args.json;
        if let (true, Output::Page, Some(path)) = (is_for_forge, output, &path) {
            return Err(CliError::usage(
                format!("`--forge` asks for markdown, and `{path}` is to be a page"),
                "leave out `--forge`, or name another file, as in `--out report.md`",
            ));
        }
        let template = match &args.template {
            Some(template) => Some(existing(locate(template)?, workspace)?),
            // One for markdown is no page, and the other way round.
            None => settings
                .template
                .filter(|template| Output::of(template) == output),
        };
        Ok(Self {
            base: settings.base,
            output,
            template,
            path,
        })
    }

    /// Only what is written to be committed names no commit.
    fn head(&self, args: &ReportArgs) -> Head {
        let is_markdown = self.path.is_some() && self.output == Output::Markdown;
        if is_markdown && !args.json && args.forge.is_none() {
            Head::Unnamed
        } else {
            Head::Named
        }
    }
}

/// Returns where the page goes whose markdown is at this path.
fn beside(markdown: RepoPath) -> RepoPath {
    if Output::of(&markdown) == Output::Page {
        return markdown;
    }
    let page = Path::new(markdown.as_str()).with_extension("html");
    let page = RepoPath::parse(&page.to_string_lossy());
    page.expect("invariant: another ending makes no other folder")
}

fn no_folder(path: RepoPath, workspace: &Workspace) -> Result<RepoPath, CliError> {
    if !workspace.locate(&path).is_dir() {
        return Ok(path);
    }
    let shown = if path.is_root() { "." } else { path.as_str() };
    Err(CliError::usage(
        format!("`{shown}` is a folder"),
        "name a file in it, as in `--out report.md`",
    ))
}

fn existing(template: RepoPath, workspace: &Workspace) -> Result<RepoPath, CliError> {
    if workspace.locate(&template).is_file() {
        return Ok(template);
    }
    Err(CliError::usage(
        format!("the template `{template}` does not exist"),
        "correct its name, or leave it out",
    ))
}

/// Tells of mistakes in templates, which cost their parts but not the report.
pub(super) fn tell(mistakes: Vec<Problem>) -> Exit {
    let is_fine = mistakes.is_empty();
    for mistake in mistakes {
        let hint = "mend the template and run `mlpipe report`; until then our own stands in for it";
        ui::eprint(&ui::diagnostics::render(
            &CliError::from(mistake).hint(hint),
        ));
    }
    if is_fine { Exit::Success } else { Exit::Error }
}

/// Tells of mistakes in the templates of the report that the pipeline asks for, before anything runs
/// for hours.
pub(crate) fn check_configured(workspace: &Workspace) -> Result<(), CliError> {
    let settings = workspace.preview_pipeline(|pipeline| pipeline.report.clone())?;
    let Some(settings) = settings else {
        return Ok(());
    };
    let output = Output::of(&settings.path);
    let (templates, mut mistakes) = templates(workspace, settings.template.as_ref(), output)?;
    mistakes.extend(templates.check());
    tell(mistakes);
    Ok(())
}

/// Returns what a run has shown of the stages: one of all of them need not be asked again.
fn freshness(pipeline: &Pipeline, summary: &Summary) -> Freshness {
    let is_current = |run: &&StageRun| {
        matches!(
            run.outcome,
            Ending::Ran | Ending::Restored | Ending::Unchanged
        )
    };
    let current: BTreeSet<&str> = summary
        .runs
        .iter()
        .filter(is_current)
        .map(|run| run.stage.as_str())
        .collect();
    let mut stages = pipeline.stages.iter();
    if stages.all(|stage| current.contains(stage.name.as_str())) {
        Freshness::Proven
    } else {
        Freshness::Unknown
    }
}

/// What `repro` tells of a report that it has written.
pub(crate) struct Told {
    /// The headline, and the file.
    pub(crate) headline: String,
    /// Whether anything was wrong with it.
    pub(crate) exit: Exit,
}

/// Writes the report that the pipeline asks for, if it does, at the end of a run.
pub(crate) fn write_configured(
    workspace: &Workspace,
    summary: &Summary,
) -> Result<Option<Told>, CliError> {
    let pipeline = workspace.load_pipeline()?;
    let freshness = freshness(&pipeline, summary);
    let Some(settings) = pipeline.report else {
        return Ok(None);
    };
    let base = base::configured(workspace, &settings.base)?;
    let occasion = Occasion {
        branch: &settings.base,
        head: Head::Unnamed,
        freshness,
        published: None,
    };
    let Gathered { report, base } = Gathered::new(workspace, base, &occasion)?;
    let headline = &report.headline;
    let headline = match &report.base {
        Some(base) => format!("{headline} against {} · {}", base.name, settings.path),
        None => format!("{headline} · {}", settings.path),
    };
    let writer = Writer {
        workspace,
        template: settings.template.as_ref(),
        dialect: Dialect::default(),
        base: base.as_ref(),
    };
    let written = writer.write(report, Output::of(&settings.path))?;
    fs::write_if_changed(&workspace.locate(&settings.path), written.text.as_bytes())?;
    let exit = tell(written.mistakes);
    Ok(Some(Told { headline, exit }))
}

/// Reads what was published of earlier runs; a file that is empty is of a branch that has none yet.
fn read_history(file: &Path, folder: &Path) -> Result<History, CliError> {
    let label = file.display().to_string();
    match fs::read(&folder.join(file))? {
        Some(bytes) => Ok(History::read(&label, &bytes)?),
        None => Err(CliError::usage(
            format!("the history `{label}` does not exist"),
            "`git show origin/badges:history.jsonl` prints it, once there is one",
        )),
    }
}

//! `mlpipe report`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::base::any_path::AnyPath;
use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::source::{Entry, Snapshot, read_text};
use crate::cli::commands::Context;
use crate::cli::commands::base::{self, Base, BaseArgs};
use crate::cli::commands::judging::{Freshness, Judged};
use crate::cli::commands::sides::Side;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::engine::{Ending, LastRun, StageRun, Summary};
use crate::metrics::{Collection, diff};
use crate::pipeline::{self, Gate, LOCK_FILE, Lock, Pipeline, ReportSettings};
use crate::plots::{self, Fragment};
use crate::report::{
    self, Budget, Dialect, History, Output, Page, Report, ReportRequest, StageRow, Template,
    Templates, Written, build, fit, read_report, render, render_page, write,
};
use crate::scm::Repo;
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
    let settings = settings(args, configured, &workspace, &context.folder)?;
    let base = args.base.find(&workspace, &settings.base)?;
    let to_stdout = args.out.as_deref() == Some("-");
    let is_page = args.html || is_page(&settings.path) && !to_stdout;
    let is_committed = !(args.json || args.forge.is_some() || to_stdout || is_page);
    let head = if is_committed {
        Head::Unnamed
    } else {
        Head::Named
    };
    let branch = args.base.base.as_deref().unwrap_or(&settings.base);
    let published = args.history.as_deref();
    let published = published.map(|file| read_history(&context.folder.join(file)));
    let published = published.transpose()?;
    let occasion = Occasion {
        branch,
        head,
        freshness: Freshness::Unknown,
        published: published.as_ref(),
    };
    let Gathered { report, base } = gather(&workspace, base, &occasion)?;
    if args.json {
        let json = serde_json::to_string_pretty(&report).expect("invariant: plain data");
        ui::print(&format!("{json}\n"))?;
        return Ok(Exit::Success);
    }
    let headline = report.headline.clone();
    let writer = Writer {
        workspace: &workspace,
        template: settings.template.as_ref(),
        dialect: args.forge.unwrap_or_default(),
        base: base.as_ref(),
    };
    let written = if is_page {
        writer.page(report)?
    } else {
        writer.markdown(report, writer.dialect.budget())?
    };
    if to_stdout {
        ui::print(&written.text)?;
        return Ok(tell(written.mistakes));
    }
    fs::write_if_changed(&workspace.locate(&settings.path), written.text.as_bytes())?;
    if !context.quiet {
        ui::print(&format!("{headline}\nwrote {}\n", settings.path))?;
    }
    Ok(tell(written.mistakes))
}

/// Tells of mistakes in templates, which cost their parts but not the report.
fn tell(mistakes: Vec<Problem>) -> Exit {
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
    let Gathered { report, base } = gather(workspace, base, &occasion)?;
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
    let written = if is_page(&settings.path) {
        writer.page(report)?
    } else {
        writer.markdown(report, writer.dialect.budget())?
    };
    fs::write_if_changed(&workspace.locate(&settings.path), written.text.as_bytes())?;
    let exit = tell(written.mistakes);
    Ok(Some(Told { headline, exit }))
}

/// A report that goes to a forge.
pub(super) struct ForgeReport<'a> {
    workspace: &'a Workspace,
    template: Option<RepoPath>,
    report: Report,
    /// Whether templates have mistakes, of which the user has been told.
    exit: Exit,
}

impl<'a> ForgeReport<'a> {
    /// Compares with the base that is named, else with the branch that the change is to go to.
    pub(super) fn new(
        workspace: &'a Workspace,
        base: &BaseArgs,
        target: Option<&str>,
    ) -> Result<Self, CliError> {
        let settings = workspace.load_pipeline()?.report.unwrap_or_default();
        let default = target.unwrap_or(&settings.base);
        let found = base.find(workspace, default)?;
        let branch = base.base.as_deref().unwrap_or(default);
        let occasion = Occasion {
            branch,
            head: Head::Named,
            freshness: Freshness::Unknown,
            published: None,
        };
        let Gathered { report, .. } = gather(workspace, found, &occasion)?;
        Ok(Self {
            workspace,
            template: settings.template.filter(|template| !is_page(template)),
            report,
            exit: Exit::Success,
        })
    }

    /// Takes a report that somebody else made, as data; the templates are those of this workspace.
    pub(super) fn of_json(workspace: &'a Workspace, json: &[u8]) -> Result<Self, CliError> {
        let settings = workspace.load_pipeline()?.report.unwrap_or_default();
        Ok(Self {
            workspace,
            template: settings.template.filter(|template| !is_page(template)),
            report: read_report(json)?,
            exit: Exit::Success,
        })
    }

    /// Writes it. Mistakes in templates are told once.
    pub(super) fn text(&mut self, dialect: Dialect, budget: Budget) -> Result<String, CliError> {
        let writer = Writer {
            workspace: self.workspace,
            template: self.template.as_ref(),
            dialect,
            base: None,
        };
        let written = writer.markdown(self.report.clone(), budget)?;
        if self.exit == Exit::Success {
            self.exit = tell(written.mistakes);
        }
        Ok(written.text)
    }

    /// Returns how a command ends that has written it.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the verdict: `pass`, `warn`, `fail` or `none`.
    pub(super) fn verdict(&self) -> &'static str {
        match self.report.verdict.as_ref() {
            "pass" => "pass",
            "warn" => "warn",
            "fail" => "fail",
            _ => "none",
        }
    }

    /// Returns the verdict in one sentence.
    pub(super) fn headline(&self) -> &str {
        &self.report.headline
    }
}

/// Reads what was published of earlier runs; a file that is empty is of a branch that has none yet.
fn read_history(file: &Path) -> Result<History, CliError> {
    let label = file.display().to_string();
    match fs::read(file)? {
        Some(bytes) => Ok(History::read(&label, &bytes)?),
        None => Err(CliError::usage(
            format!("the history `{label}` does not exist"),
            "`git show origin/badges:history.jsonl` prints it, once there is one",
        )),
    }
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
    } else if args.html && !is_page(&settings.path) {
        let page = Path::new(settings.path.as_str()).with_extension("html");
        let page = RepoPath::parse(&page.to_string_lossy());
        settings.path = page.expect("invariant: another ending makes no other folder");
    }
    // One for markdown is no page, and the other way round.
    let makes_page = args.html || is_page(&settings.path);
    settings.template = settings
        .template
        .filter(|template| is_page(template) == makes_page);
    if let Some(template) = &args.template {
        let path = path(template)?;
        if !workspace.locate(&path).is_file() {
            return Err(CliError::usage(
                format!("the template `{path}` does not exist"),
                "correct its name, or leave it out",
            ));
        }
        settings.template = Some(path);
    }
    Ok(settings)
}

/// Whether the report names the commit that it is of: one that is committed cannot name its own.
#[derive(Clone, Copy, PartialEq)]
enum Head {
    Named,
    Unnamed,
}

/// What a report is made for.
struct Occasion<'a> {
    /// The branch whose last runs are shown.
    branch: &'a str,
    head: Head,
    freshness: Freshness,
    /// The runs that are kept elsewhere than in git.
    published: Option<&'a History>,
}

/// A report, and the base that it compares with.
struct Gathered {
    report: Report,
    base: Option<Side>,
}

fn gather(
    workspace: &Workspace,
    base: Base,
    occasion: &Occasion<'_>,
) -> Result<Gathered, CliError> {
    let Occasion {
        branch,
        head,
        freshness,
        published,
    } = *occasion;
    let pipeline = workspace.load_pipeline()?;
    let gates: Vec<&Gate> = pipeline.gates.iter().collect();
    let judged = Judged::new(workspace, base, &gates, freshness)?;
    let Judged {
        here,
        base,
        backing,
        judgements,
        mut notes,
        is_stale,
    } = judged;
    let faults = here.collection.faults.iter().chain(&backing.faults);
    notes.extend(faults.map(ToString::to_string));
    let nothing = Collection::default();
    let old = base.as_ref().map_or(&nothing, |side| &side.collection);
    let here_files = here.files(workspace)?;
    let base_files = base
        .as_ref()
        .map(|side| side.files(workspace))
        .transpose()?;
    let commit = base.as_ref().and_then(Side::short_commit);
    let repo = Repo::open(workspace.root()).ok();
    let mut report = build(ReportRequest {
        here: report_side(workspace, &here_files),
        pipeline: &pipeline,
        head: repo
            .as_ref()
            .filter(|_| head == Head::Named)
            .and_then(|repo| commit_here(repo, &pipeline, here_files.lock())),
        history: repo
            .as_ref()
            .filter(|repo| base.is_some() && repo.is_branch(branch))
            .map(|repo| (repo, branch)),
        published,
        base: base_files
            .as_ref()
            .map(|files| report_side(workspace, files))
            .zip(commit),
        metrics: diff(old, &here.collection),
        backing: &backing,
        judgements: &judgements,
        notes,
        stages: last_run(workspace),
    })?;
    drop(base_files);
    if is_stale && report.verdict == "pass" {
        report.verdict = "warn".into();
    }
    Ok(Gathered { report, base })
}

/// Returns the commit that the results are of; `None` where what people write is not as it has it.
fn commit_here(repo: &Repo, pipeline: &Pipeline, lock: &Lock) -> Option<String> {
    let made: BTreeSet<&str> = pipeline
        .stages
        .iter()
        .flat_map(|stage| stage.outs.iter().map(|out| out.path.as_str()))
        .collect();
    let report = pipeline.report.as_ref().map(|report| &report.path);
    let is_written = |path: &RepoPath| {
        let is_out = path.ancestors().any(|folder| made.contains(folder));
        !is_out && path.as_str() != LOCK_FILE && Some(path) != report
    };
    let modified = repo.modified_files().ok()?;
    let head = repo.revision("HEAD").ok()?;
    if modified.iter().any(is_written) || Lock::load(&head).ok()?.data != lock.data {
        return None;
    }
    let deps = lock.stages.values().flat_map(|entry| entry.deps.keys());
    let deps: Vec<&RepoPath> = deps.filter_map(AnyPath::inside).collect();
    let is_read = |path: &RepoPath| deps.iter().any(|dep| path.is_within(dep));
    let untracked = repo.untracked_files().ok()?;
    let is_clean = !untracked
        .iter()
        .any(|path| is_read(path) && is_written(path));
    is_clean.then(|| head.short_commit())
}

fn report_side<'a>(workspace: &'a Workspace, files: &'a RecordedSnapshot<'_>) -> report::Side<'a> {
    report::Side {
        snapshot: files,
        lock: files.lock(),
        cache: &workspace.cache,
    }
}

fn last_run(workspace: &Workspace) -> Vec<StageRow> {
    let stages = LastRun::load(workspace).stages;
    let row = |run: &StageRun| {
        let (name, outcome) = (run.stage.as_str(), run.outcome.word());
        StageRow::new(name, outcome, &run.reasons, run.milliseconds)
    };
    stages.iter().map(row).collect()
}

/// Writes reports.
struct Writer<'a> {
    workspace: &'a Workspace,
    /// The template that the user named.
    template: Option<&'a RepoPath>,
    dialect: Dialect,
    /// The base, for plots.
    base: Option<&'a Side>,
}

impl Writer<'_> {
    /// Writes markdown within a budget.
    fn markdown(&self, report: Report, budget: Budget) -> Result<Written, CliError> {
        let (templates, mistakes) = templates(self.workspace, self.template, Output::Markdown)?;
        Ok(write(report, templates, mistakes, |report, templates| {
            fit(report, budget, |report| {
                render(report, templates, self.dialect)
            })
        })?)
    }

    /// Writes a page of HTML.
    fn page(&self, report: Report) -> Result<Written, CliError> {
        let (templates, mistakes) = templates(self.workspace, self.template, Output::Page)?;
        let pipeline = self.workspace.load_pipeline()?;
        let page = Page::new(&pipeline, &report.stages, self.plots(&pipeline)?);
        Ok(write(report, templates, mistakes, |report, templates| {
            render_page(report, &page, templates)
        })?)
    }
}

impl Writer<'_> {
    /// Draws the plots of both sides over each other; `None` where the pipeline has none.
    fn plots(&self, pipeline: &Pipeline) -> Result<Option<Fragment>, CliError> {
        if pipeline.plots().next().is_none() {
            return Ok(None);
        }
        let here = RecordedSnapshot::new(
            &self.workspace.worktree,
            self.workspace.load_lock()?,
            &self.workspace.cache,
        );
        let base = self
            .base
            .map(|base| base.files(self.workspace))
            .transpose()?;
        let side = |snapshot: &RecordedSnapshot<'_>| snapshot.name().to_owned();
        let sides = base.iter().chain([&here]).map(|snapshot| plots::Side {
            name: side(snapshot),
            snapshot,
            had: Box::new(|path| snapshot.records(path)),
        });
        let sides: Vec<plots::Side<'_>> = sides.collect();
        let mut gallery = plots::gather(&sides, &[], &plots::Overrides::default())?;
        let sheets = plots::prepare(&mut gallery);
        Ok(Some(Fragment::new(&gallery, &sheets)))
    }
}

fn is_page(path: &RepoPath) -> bool {
    Output::of(path) == Output::Page
}

/// Where the user's templates are looked for.
const TEMPLATES_FOLDER: &str = "reports/templates";

/// Reads the user's templates: those in their folder, and the one that is named. Those that cannot be
/// read are mistakes.
fn templates(
    workspace: &Workspace,
    named: Option<&RepoPath>,
    output: Output,
) -> Result<(Templates, Vec<Problem>), CliError> {
    let folder = RepoPath::parse(TEMPLATES_FOLDER).expect("invariant: a plain path");
    let mut is_template = |entry: &Entry<'_>| {
        let (_, ending) = entry.name.rsplit_once('.').unwrap_or_default();
        !entry.is_folder && ["md", "html", "css"].contains(&ending)
    };
    let files = workspace.worktree.list(&folder, &mut is_template);
    let files = files.map_err(pipeline::Error::from)?;
    let files = files.iter().map(|path| (path, path.name()));
    let named = named.map(|path| (path, output.main()));
    let (mut templates, mut mistakes) = (Templates::default(), Vec::new());
    for (path, name) in files.chain(named) {
        match read_template(workspace, path, name) {
            Ok(template) => templates.replace(template),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    Ok((templates, mistakes))
}

fn read_template(workspace: &Workspace, path: &RepoPath, name: &str) -> Result<Template, Problem> {
    let file = path.as_str();
    let text = read_text(&workspace.worktree, path)
        .map_err(|error| Problem::new(file, "", error.to_string()))?;
    let text = text
        .ok_or_else(|| Problem::new(file, "", format!("the template `{path}` does not exist")))?;
    Ok(Template {
        name: name.to_owned(),
        file: file.to_owned(),
        text,
    })
}

//! `Writer`: writes a report as markdown or as a page, with the user's templates.

use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::base::source::{Entry, ReadTextError, Snapshot, read_text};
use crate::cli::commands::sides::Side;
use crate::cli::error::CliError;
use crate::pipeline::{self, Pipeline};
use crate::plots::{self, Fragment};
use crate::report::{
    Budget, Dialect, Output, Page, Report, Template, Templates, Written, fit, render, render_page,
    write,
};
use crate::store::RecordedSnapshot;
use crate::workspace::Workspace;

/// Writes reports.
pub(super) struct Writer<'a> {
    pub(super) workspace: &'a Workspace,
    /// The template that the user named.
    pub(super) template: Option<&'a RepoPath>,
    pub(super) dialect: Dialect,
    /// The base, for plots.
    pub(super) base: Option<&'a Side>,
}

impl Writer<'_> {
    /// Writes markdown as the forge allows, or a page.
    pub(super) fn write(&self, report: Report, output: Output) -> Result<Written, CliError> {
        match output {
            Output::Markdown => self.markdown(report, self.dialect.budget()),
            Output::Page => self.page(report),
        }
    }

    /// Writes markdown within a budget.
    pub(super) fn markdown(&self, report: Report, budget: Budget) -> Result<Written, CliError> {
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

/// Where the user's templates are looked for.
const TEMPLATES_FOLDER: &str = "reports/templates";

/// Reads the user's templates: those in their folder, and the one that is named. Those that cannot be
/// read are mistakes.
pub(super) fn templates(
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
    let text = read_text(&workspace.worktree, path).map_err(|error| match error {
        ReadTextError::Problem(problem) => problem,
        ReadTextError::Read(error) => Problem::new(file, "", error.to_string()),
    })?;
    let text = text
        .ok_or_else(|| Problem::new(file, "", format!("the template `{path}` does not exist")))?;
    Ok(Template {
        name: name.to_owned(),
        file: file.to_owned(),
        text,
    })
}

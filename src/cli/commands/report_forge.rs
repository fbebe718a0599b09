//! `ForgeReport`: a report that goes to a forge.

use crate::base::path::RepoPath;
use crate::cli::commands::base::BaseArgs;
use crate::cli::commands::judging::Freshness;
use crate::cli::commands::report::tell;
use crate::cli::commands::report_gathered::{Gathered, Head, Occasion};
use crate::cli::commands::report_writer::Writer;
use crate::cli::error::{CliError, Exit};
use crate::report::{Budget, Dialect, Output, Report, read_report};
use crate::workspace::Workspace;

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
        let Gathered { report, .. } = Gathered::new(workspace, found, &occasion)?;
        Ok(Self {
            workspace,
            template: settings.template.filter(is_markdown),
            report,
            exit: Exit::Success,
        })
    }

    /// Takes a report that somebody else made, as data; the templates are those of this workspace.
    pub(super) fn of_json(workspace: &'a Workspace, json: &[u8]) -> Result<Self, CliError> {
        let settings = workspace.load_pipeline()?.report.unwrap_or_default();
        Ok(Self {
            workspace,
            template: settings.template.filter(is_markdown),
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

fn is_markdown(template: &RepoPath) -> bool {
    Output::of(template) == Output::Markdown
}

//! `mlpipe repro`.

use std::num::NonZeroUsize;
use std::thread;

use clap::Args;

use crate::base::cancel::CancelToken;
use crate::base::path::RepoPath;
use crate::cli::commands::report::Told;
use crate::cli::commands::scouting::Errand;
use crate::cli::commands::selection::SelectionArgs;
use crate::cli::commands::status::{exit_of, explain, writer};
use crate::cli::commands::{Context, report, transfer};
use crate::cli::error::{CliError, Exit};
use crate::cli::ui::prompt::{self, Prompt};
use crate::cli::ui::{self, Manner, repro_reporter};
use crate::data;
use crate::engine::{
    CommitPolicy, Consent, Downstream, Ending, Missing, Policy, Question, ReproOptions, RunPolicy,
    Selection, Setting, Summary, Urls, params_file, repro, set_params, status,
};
use crate::workspace::Workspace;

#[derive(Debug, Default, Args)]
pub(crate) struct ReproArgs {
    #[command(flatten)]
    selection: SelectionArgs,

    /// Run this many stages at once [default: the number of cores]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Run stages even if nothing changed
    #[arg(short, long)]
    force: bool,

    /// After a failure go on with the stages that do not need the failed one
    #[arg(short, long)]
    keep_going: bool,

    /// Run what needs a stage that ran, even if that made the same as before
    #[arg(long)]
    force_downstream: bool,

    /// Run changed stages even if an earlier run had the same inputs
    #[arg(long)]
    no_run_cache: bool,

    /// Get data that is missing here, and the results of earlier runs, from the remote
    #[arg(long)]
    pull: bool,

    /// With `--pull`: which remote [default: the default one]
    #[arg(long, value_name = "NAME", requires = "pull")]
    remote: Option<String>,

    /// Let data be absent: it counts as what data.lock says of it
    #[arg(long)]
    allow_missing: bool,

    /// Record outs in data.lock without putting them into the cache
    #[arg(long)]
    no_commit: bool,

    /// Set a param before the run; the value is YAML, `+KEY` may be new (repeatable)
    #[arg(
        short = 'S',
        long,
        value_name = "[FILE:]KEY=VALUE",
        conflicts_with = "dry"
    )]
    set_param: Vec<Setting>,

    /// Say what would run, and why, and run nothing
    #[arg(long)]
    dry: bool,

    /// Ask before each command that would run
    #[arg(short, long, conflicts_with_all = ["dry", "json"])]
    interactive: bool,

    /// Say of each change what it was and is, and which files of a folder are behind it
    #[arg(short, long, conflicts_with = "json")]
    verbose: bool,

    /// Print events as JSON lines
    #[arg(long)]
    json: bool,
}

impl ReproArgs {
    /// Makes the arguments of a run of one stage and all that it needs.
    pub(crate) fn of(stage: &str) -> Self {
        Self {
            selection: SelectionArgs::of(stage),
            ..Self::default()
        }
    }

    /// Writes the params that are set on the command line into their files.
    fn set_params(&self, workspace: &Workspace, context: &Context) -> Result<(), CliError> {
        if self.set_param.is_empty() {
            return Ok(());
        }
        let mut settings = Vec::new();
        for setting in &self.set_param {
            let file = setting.file.as_ref();
            let file = file.map(|file| context.path(workspace, file)).transpose()?;
            settings.push((file.unwrap_or_else(params_file), setting));
        }
        let amendment = context.amend_alone(workspace)?;
        Ok(set_params(
            amendment,
            &settings,
            &self.selection.choose(workspace, context)?,
        )?)
    }

    fn policy(&self) -> Policy {
        let run = match (self.force, self.no_run_cache) {
            (true, _) => RunPolicy::Forced,
            (_, true) => RunPolicy::Changed,
            _ => RunPolicy::Needed,
        };
        let commit = if self.no_commit {
            CommitPolicy::LockOnly
        } else {
            CommitPolicy::Cache
        };
        let missing = if self.allow_missing {
            Missing::Recorded
        } else {
            Missing::Absent
        };
        let downstream = if self.force_downstream {
            Downstream::Forced
        } else {
            Downstream::Judged
        };
        let consent = if self.interactive {
            Consent::Asked
        } else {
            Consent::Given
        };
        Policy {
            run,
            commit,
            missing,
            downstream,
            urls: Urls::Asked,
            consent,
        }
    }

    /// Says what would run, and why.
    fn foretell(&self, workspace: &Workspace, selection: &Selection) -> Result<Exit, CliError> {
        let stages = status(workspace, selection, self.policy())?;
        let text = if self.json {
            ui::json::status(&stages, &[], None)
        } else {
            ui::status::render(&stages, &[], &writer(workspace, self.verbose))
        };
        ui::print(&text)?;
        Ok(exit_of(&stages))
    }

    /// Runs what must run, and shows what happens meanwhile.
    fn bring_up_to_date(
        &self,
        workspace: &Workspace,
        selection: Selection,
        context: &Context,
    ) -> Result<Summary, CliError> {
        let cancel = CancelToken::default();
        cancel.listen(ui::announce_stop)?;
        let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let options = ReproOptions {
            selection,
            jobs: self.jobs.unwrap_or(cores),
            policy: self.policy(),
            keep_going: self.keep_going,
        };
        let manner = if self.interactive {
            Manner::lines(self.json, context.quiet)
        } else {
            Manner::of(self.json, context.quiet)
        };
        let explain = self.verbose.then(|| explain(workspace));
        let mut reporter = repro_reporter(manner, explain);
        let mut prompt = Prompt::new("run", &cancel);
        let mut ask = |question: &Question| prompt.ask(question);
        Ok(repro(
            workspace,
            &options,
            &cancel,
            reporter.as_mut(),
            &mut ask,
        )?)
    }
}

/// Brings the pipeline up to date and ends with what that did to the metrics.
pub(crate) fn run(args: &ReproArgs, context: &Context) -> Result<Exit, CliError> {
    let errand = if args.dry { Errand::Look } else { Errand::Run };
    let workspace = context.workspace_for(errand)?;
    if args.interactive && !prompt::is_possible() {
        let message = "`--interactive` needs a terminal to ask on".to_owned();
        return Err(CliError::usage(
            message,
            "leave it out, or look first with `--dry`",
        ));
    }
    let selection = args.selection.choose(&workspace, context)?;
    if args.dry {
        return args.foretell(&workspace, &selection);
    }
    args.set_params(&workspace, context)?;
    report::check_configured(&workspace)?;
    if args.pull {
        transfer::supply(args.remote.as_deref(), &workspace, context)?;
    }
    let summary = args.bring_up_to_date(&workspace, selection, context)?;
    ui::summary::show(&summary, args.json, context.quiet)?;
    if !args.json {
        context.say(&note_on_data(&workspace, &summary)?);
    }
    // A report that fails must not hide how the run went.
    let report = write_report(&workspace, &summary)?;
    if let (Some(Told { headline, .. }), false) = (&report, args.json || context.quiet) {
        ui::eprint(&format!("  {headline}\n"));
    }
    Ok(if summary.cancelled {
        Exit::Cancelled
    } else if summary.count(Ending::Failed) > 0 {
        Exit::StageFailed
    } else {
        report.map_or(Exit::Success, |report| report.exit)
    })
}

/// Says which tracked data the stages have read in another version than is recorded.
fn note_on_data(workspace: &Workspace, summary: &Summary) -> Result<String, CliError> {
    if !summary.has_data {
        return Ok(String::new());
    }
    let lock = workspace.load_lock()?;
    let stages: Vec<_> = summary.runs.iter().map(|run| &run.stage).collect();
    let paths = data::read_otherwise(workspace, &lock, &stages)?;
    let note = |path: &RepoPath| {
        format!("  {path} differs from data.lock: `mlpipe add {path}` records it\n")
    };
    Ok(paths.iter().map(note).collect())
}

/// Writes the report that the pipeline asks for, where anything happened.
fn write_report(workspace: &Workspace, summary: &Summary) -> Result<Option<Told>, CliError> {
    let worked = summary.count(Ending::Ran) + summary.count(Ending::Restored) > 0;
    let failed = summary.cancelled || summary.count(Ending::Failed) > 0;
    if failed || !worked {
        Ok(None)
    } else {
        report::write_configured(workspace, summary)
    }
}

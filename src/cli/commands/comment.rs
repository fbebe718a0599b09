//! `mlpipe comment`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use crate::base::fs;
use crate::cli::commands::Context;
use crate::cli::commands::base::BaseArgs;
use crate::cli::commands::forge::{self, ForgeArgs, dialect, fork_reason};
use crate::cli::commands::report_forge::ForgeReport;
use crate::cli::commands::sides::Side;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::forge::{
    Environment, Error, Forge, Marker, Permission, Place, Posted, ReportId, Sticky, open_metrics,
    step_output, step_summary,
};
use crate::metrics::{Query, Subject};
use crate::report::{Budget, cut_off};
use crate::workspace::Workspace;

/// How often a text that is too long is made shorter.
const SHORTENINGS: usize = 3;

/// The longest file that is posted: what is longer is no text for people.
const LONGEST_FILE: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(crate) struct CommentArgs {
    /// Post this markdown; `-` is standard input [default: what `mlpipe report` says]
    file: Option<String>,

    /// Post the report that `mlpipe report --json` wrote to this file: nothing of it is believed but what
    /// it is, data to show, so it may be a fork's
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "gate"])]
    from_json: Option<String>,

    /// Call the report this: each has a comment of its own
    #[arg(long, value_name = "NAME", default_value = "report")]
    id: ReportId,

    /// Comment on the pull request (`pr`, `pr/N`) or on the commit (`commit`), where comments cannot be
    /// kept up to date
    #[arg(long, value_name = "TARGET", default_value = "pr")]
    target: Target,

    #[command(flatten)]
    base: BaseArgs,

    /// End with 4 where a gate fails, after posting
    #[arg(long)]
    gate: bool,

    /// Add the report to the summary of the step, too (GitHub)
    #[arg(long)]
    step_summary: bool,

    /// Write the metrics to this file as GitLab compares them (`artifacts:reports:metrics`)
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,

    #[command(flatten)]
    forge: ForgeArgs,
}

/// What is commented on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Pull(Option<u64>),
    Commit,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            None if text == "pr" => Ok(Self::Pull(None)),
            None if text == "commit" => Ok(Self::Commit),
            Some(("pr", number)) if number.parse::<u64>().is_ok() => {
                Ok(Self::Pull(number.parse().ok()))
            }
            _ => Err("it is `pr`, `pr/NUMBER` or `commit`".to_owned()),
        }
    }
}

/// What is posted.
enum Body<'a> {
    /// A text of the user's.
    Text(String),
    /// The report.
    Report(Box<ForgeReport<'a>>),
}

impl Body<'_> {
    fn exit(&self) -> Exit {
        match self {
            Self::Text(_) => Exit::Success,
            Self::Report(report) => report.exit(),
        }
    }

    fn text(&mut self, place: &Place, budget: Budget) -> Result<String, CliError> {
        match self {
            Self::Text(text) if budget.holds(text) => Ok(text.clone()),
            Self::Text(text) => Ok(cut_off(text, budget)),
            Self::Report(report) => report.text(dialect(place.kind), budget),
        }
    }
}

/// What is posted, and what is said of it.
struct Message<'a> {
    body: Body<'a>,
    /// The report's verdict, where the gates were judged here.
    verdict: Option<&'static str>,
    headline: Option<String>,
}

impl<'a> Message<'a> {
    /// Takes what the arguments name, else makes the report. There is a workspace wherever one is needed.
    fn new(
        args: &CommentArgs,
        context: &Context,
        place: &Place,
        workspace: Option<&'a Workspace>,
    ) -> Result<Self, CliError> {
        let target = place.job.base.as_deref();
        let report = |workspace| ForgeReport::new(workspace, &args.base, target);
        match (&args.file, &args.from_json, workspace) {
            (None, Some(json), Some(workspace)) => {
                let json = read(json, &context.folder)?;
                let report = ForgeReport::of_json(workspace, json.as_bytes())?;
                Ok(Self {
                    verdict: None,
                    ..Self::of_report(report)
                })
            }
            (None, _, Some(workspace)) => Ok(Self::of_report(report(workspace)?)),
            (file, _, workspace) => {
                let verdict = match workspace.filter(|_| args.gate) {
                    Some(workspace) => Some(report(workspace)?.verdict()),
                    None => None,
                };
                let text = read(file.as_deref().unwrap_or("-"), &context.folder)?;
                Ok(Self {
                    body: Body::Text(text),
                    verdict,
                    headline: None,
                })
            }
        }
    }

    fn of_report(report: ForgeReport<'a>) -> Self {
        Self {
            verdict: Some(report.verdict()),
            headline: Some(report.headline().to_owned()),
            body: Body::Report(Box::new(report)),
        }
    }
}

/// Posts the report.
pub(crate) fn run(args: &CommentArgs, context: &Context) -> Result<Exit, CliError> {
    let environment = Environment::of_process();
    let mut place = args.forge.place(&environment, &context.folder)?;
    if let Target::Pull(Some(number)) = args.target {
        place.job.pull = Some(number);
    }
    let needs_project = args.file.is_none() || args.gate || args.metrics_file.is_some();
    let workspace = needs_project.then(|| context.workspace()).transpose()?;
    let mut message = Message::new(args, context, &place, workspace.as_ref())?;
    // What needs no token is there even if nothing can be posted.
    if let (Some(path), Some(workspace)) = (&args.metrics_file, &workspace) {
        write_metrics(&context.folder.join(path), workspace)?;
    }
    if args.step_summary && !args.forge.dry_run {
        summarise(&environment, &mut message.body, &place)?;
    }
    let posted = post_unless_harmless(args, &place, &mut message.body)?;
    if !args.forge.dry_run {
        hand_over(&environment, message.verdict, posted.as_ref())?;
        if let Some(posted) = posted.as_ref().filter(|_| !context.quiet) {
            let headline = message.headline.map_or(String::new(), |line| line + "\n");
            ui::print(&format!("{headline}{}\n", describe(posted, &place)))?;
        }
    }
    let failed = args.gate && message.verdict == Some("fail");
    Ok(if failed {
        Exit::GateFailed
    } else {
        message.body.exit()
    })
}

/// Posts the body. Where that fails and nobody made a mistake, a warning says so.
fn post_unless_harmless(
    args: &CommentArgs,
    place: &Place,
    body: &mut Body<'_>,
) -> Result<Option<Posted>, CliError> {
    match post(args, place, body) {
        Ok(posted) => Ok(posted),
        Err(Failure::Forge(error)) => {
            let Some(reason) = harmless(&error, place) else {
                return Err(error.into());
            };
            ui::eprint(&format!("warning: not posted: {reason}\n"));
            Ok(None)
        }
        Err(Failure::Cli(error)) => Err(error),
    }
}

/// An error of the forge, of which some are no mistake, or another one.
enum Failure {
    Forge(Error),
    Cli(CliError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Forge(error)
    }
}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Self {
        Self::Cli(error)
    }
}

/// Posts the body, made shorter where the forge takes less than it says. `None` where nothing is sent.
fn post(args: &CommentArgs, place: &Place, body: &mut Body<'_>) -> Result<Option<Posted>, Failure> {
    let forge = args.forge.open(place, Permission::Comment)?;
    let mut budget = dialect(place.kind).budget();
    let mut shortenings = 0;
    loop {
        let text = body.text(place, budget)?;
        match post_text(args, place, forge.as_ref(), &text) {
            Err(error) if error.is_too_long() && shortenings < SHORTENINGS => {
                budget = budget.halved();
                shortenings += 1;
            }
            Ok(_) if args.forge.dry_run => return Ok(None),
            outcome => return Ok(outcome?),
        }
    }
}

fn post_text(
    args: &CommentArgs,
    place: &Place,
    forge: &dyn Forge,
    text: &str,
) -> Result<Option<Posted>, Error> {
    let job = &place.job;
    let marker = Marker {
        id: args.id.clone(),
        sha: job.sha.clone().unwrap_or_default(),
        ci: job.ci.to_owned(),
        run: job.run,
    };
    if args.target == Target::Commit {
        let sha = job.sha.as_deref().ok_or(Error::UnknownCommit)?;
        let comment = forge.comment_on_commit(sha, &marker.sign(text))?;
        return match comment {
            Some(comment) => Ok(Some(Posted::Created(comment))),
            None => Err(Error::NoCommitComments { kind: place.kind }),
        };
    }
    let pull = forge::pull(forge, place)?;
    let sticky = Sticky {
        forge,
        pull,
        marker,
    };
    sticky.post(text).map(Some)
}

/// Returns why nothing was posted, where nobody made a mistake.
fn harmless(error: &Error, place: &Place) -> Option<String> {
    if error.is_locked() {
        let noun = place.kind.pull_noun();
        return Some(format!(
            "nobody may comment on this {noun} any more: it is locked"
        ));
    }
    fork_reason(error, place)
}

fn describe(posted: &Posted, place: &Place) -> String {
    let comment = posted.comment();
    let page = match comment.page.as_str() {
        "" => String::new(),
        page => format!(" · {page}"),
    };
    match posted {
        Posted::Created(_) => format!("posted on {}{page}", place.kind),
        Posted::Updated(_) => format!("updated the comment on {}{page}", place.kind),
        Posted::Unchanged(_) => format!("the comment on {} says this already{page}", place.kind),
        Posted::Outdated(_) => {
            format!(
                "not posted: a newer run has reported on {} already{page}",
                place.kind
            )
        }
    }
}

fn read(file: &str, folder: &Path) -> Result<String, CliError> {
    let bytes = if file == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .take(LONGEST_FILE)
            .read_to_end(&mut bytes)?;
        Some(bytes)
    } else {
        fs::read(&folder.join(file))?
    };
    let missing = || {
        CliError::usage(
            format!("the file `{file}` does not exist"),
            "name a file of markdown, or none to post the report",
        )
    };
    let text = String::from_utf8(bytes.ok_or_else(missing)?);
    let text = text.map_err(|_| {
        CliError::failed(
            format!("`{file}` is no text"),
            "post markdown, encoded as UTF-8",
        )
    })?;
    if text.trim().is_empty() {
        return Err(CliError::failed(
            format!("`{file}` is empty"),
            "no forge takes a comment without a text",
        ));
    }
    Ok(text)
}

/// Writes what GitLab's widget compares.
fn write_metrics(path: &Path, workspace: &Workspace) -> Result<(), CliError> {
    let side = Side::here(workspace, &Query::all(Subject::Metrics))?;
    let files = side.collection.files.iter();
    let numbers = files.flat_map(|(path, values)| {
        let number = |(key, value): &'_ (String, crate::base::value::Value)| {
            Some((path.to_string(), key.clone(), value.as_number()?))
        };
        values.iter().filter_map(number).collect::<Vec<_>>()
    });
    let numbers: Vec<(String, String, f64)> = numbers.collect();
    let borrowed = numbers
        .iter()
        .map(|(path, key, value)| (path.as_str(), key.as_str(), *value));
    fs::write_atomic(path, open_metrics(borrowed).as_bytes())?;
    Ok(())
}

/// Adds the whole report to the summary of the step, where there is one.
fn summarise(
    environment: &Environment,
    body: &mut Body<'_>,
    place: &Place,
) -> Result<(), CliError> {
    let Some(path) = environment.text("GITHUB_STEP_SUMMARY") else {
        ui::eprint("no summary: GITHUB_STEP_SUMMARY is not set here\n");
        return Ok(());
    };
    let whole = Budget {
        characters: 1_000_000,
        bytes: 1_000_000,
    };
    let text = body.text(place, whole)?;
    Ok(step_summary(Path::new(path), &text)?)
}

/// Sets the outputs of the step, where there are such.
fn hand_over(
    environment: &Environment,
    verdict: Option<&str>,
    posted: Option<&Posted>,
) -> Result<(), CliError> {
    let Some(path) = environment.text("GITHUB_OUTPUT").map(Path::new) else {
        return Ok(());
    };
    let word = posted.map_or("none", Posted::word);
    step_output(path, "comment", word)?;
    if let Some(verdict) = verdict {
        step_output(path, "verdict", verdict)?;
    }
    if let Some(page) = posted.map(|posted| &posted.comment().page) {
        step_output(path, "comment-url", page)?;
    }
    Ok(())
}

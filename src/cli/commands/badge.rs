//! `mlpipe badge`.

use clap::Args;

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::base::problem::did_you_mean;
use crate::cli::commands::Context;
use crate::cli::commands::base::Base;
use crate::cli::commands::forge::ForgeArgs;
use crate::cli::commands::judging::{Freshness, Judged};
use crate::cli::commands::sides::Side;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::forge::{Commit, Environment, FileChange, Pack, Permission, Place, Start, Written};
use crate::metrics::{Query, Subject, show_value};
use crate::pipeline::{Gate, KeyPattern, Limit};
use crate::report::{Badge, Entry, Format, History, Standing};
use crate::scm::pack_root;
use crate::workspace::Workspace;

/// The branch that badges are published on, and the history beside them.
const BRANCH: &str = "badges";
const HISTORY: &str = "history.jsonl";

#[derive(Debug, Args)]
pub(crate) struct BadgeArgs {
    /// The metric, by its key; `FILE:KEY` where several files have it
    metric: String,

    /// What stands on the left [default: the metric's key]
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,

    /// Write the value as Python would: `.1%`, `.4f`, `,d` [default: shares as percent]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Draw it as SVG
    #[arg(long, conflicts_with_all = ["json", "text"])]
    svg: bool,

    /// Write what shields.io reads, the default
    #[arg(long, conflicts_with = "text")]
    json: bool,

    /// Print the value alone
    #[arg(long)]
    text: bool,

    /// Write to this file; one that ends with .svg is drawn
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,

    /// Write both kinds and the history to the branch `badges` over the forge's interface; never from
    /// a pull request
    #[arg(long, conflicts_with_all = ["svg", "json", "text", "output"])]
    publish: bool,

    #[command(flatten)]
    forge: ForgeArgs,
}

/// Makes the badge of a metric, and writes or publishes it.
pub(crate) fn run(args: &BadgeArgs, context: &Context) -> Result<Exit, CliError> {
    let workspace = context.workspace()?;
    let metric = find(&workspace, &args.metric)?;
    let (standing, is_stale) = judge(&workspace, &metric)?;
    let badge = Badge {
        label: args.label.clone().unwrap_or_else(|| metric.key.clone()),
        message: metric.message(args.format),
        standing,
    };
    if args.publish {
        if is_stale {
            return Err(CliError::failed(
                "not published: the results are not of what is in the workspace".to_owned(),
                "`mlpipe repro` makes them, `mlpipe status` says what has changed",
            ));
        }
        return publish(args, context, &metric, &badge);
    }
    let is_svg = args.svg || !args.json && args.output.as_deref().is_some_and(is_drawing);
    let text = if args.text {
        format!("{}\n", badge.message)
    } else if is_svg {
        badge.to_svg()
    } else {
        badge.to_json()
    };
    match &args.output {
        Some(output) if output != "-" => {
            fs::write_if_changed(&context.folder.join(output), text.as_bytes())?;
        }
        _ => ui::print(&text)?,
    }
    Ok(Exit::Success)
}

fn is_drawing(output: &str) -> bool {
    std::path::Path::new(output).extension() == Some("svg".as_ref())
}

/// A metric of the workspace.
struct Metric {
    path: RepoPath,
    key: String,
    value: f64,
    /// The value as listings show it.
    shown: String,
}

impl Metric {
    fn message(&self, format: Option<Format>) -> String {
        const SHARES: [&str; 7] = [
            "accuracy",
            "precision",
            "recall",
            "f1",
            "auc",
            "acc",
            "score",
        ];
        let last = self.key.rsplit('.').next().unwrap_or_default();
        let is_share = (0.0..=1.0).contains(&self.value)
            && SHARES.iter().any(|name| last.to_lowercase().contains(name));
        match format.or_else(|| is_share.then_some(Format::PERCENT)) {
            Some(format) => format.write(self.value),
            None => self.shown.clone(),
        }
    }

    /// Returns the name of its files on the branch.
    fn file(&self) -> String {
        let is_plain =
            |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        let plain = |character| if is_plain(character) { character } else { '-' };
        let name: String = self.key.chars().map(plain).collect();
        // None is hidden, or leads elsewhere.
        name.trim_start_matches('.').to_owned()
    }
}

/// Finds a metric by its key, alone or behind its file.
fn find(workspace: &Workspace, name: &str) -> Result<Metric, CliError> {
    let here = Side::here(workspace, &Query::all(Subject::Metrics))?.collection;
    let all = || {
        let files = here.files.iter();
        files.flat_map(|(path, values)| values.iter().map(move |(key, value)| (path, key, value)))
    };
    let is_meant = |path: &RepoPath, key: &str| key == name || format!("{path}:{key}") == name;
    let mut found = all().filter(|(path, key, _)| is_meant(path, key));
    let Some((path, key, value)) = found.next() else {
        return Err(unknown(
            name,
            all().map(|(_, key, _)| key.as_str()),
            &here.missing,
        ));
    };
    if let Some((other, ..)) = found.next() {
        return Err(CliError::usage(
            format!("several files have the metric `{name}`"),
            &format!("say which: `{path}:{key}` or `{other}:{key}`"),
        ));
    }
    let shown = show_value(value, None);
    let value = value.as_number().ok_or_else(|| {
        CliError::failed(
            format!("the metric `{name}` is no number: {value}"),
            "a badge shows numbers; `mlpipe metrics show` lists them",
        )
    })?;
    Ok(Metric {
        path: path.clone(),
        key: key.clone(),
        value,
        shown,
    })
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>, missing: &[RepoPath]) -> CliError {
    let hint = match missing.first() {
        Some(path) => format!("`{path}` is not there: `mlpipe repro` makes it"),
        None => did_you_mean(name, known)
            .unwrap_or_else(|| "`mlpipe metrics show` lists the metrics".to_owned()),
    };
    CliError::failed(format!("there is no metric `{name}`"), &hint)
}

/// Judges a metric by the limits that are set for it. How it changed against a base is nothing that a
/// badge says. Returns also whether it is of other inputs than those that are there.
fn judge(workspace: &Workspace, metric: &Metric) -> Result<(Standing, bool), CliError> {
    let all = workspace.load_pipeline()?.gates;
    let is_about = |gate: &&Gate| {
        matches!(gate.limit, Limit::Min(_) | Limit::Max(_))
            && gate.file.as_ref().is_none_or(|file| *file == metric.path)
            && metric.path.is_within(&gate.folder)
            && gate.key.matches(&metric.key)
    };
    let about: Vec<Gate> = all
        .iter()
        .filter(is_about)
        .map(|gate| Gate {
            file: Some(metric.path.clone()),
            key: KeyPattern::new(&metric.key),
            ..gate.clone()
        })
        .collect();
    let base = Base {
        revision: None,
        notes: Vec::new(),
    };
    let judged = Judged::new(
        workspace,
        base,
        &about.iter().collect::<Vec<_>>(),
        Freshness::Unknown,
    )?;
    let worst = judged.judgements.iter().map(|one| one.effect).max();
    Ok((
        worst.map_or(Standing::Ungated, Standing::Gated),
        judged.is_stale,
    ))
}

/// Writes the badge and the history to their branch.
fn publish(
    args: &BadgeArgs,
    context: &Context,
    metric: &Metric,
    badge: &Badge,
) -> Result<Exit, CliError> {
    let environment = Environment::of_process();
    let place = args.forge.place(&environment, &context.folder)?;
    refuse_pulls(&place)?;
    let sha = place
        .job
        .sha
        .clone()
        .ok_or(crate::forge::Error::UnknownCommit)?;
    let forge = args.forge.open(&place, Permission::Write)?;
    let name = metric.file();
    let entry = Entry::new(metric.path.as_str(), &metric.key, &sha, metric.value);
    let written = forge.commit_files(&Commit {
        branch: BRANCH.to_owned(),
        start: Start::Orphan(pack),
        message: format!("{}: {} at {}", badge.label, badge.message, short(&sha)),
        files: vec![
            FileChange::whole(format!("{name}.json"), badge.to_json()),
            FileChange::whole(format!("{name}.svg"), badge.to_svg()),
            FileChange::made(HISTORY, move |old| {
                let mut history = History::read(&format!("{BRANCH}:{HISTORY}"), old)?;
                entry.iter().cloned().for_each(|entry| history.add(entry));
                Ok(history.to_text().into_bytes())
            }),
        ],
    })?;
    if args.forge.dry_run || context.quiet {
        return Ok(Exit::Success);
    }
    let done = match written {
        Written::Committed(_) => "published",
        Written::Unchanged => "already published",
    };
    let svg = forge.raw_url(BRANCH, &format!("{name}.svg"));
    let json = forge.raw_url(BRANCH, &format!("{name}.json"));
    let label = crate::report::escape(&badge.label);
    ui::print(&format!(
        "{done}: {} {}\n![{label}]({svg})\n![{label}](https://img.shields.io/endpoint?url={})\n",
        badge.label,
        badge.message,
        url::form_urlencoded::byte_serialize(json.as_bytes()).collect::<String>(),
    ))?;
    Ok(Exit::Success)
}

/// Packs the first commit of the branch.
fn pack(files: &[(String, Vec<u8>)], message: &str) -> Result<Pack, String> {
    let packed = pack_root(files, message).map_err(|error| error.to_string())?;
    Ok(Pack {
        commit: packed.commit,
        bytes: packed.bytes,
    })
}

/// A badge says how the main branch is.
fn refuse_pulls(place: &Place) -> Result<(), CliError> {
    if place.job.pull.is_none() && !place.is_fork() {
        return Ok(());
    }
    Err(CliError::failed(
        format!("badges are not published from a {}", place.kind.pull_noun()),
        "publish in the job of the main branch, once it is merged",
    ))
}

fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}

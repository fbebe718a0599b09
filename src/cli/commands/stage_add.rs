//! `mlpipe stage add`.

use clap::Args;

use crate::base::path::RepoPath;
use crate::cli::commands::{Context, repro, scouting};
use crate::cli::error::{CliError, Exit};
use crate::engine::{Existing, add_stage};
use crate::pipeline::{DVC_FILE, OutDraft, PIPELINE_FILE, ParamDraft, StageDraft, quote};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its name
    #[arg(short, long)]
    name: String,

    /// A file, folder, pattern or URL that it reads (repeatable, as the options below)
    #[arg(short, long, value_name = "PATH")]
    deps: Vec<String>,

    /// An out that goes into the cache
    #[arg(short, long, value_name = "PATH")]
    outs: Vec<String>,

    /// An out that is left to git
    #[arg(short = 'O', long, value_name = "PATH")]
    outs_no_cache: Vec<String>,

    /// An out that stays in place while the stage runs again
    #[arg(long, value_name = "PATH")]
    outs_persist: Vec<String>,

    /// The same, left to git
    #[arg(long, value_name = "PATH")]
    outs_persist_no_cache: Vec<String>,

    /// A file of metrics that goes into the cache
    #[arg(short, long, value_name = "PATH")]
    metrics: Vec<String>,

    /// A file of metrics that is left to git
    #[arg(short = 'M', long, value_name = "PATH")]
    metrics_no_cache: Vec<String>,

    /// A file of rows to draw that goes into the cache
    #[arg(long, value_name = "PATH")]
    plots: Vec<String>,

    /// A file of rows to draw that is left to git
    #[arg(long, value_name = "PATH")]
    plots_no_cache: Vec<String>,

    /// Params that it depends on; `FILE:` stands for all of a file
    #[arg(short, long, value_name = "[FILE:]KEY,…")]
    params: Vec<String>,

    /// The folder that it runs in; paths are relative to it
    #[arg(short, long, value_name = "DIR")]
    wdir: Option<String>,

    /// Run it every time
    #[arg(long)]
    always_changed: bool,

    /// What people are told of it
    #[arg(long, value_name = "TEXT")]
    desc: Option<String>,

    /// Run it, and what it needs, when it is added
    #[arg(long)]
    run: bool,

    /// Replace a stage of the same name
    #[arg(short, long)]
    force: bool,

    /// The command: one text for the shell, or words that are quoted for it
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl AddArgs {
    fn draft(&self) -> StageDraft {
        let out = |cache: bool, persist: bool| {
            move |path: &String| OutDraft {
                path: path.clone(),
                cache,
                persist,
            }
        };
        let outs = self.outs.iter().map(out(true, false));
        let outs = outs.chain(self.outs_no_cache.iter().map(out(false, false)));
        let outs = outs.chain(self.outs_persist.iter().map(out(true, true)));
        let outs = outs.chain(self.outs_persist_no_cache.iter().map(out(false, true)));
        let both = |cached: &[String], uncached: &[String]| {
            let cached = cached.iter().map(out(true, false));
            cached
                .chain(uncached.iter().map(out(false, false)))
                .collect()
        };
        StageDraft {
            name: self.name.clone(),
            cmd: command_text(&self.command),
            wdir: self.wdir.clone(),
            deps: self.deps.clone(),
            params: self
                .params
                .iter()
                .map(|text| ParamDraft::parse(text))
                .collect(),
            outs: outs.collect(),
            metrics: both(&self.metrics, &self.metrics_no_cache),
            plots: both(&self.plots, &self.plots_no_cache),
            always_changed: self.always_changed,
            desc: self.desc.clone(),
        }
    }
}

/// Adds a stage.
pub(crate) fn run(args: &AddArgs, context: &Context) -> Result<Exit, CliError> {
    let draft = args.draft();
    refuse_nothing(&draft)?;
    let workspace = context.workspace()?;
    let file = pipeline_file(&workspace, context)?;
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let amendment = context.amend(&workspace)?;
    let name = add_stage(amendment, &file, &draft, existing, scouting::check)?;
    context.say(&format!("added {name} to {file}\n"));
    if args.run {
        return repro::run(&repro::ReproArgs::of(name.as_str()), context);
    }
    context.say(&format!(
        "next: `mlpipe repro {}` runs it\n",
        quote(name.as_str())
    ));
    Ok(Exit::Success)
}

/// Refuses what a script has written with a variable that is empty.
fn refuse_nothing(draft: &StageDraft) -> Result<(), CliError> {
    if draft.cmd.trim().is_empty() {
        let hint = "name what the stage runs, as in `mlpipe stage add -n train python train.py`";
        return Err(CliError::usage("the command is empty".to_owned(), hint));
    }
    if draft.params.iter().any(ParamDraft::is_empty) {
        let hint = "name keys, as in `-p lr,train.epochs`, or a file, as in `-p conf.json:`";
        return Err(CliError::usage("`--params` names nothing".to_owned(), hint));
    }
    Ok(())
}

/// Returns the pipeline file of the folder; where there is none, the one to make.
fn pipeline_file(workspace: &Workspace, context: &Context) -> Result<RepoPath, CliError> {
    let ours = context.path(workspace, PIPELINE_FILE)?;
    let other = context.path(workspace, DVC_FILE)?;
    let is_there = |path: &RepoPath| workspace.locate(path).exists();
    Ok(if !is_there(&ours) && is_there(&other) {
        other
    } else {
        ours
    })
}

/// One argument is a text for the shell already; more are the words of a command.
fn command_text(words: &[String]) -> String {
    match words {
        [text] => text.clone(),
        words => {
            let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
            words.join(" ")
        }
    }
}

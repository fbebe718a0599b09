//! What may be typed: the options of all commands and the commands.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::cli::commands::{
    add, artifacts, badge, cache, check, check_ignore, checkout, ci, comment, commit, config, dag,
    data_status, diff, doctor, du, freeze, fsck, gate, gc, get, git, import, import_dvc, init,
    install, ls, metrics, mv, params, plots, pr, remote, remove, report, repro, stage, status,
    transfer, unprotect, update,
};

/// Reproducible machine-learning pipelines, tied to git
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Run as if started in this folder
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) cd: Option<PathBuf>,

    /// Print only failures
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make this folder an mlpipe project
    Init(init::InitArgs),
    /// Run the stages whose data, code or parameters changed
    Repro(repro::ReproArgs),
    /// Track files and folders, or record what has changed in them
    Add(add::AddArgs),
    /// Record what is in the workspace as the stages' results, without running them
    Commit(commit::CommitArgs),
    /// Put recorded data and outs in place that are missing or differ, from the cache
    Checkout(checkout::CheckoutArgs),
    /// Say which stages would run, and why
    Status(status::StatusArgs),
    /// Add stages to a pipeline file, or list those there are
    Stage(stage::StageArgs),
    /// Keep stages from running, whatever changes
    Freeze(freeze::FreezeArgs),
    /// Let frozen stages run again
    Unfreeze(freeze::FreezeArgs),
    /// Remove stages from their pipeline file, or stop tracking data
    Remove(remove::RemoveArgs),
    /// Move an out or tracked data, in the workspace and in the stages that make and read it
    #[command(alias = "mv")]
    Move(mv::MoveArgs),
    /// Say which tracked data and outs differ between two revisions, or a revision and the workspace
    Diff(diff::DiffArgs),
    /// Say where tracked data stands
    Data(data_status::DataArgs),
    /// List files of git and tracked data together, be they checked out or not
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    /// Say how large tracked data is, and how much of it the cache holds
    Du(du::DuArgs),
    /// Say which pattern of a .mlpipeignore keeps a path from being data
    CheckIgnore(check_ignore::CheckIgnoreArgs),
    /// List named artifacts, and register versions and stages of them as git tags
    Artifacts(artifacts::ArtifactsArgs),
    /// Track a file or folder of another git repository, of mlpipe's or DVC's
    Import(import::ImportArgs),
    /// Track a file or folder at a URL
    ImportUrl(import::ImportUrlArgs),
    /// Bring imported data up to date
    Update(update::UpdateArgs),
    /// Fetch a file or folder of another git repository, without tracking it
    Get(get::GetArgs),
    /// Fetch a file or folder at a URL, without tracking it
    GetUrl(get::GetUrlArgs),
    /// List what is at a URL
    #[command(alias = "list-url")]
    LsUrl(get::LsUrlArgs),
    /// Take this project over from DVC: its data, its stages and what they ran with
    ImportDvc(import_dvc::ImportDvcArgs),
    /// Make files that are links into the cache writable
    Unprotect(unprotect::UnprotectArgs),
    /// Show which stage needs which
    Dag(dag::DagArgs),
    /// Show metrics, or compare them with another revision
    Metrics(metrics::MetricsArgs),
    /// Show parameters, or compare them with another revision
    Params(params::ParamsArgs),
    /// Judge the metrics by the pipeline's gates
    Gate(gate::GateArgs),
    /// Draw plots, of several revisions over each other
    Plots(plots::PlotsArgs),
    /// Write a report of what changed against a base
    Report(report::ReportArgs),
    /// Post the report to the pull or merge request, in one comment that is kept up to date
    Comment(comment::CommentArgs),
    /// Set a check on the commit by the gates, around a command or without one
    Check(check::CheckArgs),
    /// Commit files to a branch and open a pull request
    Pr(pr::PrArgs),
    /// Let git merge data.lock by stages, and show what is out of date, and bring outs on checkout
    Install(install::InstallArgs),
    /// Show or change settings
    Config(config::ConfigArgs),
    /// Show or change where the cache is
    Cache(cache::CacheArgs),
    /// Upload data, outs and runs that the remote lacks
    Push(transfer::PushArgs),
    /// Download what the cache lacks, and put it in place
    Pull(transfer::PullArgs),
    /// Download what the cache lacks
    Fetch(transfer::FetchArgs),
    /// Name the places that data is pushed to and pulled from
    Remote(remote::RemoteArgs),
    /// Delete from the cache what nobody needs, and pack the rest
    Gc(gc::GcArgs),
    /// Check every byte in the cache
    Fsck(fsck::FsckArgs),
    /// Make the badge of a metric, or publish it
    Badge(badge::BadgeArgs),
    /// Write workflows for a CI system
    Ci(ci::CiArgs),
    /// Say what a run or a deploy needs, and whether it is there
    Doctor(doctor::DoctorArgs),
    /// Do what git calls for
    #[command(hide = true)]
    Git(git::GitArgs),
    /// Run a built-in stage of the image-classification example
    #[cfg(feature = "ml")]
    Ml(crate::cli::commands::ml::MlArgs),
}

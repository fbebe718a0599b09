//! What may be typed: the options of all commands and the commands.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::cli::commands::{
    add, artifacts, badge, cache, check, check_ignore, checkout, ci, comment, commit, completion,
    config, dag, data_status, diff, doctor, du, freeze, fsck, gate, gc, get, git, import,
    import_dvc, init, install, ls, metrics, mv, params, plots, pr, remote, remove, report, repro,
    stage, status, transfer, unprotect, update,
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
    /// Record what is there as the stages' results, running nothing
    Commit(commit::CommitArgs),
    /// Put recorded data and outs in place, from the cache
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
    #[command(alias = "rm")]
    Remove(remove::RemoveArgs),
    /// Move an out or tracked data, and rename it in the stages
    #[command(alias = "mv")]
    Move(mv::MoveArgs),
    /// Compare data and outs of two revisions, or of one and now
    Diff(diff::DiffArgs),
    /// Say where tracked data stands
    Data(data_status::DataArgs),
    /// List files of git and tracked data together, of any revision
    #[command(alias = "list")]
    Ls(ls::LsArgs),
    /// Say how large tracked data is, and what the cache has of it
    Du(du::DuArgs),
    /// Say which pattern of a .mlpipeignore leaves a path out
    CheckIgnore(check_ignore::CheckIgnoreArgs),
    /// List named artifacts, register versions and stages of them
    Artifacts(artifacts::ArtifactsArgs),
    /// Track a file or folder of another repository
    Import(import::ImportArgs),
    /// Track a file or folder at a URL
    ImportUrl(import::ImportUrlArgs),
    /// Bring imported data up to date
    Update(update::UpdateArgs),
    /// Fetch a file or folder of another repository, untracked
    Get(get::GetArgs),
    /// Fetch a file or folder at a URL, untracked
    GetUrl(get::GetUrlArgs),
    /// List what is at a URL
    #[command(alias = "list-url")]
    LsUrl(get::LsUrlArgs),
    /// Take this project over from DVC, with what it has run
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
    /// Keep one comment with the report on the pull request
    Comment(comment::CommentArgs),
    /// Set a check on the commit by the gates or a command
    Check(check::CheckArgs),
    /// Commit files to a branch and open a pull request
    Pr(pr::PrArgs),
    /// Let git merge data.lock, check out data, push what it needs
    Install(install::InstallArgs),
    /// Show or change settings
    Config(config::ConfigArgs),
    /// Print the way to the project's root
    Root,
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
    /// Print what a shell completes commands and options with
    Completion(completion::CompletionArgs),
    /// Say what a run or CI needs, and whether it is there
    Doctor(doctor::DoctorArgs),
    /// Do what git calls for
    #[command(hide = true)]
    Git(git::GitArgs),
    /// Run a built-in stage of the image-classification example
    #[cfg(feature = "ml")]
    Ml(crate::cli::commands::ml::MlArgs),
}

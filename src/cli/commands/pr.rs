//! `mlpipe pr`.

use clap::Args;

use crate::base::fs;
use crate::cli::commands::Context;
use crate::cli::commands::forge::ForgeArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::ui;
use crate::forge::{
    Commit, Environment, Error, FileChange, Forge, Head, NewPull, Permission, Place, Pull, Start,
    Written,
};
use crate::scm::Repo;

#[derive(Debug, Args)]
pub(crate) struct PrArgs {
    /// The files, as they are here
    #[arg(required = true)]
    files: Vec<String>,

    /// Commit to this branch [default: mlpipe/ and the commit's first digits]
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,

    /// Ask for it to be merged into this branch [default: the repository's]
    #[arg(long, value_name = "BRANCH")]
    into: Option<String>,

    /// Give it this title
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// Let it say this, as markdown
    #[arg(long, value_name = "TEXT", default_value = "")]
    body: String,

    /// Say that it is not to be merged yet
    #[arg(long)]
    draft: bool,

    #[command(flatten)]
    forge: ForgeArgs,
}

/// Commits the files and opens a pull request, unless both are there already.
pub(crate) fn run(args: &PrArgs, context: &Context) -> Result<Exit, CliError> {
    let place = args
        .forge
        .place(&Environment::of_process(), &context.folder)?;
    let files = read(args, context)?;
    let sha = place.job.sha.as_deref().ok_or(Error::UnknownCommit)?;
    let short: String = sha.chars().take(7).collect();
    let branch = args.branch.clone().unwrap_or(format!("mlpipe/{short}"));
    let title = args.title.clone().unwrap_or_else(|| {
        let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        format!("Update {}", names.join(", "))
    });
    let forge = args.forge.open(&place, Permission::Pull)?;
    let forge = forge.as_ref();
    let base = match &args.into {
        Some(base) => base.clone(),
        None => forge.default_branch()?,
    };
    if branch == base {
        return Err(CliError::usage(
            format!("`{branch}` is the branch that it would be merged into"),
            "`--branch` names another",
        ));
    }
    if !args.forge.dry_run && is_there(forge, &base, &files)? {
        context.say(&format!(
            "nothing to do: {base} has these files as they are\n"
        ));
        return Ok(Exit::Success);
    }
    let commit = Commit {
        branch: branch.clone(),
        start: Start::Branch(base.clone()),
        message: title.clone(),
        files,
    };
    let written = forge.commit_files(&commit)?;
    let new = NewPull {
        title,
        body: args.body.clone(),
        head: branch,
        base,
        is_draft: args.draft,
    };
    let (pull, is_new) = open(forge, &place, &new)?;
    if !args.forge.dry_run {
        let commit = match &written {
            Written::Committed(_) => "committed to",
            Written::Unchanged => "nothing new for",
        };
        let opened = if is_new { "opened" } else { "open already" };
        context.say(&format!("{commit} {}; {opened}: ", new.head));
        let mark = place.kind.pull_mark();
        ui::print(&match pull.page.as_str() {
            "" => format!("{mark}{}\n", pull.number),
            page => format!("{page}\n"),
        })?;
    }
    Ok(Exit::Success)
}

/// Returns the open pull request of the branch, or opens one; and whether it is new.
fn open(forge: &dyn Forge, place: &Place, new: &NewPull) -> Result<(Pull, bool), Error> {
    let (owner, _) = place.repo.split_once('/').unwrap_or((&place.repo, ""));
    let head = Head {
        owner: owner.to_owned(),
        branch: new.head.clone(),
    };
    if let Some(pull) = forge.pull_of(&head, None)? {
        return Ok((pull, false));
    }
    match forge.create_pull(new) {
        Ok(pull) => Ok((pull, true)),
        // Somebody was faster, or it is not known whether it was opened.
        Err(error) if matches!(error, Error::Uncertain { .. }) || is_conflict(&error) => {
            match forge.pull_of(&head, None)? {
                Some(pull) => Ok((pull, false)),
                None => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

fn is_conflict(error: &Error) -> bool {
    matches!(error.status(), Some(409 | 422))
}

/// Returns whether the branch has all files as they are here.
fn is_there(forge: &dyn Forge, branch: &str, files: &[FileChange]) -> Result<bool, Error> {
    for file in files {
        let old = forge.read_file(branch, &file.path)?;
        if file.after(old.as_deref())?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read(args: &PrArgs, context: &Context) -> Result<Vec<FileChange>, CliError> {
    let workspace = context.workspace()?;
    let repo = Repo::open(workspace.root())?;
    let mut files = Vec::new();
    for name in &args.files {
        let path = context.path(&workspace, name)?;
        let place = workspace.locate(&path);
        if place.is_dir() {
            return Err(CliError::usage(
                format!("`{name}` is a folder"),
                "name its files, as the shell does with `FOLDER/*`",
            ));
        }
        let content = fs::read(&place)?.ok_or_else(|| {
            CliError::usage(
                format!("the file `{name}` does not exist"),
                "correct its name",
            )
        })?;
        files.push(FileChange::whole(repo.path_in_repository(&path), content));
    }
    Ok(files)
}

//! What the commands have in common that speak with a forge: flags, place, connection.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::base::quantity;
use crate::base::value::Value;
use crate::cli::error::CliError;
use crate::cli::ui;
use crate::forge::{
    Environment, Error, Forge, Job, Kind, Local, Mode, Overrides, Patience, Permission, Place,
    Pull, Telling, unset,
};
use crate::report::Dialect;
use crate::scm::Repo;

#[derive(Debug, Args)]
#[command(next_help_heading = "Forge (found out in CI; these overrule it)")]
pub(crate) struct ForgeArgs {
    /// Speak to this forge
    #[arg(long, value_name = "FORGE")]
    forge: Option<Kind>,

    /// Find its interface at this address, as https://HOST/api/v4
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,

    /// Use this repository, as OWNER/NAME
    #[arg(long, value_name = "REPO")]
    repo: Option<String>,

    /// Use this pull or merge request
    #[arg(long, value_name = "N")]
    pr: Option<u64>,

    /// Say that this is the commit
    #[arg(long, value_name = "COMMIT")]
    sha: Option<String>,

    /// Take the token from this variable of the environment
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,

    /// Wait this long for an answer, and ten times as long for a forge that is busy [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,

    /// Print the requests that would be sent, without the token, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl ForgeArgs {
    /// Finds out where to report to; `folder` is somewhere in the git repository.
    pub(crate) fn place(
        &self,
        environment: &Environment,
        folder: &Path,
    ) -> Result<Place, CliError> {
        let folder = folder.canonicalize().ok();
        let repo = folder.and_then(|folder| Repo::open(&folder).ok());
        let repo = repo.as_ref();
        let local = Local {
            remote: repo.and_then(Repo::remote_url),
            sha: repo.and_then(Repo::head_commit),
            branch: repo.and_then(Repo::branch),
        };
        let job = Job::detect(environment, &local)?;
        let overrides = Overrides {
            forge: self.forge,
            api_url: self.api_url.clone(),
            repo: self.repo.clone(),
            pull: self.pr,
            sha: self.sha.clone(),
            token_env: self.token_env.clone(),
        };
        Ok(Place::find(environment, job, &overrides)?)
    }

    /// Opens the forge at the place, to do what `need` says.
    pub(crate) fn open(&self, place: &Place, need: Permission) -> Result<Box<dyn Forge>, Error> {
        let patience = self
            .timeout
            .map_or_else(Patience::default, |answer| Patience { answer });
        let mode = if self.dry_run { Mode::Dry } else { Mode::Send };
        place.open(mode, patience, need, tell)
    }
}

fn tell(telling: Telling<'_>) {
    match telling {
        Telling::Note(text) => ui::eprint(&format!("{text}\n")),
        Telling::Request(text) => {
            // A reader that has gone has seen enough.
            let _closed = ui::print(text);
        }
    }
}

/// Finds the pull request: the one that is named, else the open one of the branch at this commit.
pub(crate) fn pull(forge: &dyn Forge, place: &Place) -> Result<u64, Error> {
    if let Some(number) = place.job.pull {
        return Ok(number);
    }
    let kind = place.kind;
    let Some(head) = &place.job.head else {
        return Err(Error::UnknownPull { kind });
    };
    let pull: Option<Pull> = forge.pull_of(head, place.job.sha.as_deref())?;
    pull.map(|pull| pull.number)
        .ok_or(Error::UnknownPull { kind })
}

/// Returns the markdown that a forge reads.
pub(crate) fn dialect(kind: Kind) -> Dialect {
    match kind {
        Kind::Github => Dialect::Github,
        Kind::Gitlab => Dialect::Gitlab,
        Kind::Bitbucket => Dialect::Bitbucket,
        Kind::Gitea => Dialect::Gitea,
    }
}

/// Returns why nothing could be written, where that is nobody's mistake: code of a fork runs with a
/// token that may only read, or with none.
pub(crate) fn fork_reason(error: &Error, place: &Place) -> Option<String> {
    if !error.is_denied() {
        return None;
    }
    let is_readonly = error
        .refusal()
        .is_some_and(|refusal| refusal.message.contains("not accessible by integration"));
    let is_unsure = place.job.origin == crate::forge::Origin::Unknown;
    if !(place.is_fork() || is_readonly && is_unsure) {
        return None;
    }
    let what = match error.refusal() {
        Some(refusal) => format!("{} {}", refusal.status.as_u16(), refusal.message),
        None => unset(&place.variables),
    };
    Some(format!(
        "this run is of a fork's code, whose token may at most read ({what})"
    ))
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let time = quantity::duration(&Value::Text(text.to_owned())).filter(|time| !time.is_zero());
    time.ok_or_else(|| "write it as in `30s` or `2 min`".to_owned())
}

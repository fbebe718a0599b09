//! Errors about tracked data and the cache: what to do about them.

use crate::base::human;
use crate::base::path::RepoPath;
use crate::cli::error::CliError;
use crate::data::{self, Refusal};
use crate::engine;
use crate::scm;
use crate::store;

impl From<Refusal> for CliError {
    fn from(error: Refusal) -> Self {
        match error {
            Refusal::Lock(error) => error.into(),
            Refusal::Workspace(error) => error.into(),
            Refusal::Git(error) => error.into(),
            Refusal::Store(error) => error.into(),
            Refusal::Busy(error) => error.into(),
            Refusal::Nested { .. } => Self::new(&error)
                .hint("run `mlpipe gc` when `mlpipe repro` has ended, not in a stage"),
            Refusal::Project {
                ref path,
                ref source,
            } => {
                let told = Self::new(&error);
                if let Some(Refusal::Git(scm::Error::Foreign { path })) = source.downcast_ref() {
                    let hint = format!("`git config --global --add safe.directory {path}` trusts it");
                    return told.hint("nothing was deleted").hint(hint);
                }
                let path = path.display();
                told.hint("nothing was deleted; mend that project, or bring its folder back").hint(format!(
                    "`mlpipe gc --forget-project {path}` is for one that is gone for good"
                ))
            }
            Refusal::Registration { ref name } => Self::new(&error)
                .hint("nothing was deleted; `mlpipe fsck` may mend it")
                .hint(format!(
                    "else run `mlpipe fsck` in the other projects, which registers them again, then \
                     `mlpipe gc --forget-project {name}`"
                )),
            Refusal::Unlisted { ref path } => Self::new(&error)
                .hint(format!(
                    "nothing was deleted; bring the files of `{path}` back and `mlpipe add {path}`, or \
                     `mlpipe remove {path}` if nobody needs them"
                ))
                .hint("`mlpipe gc --allow-missing` deletes what it may need"),
            Refusal::Manifest { ref path } => Self::new(&error).hint(format!(
                "nothing was deleted; `mlpipe add {path}`, or `mlpipe repro` of the stage that makes \
                 it, writes the list again while the files are there"
            )),
        }
    }
}

impl From<data::Error> for CliError {
    fn from(error: data::Error) -> Self {
        let hint = match &error {
            data::Error::Path(_) => "name a path of this project".to_owned(),
            data::Error::Absent {
                path,
                is_tracked: true,
            } => format!(
                "`mlpipe checkout {path}` brings it back; `mlpipe remove {path}` stops tracking it"
            ),
            data::Error::Absent { .. } => "name a file or a folder that is there".to_owned(),
            data::Error::Incomplete { folders, .. } => {
                let folders: Vec<&str> = folders.iter().map(RepoPath::as_str).collect();
                let folders = folders.join(" ");
                return Self::new(&error)
                    .hint(format!(
                        "`mlpipe pull {folders}` gets what is missing, once it is pushed from where it was added"
                    ))
                    .hint("if nobody needs it any more, `--force` records what is there without it");
            }
            data::Error::Undownloaded { path } => format!(
                "`mlpipe update {path}` downloads it; after `mlpipe remove {path}` what is there can be added"
            ),
            data::Error::Root => "name the files and folders that are data".to_owned(),
            data::Error::State { .. } => "copy it to a place of its own, and add that".to_owned(),
            data::Error::ProjectFile { .. } => "leave it to git: `git add` it".to_owned(),
            data::Error::BehindLink { .. } => {
                "add what the link leads to by its own path, if it is in this project".to_owned()
            }
            data::Error::Dangling { .. } => "put a file there, or delete the link".to_owned(),
            data::Error::Inside { tracked, .. } => format!("name that instead: `{tracked}`"),
            data::Error::Around { tracked, .. } => {
                format!("stop that first: `mlpipe remove {tracked}`")
            }
            data::Error::Alike { .. } => {
                "macOS and Windows have one place for both: rename one, or all that name it"
                    .to_owned()
            }
            data::Error::Closed { .. } => return Self::of_closed(&error),
            data::Error::Out { stage, .. } => {
                format!("`mlpipe commit {stage}` records it; or let the stage no longer make it")
            }
            data::Error::HoldsPipeline { .. } => "add the folders in it that are data".to_owned(),
            data::Error::InGit { path } => format!(
                "`git rm -r --cached {path}` takes it from git and leaves it here; then add it again"
            ),
            data::Error::Ignored { file, .. } => format!("take the line out of {file}"),
            data::Error::NoMatch { .. } => {
                "`*` stays within a folder, `**` does not; quote the pattern".to_owned()
            }
            data::Error::Untracked { help, .. } => help
                .clone()
                .unwrap_or_else(|| "`data` in data.lock has what is tracked".to_owned()),
            data::Error::NotRecorded { tracked, .. } => {
                format!("`mlpipe checkout {tracked}` brings all that is")
            }
            data::Error::LockIgnored => {
                return engine::Error::LockIgnored.into();
            }
            data::Error::Workspace(_)
            | data::Error::Pipeline(_)
            | data::Error::Lock(_)
            | data::Error::Git(_)
            | data::Error::Store(_)
            | data::Error::File(_)
            | data::Error::Read(_)
            | data::Error::Pattern(_)
            | data::Error::Walk { .. } => return Self::of_lower(error),
        };
        Self::new(&error).hint(hint)
    }
}

impl CliError {
    /// Explains where somebody has to let us write.
    fn of_closed(error: &data::Error) -> Self {
        let this = Self::new(error);
        match error {
            data::Error::Closed {
                place, is_cache, ..
            } if *is_cache => this.hint(format!(
                "`chmod -R u+w {place}` if it is yours; `mlpipe cache dir DIR` takes another cache"
            )),
            data::Error::Closed { place, .. } => this.hint(format!(
                "`chmod u+w {place}` if it is yours; then run it again"
            )),
            _ => this,
        }
    }

    fn of_lower(error: data::Error) -> Self {
        match error {
            data::Error::Workspace(error) => error.into(),
            data::Error::Pipeline(error) => error.into(),
            data::Error::Lock(error) => error.into(),
            data::Error::Git(error) => error.into(),
            data::Error::Store(error) => error.into(),
            data::Error::File(error) => error.into(),
            error => Self::new(&error),
        }
    }
}

/// Explains what went wrong with a path while others went well.
pub(crate) fn explain_failed_data(error: &data::Error) -> CliError {
    CliError::of_closed(error)
}

/// Explains why tracked data cannot be looked at.
pub(crate) fn explain_unreadable(path: &RepoPath, error: &store::Error) -> CliError {
    let error = CliError::new(error);
    let message = format!("cannot look at `{path}`: {}", error.message);
    CliError { message, ..error }.hint(format!(
        "move it away, or name it in a .mlpipeignore; then `mlpipe status {path}`"
    ))
}

/// Explains why tracked data was not put in place; `None` if it was.
pub(crate) fn explain_checkout(path: &str, outcome: &data::Outcome) -> Option<CliError> {
    let error = |message| CliError::plain(message);
    Some(match outcome {
        data::Outcome::Refused {
            files,
            is_partial: true,
        } => explain_held(path, files),
        data::Outcome::Refused { files, .. } => {
            let message = match files.as_slice() {
                [only] if only == path => {
                    format!("`{path}` is left as it is: what is there is in no cache")
                }
                files => {
                    let (count, names) =
                        (human::count(files.len(), "file"), human::first_of(files));
                    format!("`{path}` is left as it is: {count} in no cache: {names}")
                }
            };
            error(message)
                .hint(format!("`mlpipe add {path}` records what is there"))
                .hint(format!(
                    "`mlpipe checkout --force {path}` overwrites it, and keeps that in `.mlpipe/kept`"
                ))
        }
        data::Outcome::Lost { files, is_partial } => {
            let message = match files.as_slice() {
                [only] if only == path => format!("`{path}` is not in the cache"),
                files => {
                    let (count, names) =
                        (human::count(files.len(), "file"), human::first_of(files));
                    format!("`{path}` is not in the cache as a whole: {count} missing: {names}")
                }
            };
            let error = error(message)
                .hint("`mlpipe pull` gets it, once it is pushed from where the data was added");
            if *is_partial {
                return Some(error.hint("all its other files were put in place"));
            }
            error
        }
        data::Outcome::Failed(failure @ data::Error::Closed { .. }) => CliError::of_closed(failure),
        data::Outcome::Failed(failure @ data::Error::NotRecorded { tracked, .. }) => {
            CliError::new(failure).hint(format!("`mlpipe checkout {tracked}` brings all that is"))
        }
        data::Outcome::Failed(failure @ data::Error::Inside { path, tracked }) => {
            CliError::new(failure).hint(format!(
                "data.lock records both, as after a merge: `mlpipe remove {path}` leaves it to `{tracked}`"
            ))
        }
        data::Outcome::Failed(failure) => {
            let mut error = CliError::new(failure);
            error.message = format!("`{path}` was not put in place: {}", error.message);
            error
        }
        data::Outcome::Unchanged
        | data::Outcome::Relinked
        | data::Outcome::Restored
        | data::Outcome::Replaced => return None,
    })
}

/// Explains which files of a folder were not put in place, while all others were.
fn explain_held(path: &str, files: &[String]) -> CliError {
    let (count, names) = (human::count(files.len(), "path"), human::first_of(files));
    CliError::plain(format!(
        "`{path}` is as recorded but for {count} in no cache, left as they are: {names}"
    ))
    .hint(format!(
        "`mlpipe add {path}` records those beside all else that is recorded"
    ))
    .hint(format!(
        "`mlpipe checkout --force {path}` puts what is recorded in their place, and keeps them in \
         `.mlpipe/kept`"
    ))
}

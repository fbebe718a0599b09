//! `Locator`: finds the paths that a stage reads and writes, and refuses those that it cannot.

use std::path::Path;

use crate::base::any_path::AnyPath;
use crate::base::document::Origin;
use crate::base::path::{PathError, RepoPath};
use crate::base::problem::Problem;
use crate::pipeline::pattern::Pattern;
use crate::pipeline::stage::{Dep, Out};

/// Understands paths as a stage's command does.
pub(super) struct Locator<'a> {
    /// Where the project is.
    pub(super) root: &'a Path,
    /// The folder that the stage runs in.
    pub(super) wdir: &'a RepoPath,
}

impl Locator<'_> {
    /// Finds what a dep names: a file, a folder, a pattern of files, or something at a URL.
    pub(super) fn dep(&self, text: &str, origin: &Origin) -> Result<Dep, Problem> {
        if is_url(text) {
            refuse_secret(text, origin)?;
            let (url, origin) = (text.to_owned(), origin.clone());
            return Ok(Dep::Url { url, origin });
        }
        let path = self.find(text, origin)?;
        let origin = origin.clone();
        match path {
            AnyPath::Inside(path) if Pattern::is_pattern(path.as_str()) => {
                let pattern = Pattern::new(path).map_err(|message| origin.problem(message))?;
                Ok(Dep::Glob { pattern, origin })
            }
            AnyPath::Outside(_) if Pattern::is_pattern(text) => {
                let problem =
                    origin.problem(format!("the pattern `{text}` leads out of the project"));
                Err(problem.help("name the folder instead, or each of the files"))
            }
            path => Ok(Dep::Path { path, origin }),
        }
    }

    /// Finds what an out names.
    pub(super) fn out(&self, text: &str, origin: &Origin) -> Result<AnyPath, Problem> {
        if is_url(text) {
            refuse_secret(text, origin)?;
            let problem = origin.problem(format!("`{text}`: outs on URLs are not supported"));
            return Err(problem.help(
                "write a file here as the out, and let `mlpipe push` take it to a remote; or upload it in \
                 `cmd`, and name the URL as a dep of the stage that reads it",
            ));
        }
        self.find(text, origin)
    }

    fn find(&self, text: &str, origin: &Origin) -> Result<AnyPath, Problem> {
        let path = text.strip_prefix("file://").unwrap_or(text);
        if path.len() < text.len() && !path.starts_with('/') {
            let problem = origin.problem(format!("`{text}` names no path of this machine"));
            return Err(problem.help("a `file://` path is absolute, as in `file:///data/x.csv`"));
        }
        AnyPath::resolve(self.root, self.wdir, path).map_err(|error| {
            let problem = origin.problem(error.to_string());
            match error {
                PathError::Around(_) => {
                    problem.help("name what you mean of it: a file or a folder")
                }
                _ => problem,
            }
        })
    }
}

/// Refuses what cannot be done with an out that is not in the project.
pub(super) fn refuse_cached_outside(out: &Out) -> Result<(), Problem> {
    if !out.cache || out.path.inside().is_some() {
        return Ok(());
    }
    let path = &out.path;
    let problem = out.origin.problem(format!(
        "the out `{path}` lies outside the project and cannot be cached"
    ));
    Err(problem.help(format!(
        "add `cache: false`, as in `- {path}: {{cache: false}}`"
    )))
}

/// Refuses a URL that says who may read what it names: pipelines and locks are for all to see.
fn refuse_secret(url: &str, origin: &Origin) -> Result<(), Problem> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let login = authority.rsplit_once('@').map(|(login, _)| login);
    if login.is_some_and(|login| login.contains(':')) {
        let problem = origin.problem("the URL of a dep or an out holds a password");
        return Err(problem.help(
            "make it a remote and set `password` with `mlpipe remote modify --local`, then name it as \
             `remote://NAME/path`",
        ));
    }
    if scheme.starts_with("http") && rest.contains('?') {
        let problem = origin.problem("what stands behind `?` in a URL cannot be asked for");
        return Err(problem.help(
            "let a command ask, whose output is the dep: `deps: [{cmd: \"curl -sfI URL | grep -i etag\"}]`",
        ));
    }
    if scheme.starts_with("http") && rest.contains('#') {
        let problem = origin.problem("what stands behind `#` in a URL is never asked for");
        return Err(problem.help("leave it out; a `#` in a name is written `%23`"));
    }
    Ok(())
}

/// Whether a text begins with a scheme, as in `s3://`; that of files names a path like any other.
fn is_url(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once("://") else {
        return false;
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    scheme != "file"
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(is_part)
}

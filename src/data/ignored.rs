//! `.mlpipeignore`: what the project says is not data, in the grammar of `.gitignore`.

use ignore::Match;
use ignore::gitignore::GitignoreBuilder;

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::workspace::Workspace;

const IGNORE_FILE: &str = ".mlpipeignore";

/// Returns the file that says that `path`, or a folder around it, is not data; `None` if none does.
pub(super) fn ignoring_file(
    workspace: &Workspace,
    path: &RepoPath,
    is_folder: bool,
) -> Result<Option<RepoPath>, fs::Error> {
    // The nearest file with a word on it wins.
    for folder in path.ancestors().skip(1).chain(["."]) {
        let Some(inner) = below(path.as_str(), folder) else {
            continue;
        };
        let file = RepoPath::parse(folder)
            .and_then(|folder| folder.join(IGNORE_FILE))
            .expect("invariant: a folder above a path is one");
        let Some(bytes) = fs::read(&workspace.locate(&file))? else {
            continue;
        };
        let mut builder = GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A line that is no pattern ignores nothing, as in git.
            drop(builder.add_line(None, line));
        }
        let Ok(rules) = builder.build() else { continue };
        match rules.matched_path_or_any_parents(inner, is_folder) {
            Match::Ignore(_) => return Ok(Some(file)),
            Match::Whitelist(_) => return Ok(None),
            Match::None => {}
        }
    }
    Ok(None)
}

fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder == "." {
        return Some(path);
    }
    path.strip_prefix(folder)?.strip_prefix('/')
}

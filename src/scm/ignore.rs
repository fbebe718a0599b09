//! Keeps what the cache holds out of git: one line per out in the `.gitignore` beside it.

use std::path::Path;

use crate::base::fs;
use crate::base::path::RepoPath;
use crate::scm::error::Error;

/// Adds `path` to the `.gitignore` of its folder, unless it is there already.
pub(crate) fn ignore_out(root: &Path, path: &RepoPath) -> Result<(), Error> {
    let file = path.parent().on_disk(root).join(".gitignore");
    let text = fs::read(&file)?.unwrap_or_default();
    let line = line_for(path);
    // The file is the user's and need not be UTF-8: its lines are never read as text.
    if text
        .split(|byte| *byte == b'\n')
        .any(|known| is_line(known, &line))
    {
        return Ok(());
    }
    let gap = if text.is_empty() || text.ends_with(b"\n") {
        ""
    } else {
        "\n"
    };
    Ok(fs::append(&file, format!("{gap}{line}\n").as_bytes())?)
}

/// Takes `path` out of the `.gitignore` of its folder; a file that is empty then goes too.
pub(crate) fn stop_ignoring(root: &Path, path: &RepoPath) -> Result<(), Error> {
    let file = path.parent().on_disk(root).join(".gitignore");
    let Some(text) = fs::read(&file)? else {
        return Ok(());
    };
    let line = line_for(path);
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    let is_other = |known: &&[u8]| !is_line(known.strip_suffix(b"\n").unwrap_or(known), &line);
    let kept = lines.filter(is_other).collect::<Vec<_>>().concat();
    if kept == text {
        return Ok(());
    }
    if kept.is_empty() {
        return Ok(fs::remove(&file)?);
    }
    Ok(fs::write_atomic(&file, &kept)?)
}

fn line_for(path: &RepoPath) -> String {
    format!("/{}", escape(path.name()))
}

fn is_line(known: &[u8], line: &str) -> bool {
    let known = known.strip_suffix(b"\r").unwrap_or(known);
    known.strip_suffix(b"/").unwrap_or(known) == line.as_bytes()
}

/// Writes a name so that git takes each of its characters for itself.
fn escape(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    match pattern.strip_suffix(' ') {
        Some(start) => format!("{start}\\ "),
        None => pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_out_gets_one_line_and_other_lines_stay() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = RepoPath::parse("data/a*").expect("a path");
        fs::write_atomic(&folder.path().join("data/.gitignore"), b"\xe9.tmp").expect("writes");
        ignore_out(folder.path(), &path).expect("adds");
        ignore_out(folder.path(), &path).expect("adds nothing");
        let text = fs::read(&folder.path().join("data/.gitignore")).expect("reads");
        assert_eq!(text.as_deref(), Some(&b"\xe9.tmp\n/a\\*\n"[..]));
        stop_ignoring(folder.path(), &path).expect("removes");
        let text = fs::read(&folder.path().join("data/.gitignore")).expect("reads");
        assert_eq!(text.as_deref(), Some(&b"\xe9.tmp\n"[..]));
    }
}

//! How many lines of a file came and went, as git counts them.

use git2::Patch;

use crate::scm::error::Error;

/// Returns how many lines were added and how many were removed. Of files that are no text none are.
pub(crate) fn line_changes(old: &[u8], new: &[u8]) -> Result<(usize, usize), Error> {
    let patch = Patch::from_buffers(old, None, new, None, None)?;
    let (_, added, removed) = patch.line_stats()?;
    Ok((added, removed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_by_git() {
        let count = |old: &str, new: &str| line_changes(old.as_bytes(), new.as_bytes()).ok();
        assert_eq!(count("a\nb\nc\n", "a\nB\nc\nd\n"), Some((2, 1)));
        assert_eq!(count("", "a\n"), Some((1, 0)));
        assert_eq!(count("a\0b", "a\0c"), Some((0, 0)));
    }
}

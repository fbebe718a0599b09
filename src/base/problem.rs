//! `Problem`: what is wrong in a file that the user wrote, with its place. Rendering is the cli's.

use std::fmt;
use std::sync::Arc;

/// A position in a text; both numbers count from one, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// Something wrong in a file of the user's: what, where, and what may be done.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The file as the user knows it: relative to the project, maybe with its revision.
    pub file: String,
    /// The file's text, for the excerpt.
    pub text: Arc<str>,
    /// Where in the text, if it has a place.
    pub place: Option<Place>,
    /// What to do, as a sentence that follows the excerpt.
    pub help: Option<String>,
}

impl Problem {
    /// Makes a problem of a whole file.
    pub(crate) fn new(file: &str, text: &str, message: impl Into<String>) -> Self {
        let (file, text) = (file.to_owned(), Arc::from(text));
        Self {
            message: message.into(),
            file,
            text,
            place: None,
            help: None,
        }
    }

    /// Puts the problem at `place`.
    #[must_use]
    pub(crate) fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(Place { line, column }) => {
                write!(out, "{} ({}:{line}:{column})", self.message, self.file)
            }
            None => write!(out, "{} ({})", self.message, self.file),
        }
    }
}

impl std::error::Error for Problem {}

/// Returns ``did you mean `x`?`` for the candidate that is closest to `word`, if one is close.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let near = |candidate: &&str| {
        let distance = strsim::damerau_levenshtein(word, candidate);
        (distance <= 1 + candidate.chars().count() / 4).then_some(distance)
    };
    let best = candidates
        .into_iter()
        .filter_map(|word| Some((near(&word)?, word)))
        .min()?;
    Some(format!("did you mean `{}`?", best.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_close() {
        assert_eq!(
            did_you_mean("dep", ["deps", "cmd"]).as_deref(),
            Some("did you mean `deps`?")
        );
        assert_eq!(did_you_mean("zebra", ["deps", "cmd"]), None);
    }
}

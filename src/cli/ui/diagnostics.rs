//! Errors as people read them: what, where in the file, why, and what to do next.

use std::error::Error;
use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use crate::base::problem::{Place, Problem};
use crate::cli::error::CliError;
use crate::cli::ui::style::{DIM, FAILED, paint};

/// A longer line, as of a minified file, is not quoted.
const LONGEST_EXCERPT: usize = 400;

/// Writes an error with its excerpt, causes and hints.
pub(crate) fn render(error: &CliError) -> String {
    let mut text = format!("{} {}\n", paint(FAILED, "error:"), error.message);
    let mut help = None;
    if let Some(problem) = &error.problem {
        let shown = Shown::new(problem);
        // Without an excerpt to stand in, the help is a hint like the others.
        if shown.as_ref().is_none_or(Shown::is_at_end) {
            help = problem.help.as_ref();
        }
        text += &excerpt(problem, shown.as_ref());
    }
    for cause in error.causes.iter().filter(|cause| !cause.is_empty()) {
        text += &format!("  because {cause}\n");
    }
    for hint in help.into_iter().chain(&error.hints) {
        text += &format!(
            "  {} {}\n",
            paint(DIM, "hint:"),
            hint.replace('\n', "\n        ")
        );
    }
    relative_to_here(&text)
}

/// Paths are shown as the user would type them.
fn relative_to_here(text: &str) -> String {
    match std::env::current_dir() {
        Ok(folder) => text.replace(&format!("{}/", folder.display()), ""),
        Err(_) => text.to_owned(),
    }
}

/// Shows the line in question with a mark below the place; only the file's name without a place.
fn excerpt(problem: &Problem, shown: Option<&Shown>) -> String {
    let Some(shown) = shown else {
        return match problem.place {
            Some(Place { line, column }) => format!("  in {}:{line}:{column}\n", problem.file),
            None => format!("  in {}\n", problem.file),
        };
    };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_context_lines(1)
        .without_syntax_highlighting();
    let mut text = String::new();
    match handler.render_report(&mut text, shown) {
        // The first lines hold the message, which stands above already.
        Ok(()) => text
            .lines()
            .skip_while(|line| !line.contains('╭'))
            .fold(String::new(), |all, line| all + line.trim_end() + "\n"),
        Err(_) => format!("  in {problem}\n"),
    }
}

/// A problem in the form that miette draws.
#[derive(Debug)]
struct Shown {
    source: NamedSource<String>,
    offset: usize,
    length: usize,
    help: Option<String>,
}

impl Shown {
    /// Whether the place is behind all that is quoted, where no mark can stand.
    fn is_at_end(&self) -> bool {
        self.offset >= self.source.inner().len()
    }

    fn new(problem: &Problem) -> Option<Self> {
        let Place { line, column } = problem.place?;
        let start = problem
            .text
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum::<usize>();
        let rest = problem
            .text
            .get(start..)?
            .lines()
            .next()
            .unwrap_or_default();
        // The neighbours are quoted as well.
        let quoted = problem.text.lines().skip(line.saturating_sub(2)).take(3);
        if quoted.into_iter().any(|line| line.len() > LONGEST_EXCERPT) {
            return None;
        }
        let inner = rest
            .char_indices()
            .nth(column - 1)
            .map_or(rest.len(), |(index, _)| index);
        let word = rest[inner..]
            .split([' ', ':', ',', ']', '}', '#'])
            .next()
            .unwrap_or_default();
        let source = NamedSource::new(&problem.file, without_passwords(&problem.text));
        Some(Self {
            source,
            offset: start + inner,
            length: word.len().max(1),
            help: problem.help.clone(),
        })
    }
}

/// Masks what stands between user and host in URLs, byte for byte, so that places stay what they are:
/// errors are shown in logs that others read.
fn without_passwords(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "'\"`<>".contains(c);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, behind) = rest.split_at(start + 3);
        let word = behind.split(ends).next().unwrap_or_default();
        let login = word.rfind('@').map_or("", |at| &word[..at]);
        let user = login.find(':').map_or(login.len(), |colon| colon + 1);
        shown += before;
        shown += &login[..user];
        shown += &"*".repeat(login.len() - user);
        rest = &behind[login.len()..];
    }
    shown + rest
}

impl fmt::Display for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("error")
    }
}

impl Error for Shown {}

impl Diagnostic for Shown {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(self.help.clone(), (self.offset, self.length));
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_told_where_nothing_can_be_quoted() {
        let told = |text: &str, line, column| {
            let problem = Problem::new("m.json", text, "no").help("do that");
            render(&problem.at(Some(Place { line, column })).into())
        };
        assert!(told("ab\n", 1, 1).contains("╰── do that"));
        for (text, line) in [("ab\n", 2), (&"x".repeat(2 * LONGEST_EXCERPT), 1)] {
            let told = told(text, line, 1);
            assert!(
                told.contains("hint: do that\n") || told.contains(" do that\n"),
                "{told}"
            );
            assert!(!told.contains("── do that"), "{told}");
        }
    }

    #[test]
    fn passwords_are_masked_in_their_place() {
        let text = "a: ['s3://b', 'https://me:se/cret@a.org/x'] # me:x@y\nb: ssh://me@a.org:22/x";
        let shown = without_passwords(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(shown, text.replace("se/cret", "*******"));
    }
}

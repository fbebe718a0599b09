//! `Written`: a report as text, whatever the user's own templates are like.

use crate::base::problem::Problem;
use crate::report::model::Report;
use crate::report::template::Templates;

/// A report as text.
pub(crate) struct Written {
    /// The text.
    pub(crate) text: String,
    /// What is wrong in the user's templates, whose parts ours have written.
    pub(crate) mistakes: Vec<Problem>,
}

/// Writes a report by `write`. What a template with a mistake stands for is written by ours, and a note
/// says so: a slip in one table must not cost the verdict.
pub(crate) fn write(
    mut report: Report,
    mut templates: Templates,
    mut mistakes: Vec<Problem>,
    write: impl Fn(&Report, &Templates) -> Result<String, Problem>,
) -> Result<Written, Problem> {
    report.notes.extend(mistakes.iter().map(note));
    loop {
        match write(&report, &templates) {
            Ok(text) => return Ok(Written { text, mistakes }),
            Err(mistake) if templates.give_up(&mistake) => {
                report.notes.push(note(&mistake));
                mistakes.push(mistake);
            }
            // One of ours is no business of the user's.
            Err(mistake) => return Err(mistake),
        }
    }
}

fn note(mistake: &Problem) -> String {
    let Problem { file, message, .. } = mistake;
    let place = mistake.place.map_or(String::new(), |place| {
        format!(":{}:{}", place.line, place.column)
    });
    format!("{file}{place}: {message}; our own template stands in for it")
}

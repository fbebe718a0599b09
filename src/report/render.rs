//! Turns a report into markdown with Tera, by our own template or the user's.

use tera::{Context, ErrorKind, Tera};

use crate::base::problem::{Place, Problem};
use crate::report::markdown::escape;
use crate::report::model::Report;

const TEMPLATE: &str = include_str!("templates/report.md");

/// Renders `report` by our template, or by the user's, given as its name and its text. Every value is escaped for markdown unless the template says `| safe`.
pub(crate) fn render(report: &Report, template: Option<(&str, &str)>) -> Result<String, Problem> {
    let (file, text) = template.unwrap_or(("report.md", TEMPLATE));
    let mut tera = Tera::default();
    tera.autoescape_on(vec![""]);
    tera.set_escape_fn(|text, out| out.write_all(escape(text).as_bytes()));
    let problem = |error: &tera::Error| problem(file, text, error);
    tera.add_raw_template(file, text)
        .map_err(|error| problem(&error))?;
    let context = Context::from_serialize(report).map_err(|error| problem(&error))?;
    let rendered = tera
        .render(file, &context)
        .map_err(|error| problem(&error))?;
    Ok(tidy(&rendered))
}

/// Ends with one newline and has no two empty lines in a row, whatever the template left.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut is_gap = true;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() && is_gap {
            continue;
        }
        is_gap = line.is_empty();
        tidied.push_str(line);
        tidied.push('\n');
    }
    format!("{}\n", tidied.trim_end())
}

/// Puts tera's error at its place in the template.
fn problem(file: &str, text: &str, error: &tera::Error) -> Problem {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let span = report.span();
            let place = Place {
                line: span.start_line,
                column: span.start_col + 1,
            };
            Problem::new(file, text, report.message()).at(Some(place))
        }
        kind => {
            let message = kind.to_string();
            Problem::new(file, text, message.trim_start_matches("error: "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::Row;

    fn report() -> Report {
        let text = str::to_owned;
        Report {
            headline: text("accuracy 0.9800 → 0.9900 (+1.00 pp)"),
            base: None,
            metrics: vec![Row {
                path: text("m.json"),
                key: text("evil|key"),
                old: text("1"),
                new: text("2"),
                arrow: text("▲"),
                delta: text("+1"),
                verdict: String::new(),
            }],
            unchanged_metrics: 0,
            params: Vec::new(),
            stages: Vec::new(),
            confusions: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn values_are_escaped_and_the_table_is_whole() {
        let rendered = render(&report(), None).expect("renders");
        assert!(
            rendered.contains("| evil\\|key | 1 | 2 | ▲ +1 |\n"),
            "{rendered}"
        );
        assert!(rendered.starts_with("### accuracy 0.9800 → 0.9900 (+1.00 pp)\n\n| metric |"));
    }

    #[test]
    fn a_mistake_in_a_template_has_its_place() {
        let error = render(&report(), Some(("own.md", "fine\n{{ nope }}\n"))).expect_err("unknown");
        assert_eq!(error.place.map(|place| place.line), Some(2), "{error}");
        let error = render(&report(), Some(("own.md", "{% if %}"))).expect_err("syntax");
        assert_eq!(error.place.map(|place| place.line), Some(1), "{error}");
    }
}

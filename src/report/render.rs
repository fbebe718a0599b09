//! Turns a report into text with Tera, by our own templates or the user's.

use serde::Serialize;
use tera::{Context, EscapeFn, Kwargs, State, Tera};

use crate::base::human;
use crate::base::markup::escape_html;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::report::dialect::Dialect;
use crate::report::markdown;
use crate::report::model::Report;
use crate::report::page::Page;
use crate::report::template::{MAIN, PAGE, Templates};

/// What a report becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Markdown for a forge.
    Markdown,
    /// A page of HTML.
    Page,
}

impl Output {
    /// Returns what a file of this name holds.
    pub(crate) fn of(path: &RepoPath) -> Self {
        let kind = path.name().rsplit_once('.').map(|(_, kind)| kind);
        if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("html")) {
            Self::Page
        } else {
            Self::Markdown
        }
    }

    /// Returns the name of the template that stands for the whole.
    pub(crate) fn main(self) -> &'static str {
        match self {
            Self::Markdown => MAIN,
            Self::Page => PAGE,
        }
    }
}

/// Renders `report` as markdown for a forge. Every value is escaped for markdown unless the template
/// says `| safe`.
pub(crate) fn render(
    report: &Report,
    templates: &Templates,
    dialect: Dialect,
) -> Result<String, Problem> {
    let forge = ("forge", &dialect.abilities());
    let escape: EscapeFn = |text, out| out.write_all(markdown::escape(text).as_bytes());
    let rendered = fill(templates, MAIN, escape, report, forge)?;
    Ok(tidy(&rendered))
}

/// Renders `report` as a page of HTML. Every value is escaped for HTML unless the template says
/// `| safe`.
pub(crate) fn render_page(
    report: &Report,
    page: &Page,
    templates: &Templates,
) -> Result<String, Problem> {
    let escape: EscapeFn = |text, out| out.write_all(escape_html(text).as_bytes());
    let rendered = fill(templates, PAGE, escape, report, ("page", page))?;
    let lines = rendered.lines().filter(|line| !line.trim().is_empty());
    Ok(lines.flat_map(|line| [line, "\n"]).collect())
}

/// Fills in a template with a report and one thing more, which has a name.
fn fill(
    templates: &Templates,
    main: &str,
    escape: EscapeFn,
    report: &Report,
    (name, more): (&str, &impl Serialize),
) -> Result<String, Problem> {
    let mut tera = engine();
    tera.set_escape_fn(escape);
    templates.load(&mut tera)?;
    let problem = |error: tera::Error| templates.problem(&error);
    let mut context = Context::from_serialize(report).map_err(problem)?;
    context.insert(name.to_owned(), more);
    tera.render(main, &context).map_err(problem)
}

/// Makes a Tera that knows our filters.
pub(super) fn engine() -> Tera {
    let mut tera = Tera::default();
    tera.autoescape_on(vec![""]);
    tera.register_filter("size", |bytes: u64, _: Kwargs, _: &State| {
        human::size(bytes)
    });
    tera.register_filter("short", |text: String, _: Kwargs, _: &State| shorten(&text));
    tera.register_filter("inside_html", |text: String, _: Kwargs, _: &State| {
        markdown::escape_in_html(&text)
    });
    tera
}

/// Values beyond this many characters are cut: nobody reads them in a table.
const LONGEST_VALUE: usize = 200;

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Ends with one newline and has no two empty lines in a row, whatever the template left.
pub(super) fn tidy(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::model::Row;
    use crate::report::template::Template;

    fn report() -> Report {
        let text = str::to_owned;
        Report {
            verdict: "none".into(),
            headline: text("accuracy 0.9800 → 0.9900 (+1.00 pp)"),
            head: None,
            base: None,
            gates: Vec::new(),
            metrics: vec![Row {
                path: text("m.json"),
                key: text("evil|key"),
                label: text("evil|key"),
                old: text("1"),
                new: text("2"),
                arrow: text("▲"),
                delta: text("+1"),
                verdict: String::new(),
                evidence: String::new(),
                significance: String::new(),
            }],
            unchanged_metrics: 0,
            same: Vec::new(),
            params: Vec::new(),
            data: Vec::new(),
            code: Vec::new(),
            models: Vec::new(),
            stages: Vec::new(),
            run: String::new(),
            trends: Vec::new(),
            confusions: Vec::new(),
            graph: String::new(),
            charts: Vec::new(),
            reproduce: text("mlpipe repro"),
            notes: Vec::new(),
            left_out: Vec::new(),
        }
    }

    fn with(name: &str, text: &str) -> Templates {
        let mut templates = Templates::default();
        templates.replace(Template {
            name: name.to_owned(),
            file: format!("own/{name}"),
            text: text.to_owned(),
        });
        templates
    }

    #[test]
    fn values_are_escaped_and_the_table_is_whole() {
        let rendered = render(&report(), &Templates::default(), Dialect::Github).expect("renders");
        assert!(
            rendered.contains("| evil\\|key | 1 | 2 | ▲ +1 |\n"),
            "{rendered}"
        );
        assert!(rendered.starts_with("### accuracy 0.9800 → 0.9900 (+1.00 pp)\n\n| metric |"));
    }

    #[test]
    fn one_part_can_be_replaced() {
        let templates = with("metrics.md", "{{ metrics | length }} moved\n");
        let rendered = render(&report(), &templates, Dialect::Github).expect("renders");
        assert!(rendered.contains("\n1 moved\n"), "{rendered}");
    }

    #[test]
    fn a_mistake_in_a_template_has_its_place() {
        for text in ["fine\n{{ nope }}\n", "fine\n{% if %}"] {
            let error = render(&report(), &with("gates.md", text), Dialect::Github);
            let error = error.expect_err("a mistake");
            assert_eq!(error.place.map(|place| place.line), Some(2), "{error}");
            assert!(error.to_string().contains("own/gates.md"), "{error}");
        }
    }
}

//! `Templates`: what a report is written by. A mistake in one of the user's has its place, and ours
//! can take its part.

use tera::{ErrorKind, Tera};

use crate::base::problem::{Place, Problem};
use crate::report::render::engine;

/// The templates that the others are parts of: of the markdown and of the page.
pub(super) const MAIN: &str = "report.md";
pub(super) const PAGE: &str = "report.html";

/// Our own templates; each can be replaced on its own.
const OURS: &[(&str, &str)] = &[
    (MAIN, include_str!("templates/report.md")),
    ("headline.md", include_str!("templates/headline.md")),
    ("gates.md", include_str!("templates/gates.md")),
    ("metrics.md", include_str!("templates/metrics.md")),
    ("changes.md", include_str!("templates/changes.md")),
    ("stages.md", include_str!("templates/stages.md")),
    ("classes.md", include_str!("templates/classes.md")),
    ("charts.md", include_str!("templates/charts.md")),
    ("footer.md", include_str!("templates/footer.md")),
    (PAGE, include_str!("templates/report.html")),
    ("report.css", include_str!("templates/report.css")),
];

/// A template of the user's.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// What it replaces, as in `metrics.md`; a name of its own adds one that others can include.
    pub(crate) name: String,
    /// Its file, for messages.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
}

/// The templates that a report is written by: ours, and the user's in place of some.
#[derive(Clone, Debug, Default)]
pub(crate) struct Templates {
    own: Vec<Template>,
}

impl Templates {
    /// Takes a template of the user's in place of ours, and of an earlier one.
    pub(crate) fn replace(&mut self, template: Template) {
        self.own.retain(|other| other.name != template.name);
        self.own.push(template);
    }

    /// Finds the mistakes that show before there is anything to report: in syntax and in names of
    /// filters, functions and other templates.
    pub(crate) fn check(mut self) -> Vec<Problem> {
        let mut mistakes = Vec::new();
        while !self.own.is_empty()
            && let Err(mistake) = self.load(&mut engine())
        {
            self.give_up(&mistake);
            mistakes.push(mistake);
        }
        mistakes
    }

    /// Leaves a template with a mistake to ours; all of them where nobody knows which one it is. Returns
    /// whether there was any of the user's.
    pub(super) fn give_up(&mut self, mistake: &Problem) -> bool {
        let count = self.own.len();
        self.own.retain(|template| template.file != mistake.file);
        if self.own.len() == count {
            self.own.clear();
        }
        count > 0
    }

    /// Loads all into `tera`; the mistakes of one are told with its place.
    pub(super) fn load(&self, tera: &mut Tera) -> Result<(), Problem> {
        let is_ours = |(name, _): &&(&str, &str)| self.own.iter().all(|own| own.name != *name);
        let ours = OURS.iter().filter(is_ours).copied();
        let own = self.own.iter();
        let own = own.map(|template| (template.name.as_str(), template.text.as_str()));
        // Together, for one may include the other.
        tera.add_raw_templates(ours.chain(own))
            .map_err(|error| self.problem(&error))
    }

    /// Puts tera's error at its place in the template.
    pub(super) fn problem(&self, error: &tera::Error) -> Problem {
        let (name, message, place) = match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
                let span = report.span();
                let place = Place {
                    line: span.start_line,
                    column: span.start_col + 1,
                };
                (report.filename(), report.message().to_owned(), Some(place))
            }
            ErrorKind::CircularInclude { include_chain, .. } => {
                let message = format!("it includes itself: {}", include_chain.join(" → "));
                (self.own_of(include_chain), message, None)
            }
            ErrorKind::CircularExtend { tpl, .. } => {
                (tpl.as_str(), "it extends itself".to_owned(), None)
            }
            ErrorKind::MissingParent { current, parent } => (
                current.as_str(),
                format!("there is no template `{parent}` to extend"),
                None,
            ),
            ErrorKind::Msg(text) => match located(text) {
                Some((message, name, place)) => (name, message.to_owned(), Some(place)),
                None => (self.own_of(&[]), text.clone(), None),
            },
            kind => (self.own_of(&[]), kind.to_string(), None),
        };
        let (file, text) = self.source(name);
        let (message, help) = in_our_voice(&message);
        let problem = Problem::new(file, text, message).at(place);
        match help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }

    /// Returns the template that is to blame for an error that names none, or many: ours have none.
    fn own_of<'a>(&'a self, names: &[String]) -> &'a str {
        let mut own = self.own.iter();
        let named = own.find(|template| names.contains(&template.name));
        let first = named.or_else(|| self.own.first());
        first.map_or(MAIN, |template| &template.name)
    }

    /// Returns the file and the text of a template.
    fn source<'a>(&'a self, name: &'a str) -> (&'a str, &'a str) {
        let own = self.own.iter().find(|template| template.name == name);
        let ours = OURS.iter().find(|(ours, _)| *ours == name);
        own.map(|template| (template.file.as_str(), template.text.as_str()))
            .or_else(|| ours.copied())
            .unwrap_or((name, ""))
    }
}

/// Returns tera's first sentence as a message, and what follows it as help.
fn in_our_voice(text: &str) -> (String, Option<String>) {
    let (first, rest) = match text.split_once(". ") {
        Some((first, rest)) => (first, Some(rest)),
        None => (text.trim_end_matches('.'), None),
    };
    let begin_small = |text: &str| -> String {
        let mut letters = text.chars();
        let start = letters.next().into_iter().flat_map(char::to_lowercase);
        start.chain(letters.clone()).collect()
    };
    let help = rest.map(|rest| match rest.strip_prefix("Available variables: ") {
        Some(names) => format!("there are {names}"),
        None => begin_small(rest),
    });
    (begin_small(first), help)
}

/// Reads the first of the errors that tera has put into words, as in
/// `error: Unknown filter 'x'\n --> gates.md:2:4`: what, in which template, and where.
fn located(text: &str) -> Option<(&str, &str, Place)> {
    let mut lines = text.lines();
    let message = lines.next()?.strip_prefix("error: ")?;
    let at = lines.next()?.trim_start().strip_prefix("--> ")?;
    let (at, column) = at.rsplit_once(':')?;
    let (name, line) = at.rsplit_once(':')?;
    let place = Place {
        line: line.parse().ok()?,
        column: column.parse().ok()?,
    };
    Some((message, name, place))
}

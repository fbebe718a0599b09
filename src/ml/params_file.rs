//! `ParamsFile`: the params file as a tree, and as the text that every complaint quotes.

use std::path::Path;

use crate::base::fs;
use crate::base::problem::{Place, Problem};
use crate::base::value::{Map, Value};
use crate::base::yaml::{self, Part, Step};
use crate::ml::error::Error;

/// The text of a params file and what it says.
pub(crate) struct ParamsFile {
    name: String,
    text: String,
    tree: Value,
}

impl ParamsFile {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let Some(bytes) = fs::read(path)? else {
            let help =
                "write one with the sections `data` and `train`, or name another with `--params`";
            return Err(Problem::new(&name, "", "there is no such params file")
                .help(help)
                .into());
        };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::of(&name, &text)?),
            Err(_) => Err(Problem::new(&name, "", "the file is not UTF-8 text").into()),
        }
    }

    /// Takes `text` for the file `name`.
    pub(crate) fn of(name: &str, text: &str) -> Result<Self, Problem> {
        // Places are counted in the text without its mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Ok(Self {
            name: name.to_owned(),
            text: text.to_owned(),
            tree: yaml::parse(name, text)?,
        })
    }

    /// Returns the sections by their names; `None` if the file is no map.
    pub(crate) fn map(&self) -> Option<&Map> {
        match &self.tree {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns a complaint about the file as a whole.
    pub(crate) fn complaint(&self, message: &str) -> Problem {
        Problem::new(&self.name, &self.text, message)
    }

    /// Returns a complaint about the value at `steps`.
    pub(crate) fn problem(&self, steps: &[Step], message: &str) -> Problem {
        let place = yaml::locate(&self.text, steps, Part::Value);
        self.complaint(message).at(place)
    }

    /// Returns a complaint about the key that `steps` end with.
    pub(crate) fn problem_of_key(&self, steps: &[Step], message: &str) -> Problem {
        let place = yaml::locate(&self.text, steps, Part::Key);
        self.complaint(message).at(place)
    }

    /// Returns the scalar at `steps` as it was written, if something was.
    pub(crate) fn written(&self, steps: &[Step]) -> Option<&str> {
        let place = yaml::locate(&self.text, steps, Part::Value)?;
        written(&self.text, place)
    }
}

/// Returns the scalar that begins at `place`, with its quotes if it has some.
fn written(text: &str, place: Place) -> Option<&str> {
    let line = text.lines().nth(place.line - 1)?;
    let start = line.char_indices().nth(place.column - 1)?.0;
    let rest = &line[start..];
    let end = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].find(quote).map(|end| end + 2),
        '#' => Some(0),
        _ => {
            let ends = [", ", "}", "]", " #"].map(|end| rest.find(end));
            ends.into_iter().flatten().min()
        }
    };
    let found = rest[..end.unwrap_or(rest.len())].trim_end();
    let found = found.trim_end_matches(',');
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_quoted_as_they_were_written() {
        let text = "a: .inf  # much\nb: {c: -3, d: 'x, y'}\ne:\nf: [1, \"#2\"]\n";
        let file = ParamsFile::of("p.yaml", text).expect("a file");
        let key = |key: &str| Step::Key(key.to_owned());
        let written = |steps: &[Step]| file.written(steps).map(str::to_owned);
        assert_eq!(written(&[key("a")]).as_deref(), Some(".inf"));
        assert_eq!(written(&[key("b"), key("c")]).as_deref(), Some("-3"));
        assert_eq!(written(&[key("b"), key("d")]).as_deref(), Some("'x, y'"));
        assert_eq!(written(&[key("e")]), None);
        assert_eq!(
            written(&[key("f"), Step::Index(1)]).as_deref(),
            Some("\"#2\"")
        );
    }
}

//! `Predictions`: what a model said of each example, read from a file and checked.

use std::collections::{HashMap, HashSet};

use crate::base::problem::{Place, Problem};
use crate::metrics::columns::{self, Chosen, choose};
use crate::metrics::rows::{self, Row};
use crate::pipeline::{PredictionFile, Statistic};

/// The rows of a file of predictions, column by column. All columns are as long as `actual`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Predictions {
    /// What tells examples apart, each different; `None` if only their order does.
    pub(crate) ids: Option<Texts>,
    /// The classes, actual or predicted, in the order in which they appear.
    pub(crate) classes: Vec<String>,
    /// The actual class of each example.
    pub(crate) actual: Vec<u32>,
    /// The predicted classes.
    pub(crate) predicted: Option<Vec<u32>>,
    /// The scores of the positive class, finite.
    pub(crate) scores: Option<Vec<f64>>,
    /// The losses, finite.
    pub(crate) losses: Option<Vec<f64>>,
    /// The positive one of two classes, where that is known.
    pub(crate) positive: Option<u32>,
    /// Statistics whose columns nobody has named: they may be of something else.
    pub(crate) guessed: Vec<Statistic>,
}

impl Predictions {
    /// Reads the text of the file that messages call `label`; its ending tells the format, as
    /// [`rows::read`] says. A mistake in it is a problem with its line.
    pub(crate) fn read(label: &str, text: &str, file: &PredictionFile) -> Result<Self, Problem> {
        let mut reading: Option<Reading> = None;
        let outcome = rows::read(label, text, &mut |row: &dyn Row| {
            if reading.is_none() {
                let chosen = choose(&row.names(), file);
                reading = Some(Reading::new(
                    chosen.map_err(|fault| fault.within(label, text, 1))?,
                ));
            }
            let reading = reading
                .as_mut()
                .expect("invariant: made with the first row");
            reading
                .add(row)
                .map_err(|fault| fault.within(label, text, row.line()))
        });
        outcome?;
        let Some(reading) = reading else {
            let problem = Problem::new(label, text, "there is no prediction in it");
            return Err(problem.help("write a row for each example of the test set"));
        };
        reading
            .finish(file)
            .map_err(|fault| fault.within(label, text, 1))
    }

    /// Returns the number of examples.
    pub(crate) fn count(&self) -> usize {
        self.actual.len()
    }

    /// Returns the position of a class.
    pub(crate) fn class(&self, name: &str) -> Option<u32> {
        let position = self.classes.iter().position(|class| class == name)?;
        u32::try_from(position).ok()
    }
}

/// What is wrong with a row, before its place is known.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The position of the row that is meant, if it is another than the one that is read.
    row: Option<usize>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: Some(help.into()),
            row: None,
        }
    }

    fn within(self, label: &str, text: &str, line: usize) -> Problem {
        let line = self.row.map_or(line, |row| rows::line_of(label, text, row));
        let place = Some(Place { line, column: 1 });
        let problem = Problem::new(label, text, self.message).at(place);
        match self.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

/// Predictions that are not complete yet.
struct Reading {
    chosen: Chosen,
    found: Predictions,
    positions: Positions,
    /// Whether each id so far is longer than, or as long as and after, the one before: then none is
    /// there twice.
    is_ascending: bool,
}

impl Reading {
    fn new(chosen: Chosen) -> Self {
        let list = |is_there: bool| is_there.then(Vec::new);
        let found = Predictions {
            ids: chosen.id.is_some().then(Texts::default),
            predicted: chosen.predicted.is_some().then(Vec::new),
            scores: list(chosen.score.is_some()),
            losses: list(chosen.loss.is_some()),
            ..Predictions::default()
        };
        Self {
            chosen,
            found,
            positions: Positions::default(),
            is_ascending: true,
        }
    }

    fn add(&mut self, row: &dyn Row) -> Result<(), Fault> {
        let value = |column: &str, position: usize| {
            let value = row.value(position).filter(|value| !value.trim().is_empty());
            value.ok_or_else(|| {
                let help =
                    "every example needs one; leave the example out on all sides if there is none";
                Fault::new(format!("`{column}` is empty"), help)
            })
        };
        let chosen = &self.chosen;
        if let (Some((name, position)), Some(ids)) = (&chosen.id, &mut self.found.ids) {
            let id = value(name, *position)?;
            let last = ids.last();
            self.is_ascending &= last.is_none_or(|last| (last.len(), last) < (id.len(), id));
            ids.push(id);
        }
        let (name, position) = &chosen.actual;
        let text = value(name, *position)?;
        let class = self.positions.intern(text, &mut self.found.classes);
        self.found.actual.push(class);
        if let (Some((name, position)), Some(list)) = (&chosen.predicted, &mut self.found.predicted)
        {
            let text = value(name, *position)?;
            list.push(self.positions.intern(text, &mut self.found.classes));
        }
        for (measure, list) in [
            (&chosen.score, &mut self.found.scores),
            (&chosen.loss, &mut self.found.losses),
        ] {
            let (Some(measure), Some(numbers)) = (measure, list.as_mut()) else {
                continue;
            };
            let (name, position) = &measure.column;
            match value(name, *position).and_then(|text| finite(name, text)) {
                Ok(number) => numbers.push(number),
                Err(fault) if measure.is_named => return Err(fault),
                Err(_) => *list = None,
            }
        }
        Ok(())
    }

    fn finish(self, file: &PredictionFile) -> Result<Predictions, Fault> {
        let mut found = self.found;
        let ids = found.ids.as_ref().filter(|_| !self.is_ascending);
        if let Some(twice) = ids.and_then(Texts::find_twice) {
            let message = format!("the id `{}` is there twice", twice.1);
            let help = "name the column that tells examples apart, as in `id: name`";
            return Err(Fault {
                row: Some(twice.0),
                ..Fault::new(message, help)
            });
        }
        if found.predicted.is_none() && found.scores.is_none() && found.losses.is_none() {
            return Err(columns::no_predicted());
        }
        found.positive = find_positive(&found, file)?;
        if found.positive.is_none() {
            // What only has the usual name is of no class that anybody knows.
            found.scores = None;
        }
        let measures = [
            (&self.chosen.score, Statistic::Auc),
            (&self.chosen.loss, Statistic::Loss),
        ];
        let guessed = measures.into_iter().filter(|(measure, _)| {
            let mut measure = measure.iter();
            measure.any(|measure| !measure.is_named)
        });
        found.guessed = guessed.map(|(_, statistic)| statistic).collect();
        Ok(found)
    }
}

fn finite(column: &str, text: &str) -> Result<f64, Fault> {
    let number = text
        .trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| {
        let message = format!("`{column}` must be a number, not `{text}`");
        Fault::new(message, "every example needs a finite one")
    })
}

/// The positions of classes, by their names as they are written and as they are known.
#[derive(Default)]
struct Positions(HashMap<String, u32>);

impl Positions {
    /// Returns the position of the class that `text` names. `1.0` is `1`: that a column has gaps
    /// elsewhere is enough for tools to write whole numbers so.
    fn intern(&mut self, text: &str, classes: &mut Vec<String>) -> u32 {
        if let Some(position) = self.0.get(text) {
            return *position;
        }
        // A known name is its own canonical one, so that both kinds fit one map.
        let name = canonical(text);
        let position = self.0.get(name).copied().unwrap_or_else(|| {
            let position = u32::try_from(classes.len());
            classes.push(name.to_owned());
            position.expect("invariant: fewer classes than rows in memory")
        });
        self.0.insert(name.to_owned(), position);
        self.0.insert(text.to_owned(), position);
        position
    }
}

fn canonical(text: &str) -> &str {
    let text = text.trim();
    let whole = text.split_once('.').filter(|(whole, rest)| {
        let digits = whole.strip_prefix('-').unwrap_or(whole);
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_number && !rest.is_empty() && rest.bytes().all(|digit| digit == b'0')
    });
    whole.map_or(text, |(whole, _)| whole)
}

/// Finds the class that scores are of: the one that is named, else the usual one of two.
fn find_positive(found: &Predictions, file: &PredictionFile) -> Result<Option<u32>, Fault> {
    if let Some(name) = &file.positive {
        let position = found.class(canonical(name)).ok_or_else(|| {
            let classes: Vec<String> = found
                .classes
                .iter()
                .take(5)
                .map(|class| format!("`{class}`"))
                .collect();
            let message = format!("no example is of the positive class `{name}`");
            Fault::new(message, format!("classes here are {}", classes.join(", ")))
        })?;
        return Ok(Some(position));
    }
    let usual = ["1", "true", "True", "TRUE", "yes", "positive", "pos"];
    let mut usual = usual.iter().filter_map(|name| found.class(name));
    let position = if found.classes.len() == 2 {
        usual.next()
    } else {
        None
    };
    let is_named = file.columns.score.is_some();
    if is_named && found.scores.is_some() && position.is_none() {
        let message = "nobody has said which class the scores are of";
        return Err(Fault::new(
            message,
            "add it to `predictions`, as in `positive: dog`",
        ));
    }
    Ok(position)
}

/// Many short texts in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    fn last(&self) -> Option<&str> {
        self.ends.len().checked_sub(1).map(|last| self.at(last))
    }

    fn at(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[index]]
    }

    /// Returns the texts in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.at(index))
    }

    /// Finds the first text that was there before, and its position.
    fn find_twice(&self) -> Option<(usize, &str)> {
        let mut seen = HashSet::with_capacity(self.ends.len());
        let mut texts = self.iter().enumerate();
        texts.find(|(_, text)| !seen.insert(*text))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::path::RepoPath;

    pub(in crate::metrics) fn settings() -> PredictionFile {
        PredictionFile::new(RepoPath::parse("p.csv").expect("a path"))
    }

    pub(in crate::metrics) fn read(text: &str) -> Predictions {
        Predictions::read("p.csv", text, &settings()).expect("predictions")
    }

    fn mistake(text: &str) -> String {
        let problem = Predictions::read("p.csv", text, &settings()).expect_err("a mistake");
        format!("{problem}")
    }

    #[test]
    fn usual_columns_are_found_and_whole_numbers_are_classes() {
        let found = read("id,label,pred,more\na,1,1.0,x\nb,0,1.0,y\n");
        assert_eq!(found.classes, ["1", "0"]);
        assert_eq!(
            (&found.actual, &found.predicted),
            (&vec![0, 1], &Some(vec![0, 0]))
        );
        assert_eq!(found.positive, Some(0));
        assert_eq!(
            found.ids.as_ref().map(|ids| ids.iter().collect()),
            Some(vec!["a", "b"])
        );
        let plain = read("y_true,y_pred\ncat,dog\n");
        assert_eq!((plain.ids, plain.positive), (None, None));
        let spaced = read("y_true,y_pred\n 1.0,1\n1.00,2\n");
        assert_eq!(spaced.classes, ["1", "2"]);
    }

    #[test]
    fn every_format_says_the_same() {
        let mut file = settings();
        file.columns.score = Some("p".to_owned());
        let read = |label: &str, text: &str| Predictions::read(label, text, &file).expect("reads");
        let csv = read("p.csv", "id,target,pred,p\n7,0,1,0.5\n9,1,1,1e-3\n");
        assert_eq!(csv.scores, Some(vec![0.5, 0.001]));
        assert_eq!(
            read(
                "p.tsv",
                "id\ttarget\tpred\tp\n7\t0\t1\t0.5\n9\t1\t1\t1e-3\n"
            ),
            csv
        );
        let lines = "{\"id\": 7, \"target\": 0, \"pred\": \"1\", \"p\": 0.5}\n\n{\"p\": 1e-3, \"id\": 9, \"target\": 1, \"pred\": 1}\n";
        assert_eq!(read("p.jsonl", lines), csv);
        let list = "[{\"id\": 7, \"target\": 0, \"pred\": 1, \"p\": 0.5},\n {\"id\": 9, \"target\": 1, \"pred\": 1, \"p\": 0.001}]";
        assert_eq!(read("main:p.json", list), csv);
    }

    #[test]
    fn mistakes_in_json_have_their_line() {
        let mistake = |label: &str, text: &str| {
            let problem = Predictions::read(label, text, &settings()).expect_err("a mistake");
            assert!(problem.help.is_some(), "{problem}");
            problem.to_string()
        };
        let list = "[\n {\"id\": \"{\\\"\", \"label\": 1, \"pred\": [\n 1]},\n {\"id\": 2, \"label\": null, \"pred\": 1}\n]";
        assert_eq!(mistake("p.json", list), "`label` is empty (p.json:4:1)");
        let twice =
            "[{\"id\": 1, \"label\": 1, \"pred\": 1},\n{\"id\": 1, \"label\": 1, \"pred\": 1}]";
        assert_eq!(
            mistake("p.json", twice),
            "the id `1` is there twice (p.json:2:1)"
        );
        assert_eq!(
            mistake("p.json", "{\"a\": 1}"),
            "it must be a list of objects (p.json:1:1)"
        );
        assert_eq!(
            mistake("p.json", "[\n{\"a\": }]"),
            "not JSON: expected value (p.json:2:7)"
        );
        let lines = "{\"label\": 1, \"pred\": 1}\n\n{\"label\": }\n";
        assert_eq!(
            mistake("p.jsonl", lines),
            "not JSON: expected value (p.jsonl:3:11)"
        );
        assert_eq!(
            mistake("p.jsonl", "{\"label\": 1, \"pred\": 1}\n[1]"),
            "a row must be an object (p.jsonl:2:1)"
        );
    }

    #[test]
    fn a_column_that_only_has_the_usual_name_may_be_another() {
        assert_eq!(read("label,pred,score\n1,1,high\n0,1,low\n").scores, None);
        assert_eq!(read("label,pred,score\na,b,0.5\nc,b,0.2\n").scores, None);
        assert_eq!(
            read("label,pred,score\n1,1,0.5\n0,1,0.2\n").scores,
            Some(vec![0.5, 0.2])
        );
        assert_eq!(
            read("label,loss\na,0.5\nb,0.2\n").losses,
            Some(vec![0.5, 0.2])
        );
        assert_eq!(
            mistake("label,loss\na,-\nb,0.2\n"),
            "no column has the predicted classes (p.csv:1:1)"
        );
    }

    #[test]
    fn mistakes_have_their_line() {
        assert_eq!(
            mistake("id,label,pred\na,1,1\nb,,1\n"),
            "`label` is empty (p.csv:3:1)"
        );
        assert_eq!(
            mistake("id,label,pred\nb,1,1\na,1,1\nb,1,1\n"),
            "the id `b` is there twice (p.csv:4:1)"
        );
        assert_eq!(
            mistake("id,klass,pred\nb,1,1\n"),
            "no column has the actual classes (p.csv:1:1)"
        );
        assert_eq!(
            mistake("id,label\nb,1\n"),
            "no column has the predicted classes (p.csv:1:1)"
        );
        assert_eq!(mistake(""), "there is no prediction in it (p.csv)");
        assert_eq!(
            mistake("id,label,pred\n"),
            "there is no prediction in it (p.csv)"
        );
        let ragged = mistake("id,label,pred\nb,1,1\nb,1\n");
        assert!(
            ragged.contains("not a table") && ragged.contains("p.csv:3:1"),
            "{ragged}"
        );
        let mut file = settings();
        file.columns.loss = Some("loss".to_owned());
        let text = "label,pred,loss\na,b,0.1\na,b,nan\n";
        let problem = Predictions::read("p.csv", text, &file).expect_err("no number");
        assert_eq!(
            problem.to_string(),
            "`loss` must be a number, not `nan` (p.csv:3:1)"
        );
        file.columns.loss = Some("los".to_owned());
        let problem = Predictions::read("p.csv", text, &file).expect_err("no column");
        assert_eq!(problem.to_string(), "there is no column `los` (p.csv:1:1)");
        assert_eq!(problem.help.as_deref(), Some("did you mean `loss`?"));
        file.columns.loss = None;
        file.columns.score = Some("loss".to_owned());
        let text = text.replace("nan", "0.2");
        let problem = Predictions::read("p.csv", &text, &file).expect_err("whose scores");
        assert!(
            problem.message.contains("which class the scores are of"),
            "{problem}"
        );
        file.positive = Some("c".to_owned());
        let problem = Predictions::read("p.csv", &text, &file).expect_err("unknown class");
        assert_eq!(problem.help.as_deref(), Some("classes here are `a`, `b`"));
        let problem =
            Predictions::read("p.jsonl", "{\"label\": 1, \"pred\": 1}\n[1]\n", &settings());
        let problem = problem.expect_err("no object").to_string();
        assert!(problem.contains("(p.jsonl:2:"), "{problem}");
    }
}

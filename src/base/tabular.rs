//! Rows of a CSV or TSV file, by the names of its columns.

use std::path::Path;

use crate::base::human;
use crate::base::problem::{Place, Problem};

/// A table as text: the names of the columns and the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Parses the text of `file`; its ending tells tabs from commas. The first row has the names.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Problem> {
        Self::read(file, text, true)
    }

    /// Parses a table whose first row is one of data; its columns are called `0`, `1`, and so on.
    pub(crate) fn parse_without_names(file: &str, text: &str) -> Result<Self, Problem> {
        Self::read(file, text, false)
    }

    fn read(file: &str, text: &str, has_names: bool) -> Result<Self, Problem> {
        let delimiter = if is_tsv(file) { b'\t' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(has_names)
            .from_reader(text.as_bytes());
        let problem = |error: csv::Error| mistake(file, text, &error);
        let texts = |record: &csv::StringRecord| -> Vec<String> {
            record.iter().map(str::to_owned).collect()
        };
        let first = texts(reader.headers().map_err(problem)?);
        check_separator(file, text, &first)?;
        let columns = if has_names {
            first
        } else {
            (0..first.len()).map(|column| column.to_string()).collect()
        };
        let rows: Result<Vec<Vec<String>>, _> = reader
            .records()
            .map(|record| record.map(|record| texts(&record)))
            .collect();
        Ok(Self {
            columns,
            rows: rows.map_err(problem)?,
        })
    }

    /// Returns the names of the columns.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the rows, each as long as there are columns.
    pub(crate) fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }
}

/// Says what is wrong with a table, the text of `file`.
pub(crate) fn mistake(file: &str, text: &str, error: &csv::Error) -> Problem {
    let line = error.position().map(|at| line_of(text, at));
    let place = line.map(|line| Place { line, column: 1 });
    let (message, help) = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            let count = |count: &u64| human::count(usize::try_from(*count).unwrap_or(0), "value");
            let (found, wanted) = (count(len), count(expected_len));
            let message = format!("not a table: the row has {found}, the first one {wanted}");
            let help = "a row has a value for each column; one that contains the separator stands \
                        between double quotes";
            (message, help)
        }
        _ => (format!("not a table: {error}"), "write it anew"),
    };
    Problem::new(file, text, message).at(place).help(help)
}

/// Returns the line on which a row of `text` begins, from 1: the reader's position of it stands before
/// empty lines, and before the second character of the line's end above.
pub(crate) fn line_of(text: &str, position: &csv::Position) -> usize {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(number(position.byte())..);
    let ends = rest.unwrap_or_default().iter();
    let ends = ends.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    number(position.line()) + ends.filter(|byte| **byte == b'\n').count()
}

/// Refuses a table whose columns are separated as in other programs: it would have one column.
pub(crate) fn check_separator(file: &str, text: &str, names: &[String]) -> Result<(), Problem> {
    let [only] = names else {
        return Ok(());
    };
    let is_tsv = is_tsv(file);
    let others = [(';', true), ('\t', !is_tsv), (',', is_tsv)];
    let other = others
        .iter()
        .find(|(other, is_wrong)| *is_wrong && only.contains(*other));
    let Some((other, _)) = other else {
        return Ok(());
    };
    let name = |separator| match separator {
        '\t' => "tabs".to_owned(),
        separator => format!("`{separator}`"),
    };
    let wanted = if is_tsv { '\t' } else { ',' };
    let message = format!(
        "the columns are separated by {}, not by {}",
        name(*other),
        name(wanted)
    );
    let place = Place { line: 1, column: 1 };
    let help = "commas stand in files that end with .csv, tabs in those that end with .tsv";
    Err(Problem::new(file, text, message).at(Some(place)).help(help))
}

fn is_tsv(file: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|kind| kind == "tsv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let table = Table::parse("t.tsv", "a\tb\n1\t\"x y\"\n").expect("a table");
        let column = table.columns().iter().position(|column| column == "b");
        let column = column.expect("is there");
        assert_eq!(table.rows()[0][column], "x y");
    }

    #[test]
    fn without_names_columns_are_numbered() {
        let table = Table::parse_without_names("t.csv", "1,2\n3,4\n").expect("a table");
        assert_eq!(table.columns(), ["0", "1"]);
        assert_eq!(table.rows()[0], ["1", "2"]);
    }

    #[test]
    fn a_ragged_row_has_its_line() {
        let problem = Table::parse("t.csv", "a,b\n1,2\n3\n").expect_err("ragged");
        assert_eq!(
            problem.to_string(),
            "not a table: the row has 1 value, the first one 2 values (t.csv:3:1)"
        );
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        for end in ["\n", "\r\n", "\n\n"] {
            let text = ["a,b", "1,2", "3"].join(end);
            let line = text
                .lines()
                .position(|line| line == "3")
                .map(|index| index + 1);
            let problem = Table::parse("t.csv", &text).expect_err("ragged");
            assert_eq!(problem.place.map(|place| place.line), line, "{text:?}");
        }
    }

    #[test]
    fn another_separator_is_told() {
        for (file, text, told) in [
            ("t.csv", "a;b\n1;2\n", "by `;`, not by `,`"),
            ("t.csv", "a\tb\n1\t2\n", "by tabs, not by `,`"),
            ("t.tsv", "a,b\n1,2\n", "by `,`, not by tabs"),
        ] {
            let problem = Table::parse(file, text).expect_err("one column");
            assert!(problem.message.ends_with(told), "{problem}");
        }
        Table::parse("t.csv", "a\n1;2\n").expect("one column");
    }
}

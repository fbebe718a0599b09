//! Rows of a CSV or TSV file, by the names of its columns.

use std::path::Path;

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
        let is_tsv = Path::new(file)
            .extension()
            .is_some_and(|kind| kind == "tsv");
        let delimiter = if is_tsv { b'\t' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(has_names)
            .from_reader(text.as_bytes());
        let problem = |error: csv::Error| {
            let line = error
                .position()
                .and_then(|at| usize::try_from(at.line()).ok());
            let place = line.map(|line| Place { line, column: 1 });
            Problem::new(file, text, format!("not a table: {error}")).at(place)
        };
        let texts = |record: &csv::StringRecord| -> Vec<String> {
            record.iter().map(str::to_owned).collect()
        };
        let first = texts(reader.headers().map_err(problem)?);
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
        assert_eq!(problem.place, Some(Place { line: 3, column: 1 }));
    }
}

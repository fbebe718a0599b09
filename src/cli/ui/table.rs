//! Tables that fit the terminal, and their markdown form.

use anstream::adapter::strip_str;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width};

use crate::base::shown::Shown;

/// How a listing is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Aligned columns for people.
    Text,
    /// A markdown table.
    Markdown,
    /// JSON for programs.
    Json,
}

impl Form {
    /// Reads the flags `--json` and `--md`, of which clap lets only one through.
    pub(crate) fn choose(json: bool, md: bool) -> Self {
        match (json, md) {
            (true, _) => Self::Json,
            (_, true) => Self::Markdown,
            _ => Self::Text,
        }
    }
}

/// A column: its name, and whether it holds numbers.
pub(crate) struct Column<'a> {
    pub(crate) name: &'a str,
    pub(crate) is_number: bool,
}

/// What stands right of each cell, in columns of the screen.
const GAP: u16 = 3;

/// A space in a cell that no line is broken at.
pub(crate) const TIED: &str = "\u{a0}";

/// What takes more columns of the screen is no number, in whichever column it is.
const LONGEST_NUMBER: u16 = 27;

/// Aligns `rows` below the columns' names. Numbers are never broken over lines.
pub(crate) fn aligned(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    arrange(columns, rows, Table::new().width())
}

/// Aligns `rows` likewise, each in one line, however long.
pub(crate) fn unbounded(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    arrange(columns, rows, None)
}

/// Stand for lines of their own while a table is arranged: a name above rows, a note below a row.
const NAME: &str = "\u{e000}";
const NOTE: &str = "\u{e001}";

/// How far rows stand in below their name, and notes below their row.
const INDENT: usize = 2;

/// Rows with what may stand on lines of its own where the terminal is narrow.
#[derive(Clone, Copy)]
pub(crate) struct Fitting<'a> {
    pub(crate) columns: &'a [Column<'a>],
    pub(crate) rows: &'a [Vec<String>],
    /// Whether the first cell, which many rows share, may stand above them.
    pub(crate) shares_first: bool,
    /// Whether the last cell may stand below its row.
    pub(crate) ends_with_notes: bool,
}

/// Aligns rows in as many columns as the terminal has room for; without a terminal in all of them.
pub(crate) fn fitted(fitting: &Fitting<'_>) -> String {
    match super::width_of_terminal() {
        Some(width) => fitting.within(width),
        None => unbounded(fitting.columns, fitting.rows),
    }
}

impl Fitting<'_> {
    fn within(&self, width: usize) -> String {
        let narrower = [
            (false, false),
            (self.shares_first, false),
            (self.shares_first, self.ends_with_notes),
        ];
        let tables = narrower.map(|(above, below)| self.lay(above, below, width, None));
        match tables.into_iter().find(|table| widest(table) <= width) {
            Some(table) => table,
            // Then cells are broken over lines.
            None => self.lay(self.shares_first, self.ends_with_notes, width, Some(width)),
        }
    }

    /// Arranges the cells that stay beside each other on a screen of width `bound`, if any.
    fn lay(&self, above: bool, below: bool, width: usize, bound: Option<usize>) -> String {
        let kept = usize::from(above)..self.columns.len() - usize::from(below);
        let alone = |mark: &str| {
            let mut cells = vec![String::new(); kept.len()];
            mark.clone_into(&mut cells[0]);
            cells
        };
        let (mut names, mut notes, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        for row in self.rows {
            if above && names.last() != Some(&&row[0]) {
                names.push(&row[0]);
                lines.push(alone(NAME));
            }
            lines.push(row[kept.clone()].to_vec());
            if let Some(note) = row.last().filter(|note| below && !note.is_empty()) {
                notes.push(note);
                lines.push(alone(NOTE));
            }
        }
        let indent = if above { INDENT } else { 0 };
        let bound =
            bound.map(|bound| u16::try_from(bound.saturating_sub(indent)).unwrap_or(u16::MAX));
        let table = arrange(&self.columns[kept], &lines, bound);
        let (mut names, mut notes) = (names.into_iter(), notes.into_iter());
        let line = |line: &str| match line {
            NAME => format!("{}\n", names.next().map_or("", String::as_str)),
            NOTE => {
                let note = notes.next().map_or("", String::as_str);
                let indent = indent + INDENT;
                let parts = wrapped(note, width.saturating_sub(indent).max(20));
                let lines = parts.iter().map(|part| format!("{:indent$}{part}\n", ""));
                lines.collect::<Vec<String>>().concat()
            }
            line => format!("{:indent$}{line}\n", ""),
        };
        table.lines().map(line).collect()
    }
}

/// Breaks a text between words into lines of at most this width.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let columns = |text: &str| Shown(&strip_str(text).to_string()).columns();
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Returns how many columns of the screen the longest line takes.
pub(crate) fn widest(table: &str) -> usize {
    let lines = table.lines().map(|line| strip_str(line).to_string());
    lines.map(|line| Shown(&line).columns()).max().unwrap_or(0)
}

/// Aligns rows on a screen of some width, on as wide a one as they need if there is none.
fn arrange(columns: &[Column<'_>], rows: &[Vec<String>], width: Option<u16>) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    match width {
        Some(width) => table.set_width(width),
        // Else it would ask the terminal by itself.
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(columns.iter().map(|column| column.name));
    table.add_rows(rows);
    let longest = longest_words(columns, rows, width);
    for ((column, shape), longest) in table.column_iter_mut().zip(columns).zip(longest) {
        column.set_padding((0, GAP));
        if shape.is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if shape.is_number && longest.is_some() {
            column.set_constraint(ColumnConstraint::ContentWidth);
        } else if let Some(longest) = longest {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(longest)));
        }
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.replace(TIED, " ").trim_end().to_owned())
        .collect();
    format!("{}\n", lines.join("\n"))
}

/// Returns for each column how wide its longest word is, where there is room for it: as long as
/// another column can be narrower no word is broken.
fn longest_words(
    columns: &[Column<'_>],
    rows: &[Vec<String>],
    width: Option<u16>,
) -> Vec<Option<u16>> {
    let needed = |at: usize| {
        let cells = rows.iter().map(|row| row[at].as_str());
        let words = cells.chain([columns[at].name]).flat_map(|cell| {
            // A number stands as it is.
            let is_number = columns[at].is_number;
            cell.split(move |character| !is_number && matches!(character, ' ' | '\n'))
        });
        // Colours take no room.
        let columns = |word| Shown(&strip_str(word).to_string()).columns();
        let widest = words.map(columns).max().unwrap_or(0);
        u16::try_from(widest)
            .unwrap_or(u16::MAX)
            .saturating_add(GAP)
    };
    let mut order: Vec<(bool, u16, usize)> = (0..columns.len())
        .map(|at| (at, needed(at)))
        .map(|(at, needed)| {
            (
                !columns[at].is_number || needed > LONGEST_NUMBER,
                needed,
                at,
            )
        })
        .collect();
    order.sort_unstable();
    let mut room = width.unwrap_or(u16::MAX);
    let mut longest = vec![None; columns.len()];
    for (_, needed, at) in order {
        // The widest column takes what is left, if that is enough to read it.
        if needed <= room {
            room -= needed;
            longest[at] = Some(needed);
        }
    }
    longest
}

/// Writes the same as a markdown table; the columns' names and the cells are escaped.
pub(crate) fn markdown(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let names = columns.iter();
    let names = names.map(|column| crate::report::escape(column.name));
    let mut text = line(names.collect());
    let rule = columns
        .iter()
        .map(|column| if column.is_number { "---:" } else { "---" });
    text += &line(rule.map(str::to_owned).collect());
    for row in rows {
        text += &line(row.iter().map(|cell| crate::report::escape(cell)).collect());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(rows: &[[&str; 2]], width: u16) -> String {
        let column = |name| Column {
            name,
            is_number: false,
        };
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.map(str::to_owned).to_vec())
            .collect();
        arrange(&[column("stage"), column("about")], &rows, Some(width))
    }

    #[test]
    fn words_are_whole_where_another_column_can_be_narrower() {
        let name = "sub/pipeline.yaml:train-the-big-model@seed-11";
        let about = "Outputs sub/models/weights.bin; Depends on sub/data/prepared, sub/train.py";
        let text = listed(&[[name, about], ["a", "b"]], 80);
        assert!(text.contains(name), "{text}");
        for word in about.split(' ') {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(
            text.lines().all(|line| Shown(line).columns() <= 80),
            "{text}"
        );
    }

    #[test]
    fn what_many_rows_share_stands_above_them_where_there_is_no_room() {
        let column = |name, is_number| Column { name, is_number };
        let columns = [
            column("path", false),
            column("key", false),
            column("value", true),
            column("note", false),
        ];
        let rows = [
            ["a.json", "accuracy", "0.97", "a long note"],
            ["a.json", "loss", "0.1", ""],
            ["b.json", "n", "10000", ""],
        ];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let fitting = Fitting {
            columns: &columns,
            rows: &rows,
            shares_first: true,
            ends_with_notes: true,
        };
        let wide = "path     key        value   note\na.json   accuracy    0.97   a long note\n\
                    a.json   loss         0.1\nb.json   n          10000\n";
        assert_eq!(fitting.within(80), wide);
        let narrow = "  key        value   note\na.json\n  accuracy    0.97   a long note\n  loss         0.1\n\
                      b.json\n  n          10000\n";
        assert_eq!(fitting.within(34), narrow);
        let narrowest = "  key        value\na.json\n  accuracy    0.97\n    a long note\n  loss         0.1\n\
                         b.json\n  n          10000\n";
        assert_eq!(fitting.within(20), narrowest);
    }

    #[test]
    fn names_of_any_kind_stay_in_their_column() {
        let text = listed(&[["目標", "x"], ["long", "y"], ["c", "z"]], 80);
        let at = text.lines().map(|line| {
            let cell = line.rfind(['t', 'x', 'y', 'z']).expect("a cell");
            Shown(&line[..cell]).columns()
        });
        let columns: Vec<usize> = at.skip(1).collect();
        assert_eq!(columns, [columns[0]; 3], "{text}");
        let text = listed(&[[&"n".repeat(300), "what it is for"]], 80);
        assert!(text.contains("what it is for"), "{text}");
    }
}

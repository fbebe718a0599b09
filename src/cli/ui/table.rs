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

/// Aligns `rows` below the columns' names. Numbers are never broken over lines.
pub(crate) fn aligned(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    arrange(columns, rows, Table::new().width())
}

/// Aligns `rows` likewise, each in one line, however long.
pub(crate) fn unbounded(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    arrange(columns, rows, None)
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
    if let Some(width) = width {
        table.set_width(width);
    }
    table.set_header(columns.iter().map(|column| column.name));
    table.add_rows(rows);
    let longest = longest_words(columns, rows, width);
    for ((column, shape), longest) in table.column_iter_mut().zip(columns).zip(longest) {
        column.set_padding((0, GAP));
        if shape.is_number {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        } else if let Some(longest) = longest {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(longest)));
        }
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
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
        .map(|at| (!columns[at].is_number, needed(at), at))
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

//! Tables that fit the terminal, and their markdown form.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table};

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

/// Aligns `rows` below the columns' names. Numbers are never broken over lines.
pub(crate) fn aligned(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(columns.iter().map(|column| column.name));
    table.add_rows(rows);
    for (column, shape) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 3));
        if shape.is_number {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    format!("{}\n", lines.join("\n"))
}

/// Writes the same as a markdown table; the cells are escaped.
pub(crate) fn markdown(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(
        columns
            .iter()
            .map(|column| column.name.to_owned())
            .collect(),
    );
    let rule = columns
        .iter()
        .map(|column| if column.is_number { "---:" } else { "---" });
    text += &line(rule.map(str::to_owned).collect());
    for row in rows {
        text += &line(row.iter().map(|cell| crate::report::escape(cell)).collect());
    }
    text
}

//! Charts on a terminal: curves in Braille, bars in blocks, matrices in digits.

use anstyle::{AnsiColor, Style};

use crate::base::shown::Shown;
use crate::plots::chart::{Bars, Chart, Drawing, Key, Mark, Matrix, Plane};
use crate::plots::decimate::thin_curve;
use crate::plots::scale::write_short;

/// How many lines a plane takes, without its axis.
const LINES: usize = 14;

/// The dots of a Braille character, by line and column.
const DOTS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// The colours of a terminal that are legible on black and on white.
const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Blue,
    AnsiColor::Red,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Yellow,
    AnsiColor::Cyan,
];

/// Writes a chart into `width` columns.
pub(crate) fn to_text(chart: &Chart, width: usize) -> String {
    let width = width.clamp(40, 160);
    let mut text = format!("{}\n", Shown(&chart.title).cut(width));
    let is_matrix = matches!(chart.drawing, Drawing::Matrices(_));
    if chart.keys.len() > 1 && !is_matrix {
        let key = |key: &Key| paint(key, &format!("● {}", Shown(&key.label).cut(width - 2)));
        text += &chart.keys.iter().map(key).collect::<Vec<_>>().join("   ");
        text += "\n";
    }
    text += &match &chart.drawing {
        Drawing::Plane(plane) => plane_text(plane, &chart.keys, width),
        Drawing::Bars(bars) => bars_text(bars, &chart.keys, width),
        Drawing::Matrices(matrices) => {
            let one = |matrix: &Matrix| matrix_text(matrix, matrices.len() > 1, width);
            matrices.iter().map(one).collect::<Vec<_>>().join("\n")
        }
    };
    text
}

fn paint(key: &Key, text: &str) -> String {
    let style: Style = COLOURS[key.colour % COLOURS.len()].on_default();
    format!("{style}{text}{style:#}")
}

/// A field of Braille characters, each of two by four dots and of the colour of its last dot.
struct Field {
    columns: usize,
    cells: Vec<(u32, usize)>,
}

impl Field {
    fn new(columns: usize) -> Self {
        Self {
            columns,
            cells: vec![(0, 0); columns * LINES],
        }
    }

    /// Sets the dot at a share of the width and of the height.
    fn dot(&mut self, (x, y): (f64, f64), key: usize) {
        if !(0.0..=1.0).contains(&x) || !(0.0..=1.0).contains(&y) {
            return;
        }
        let at = |share: f64, dots: usize| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "dots on a screen"
            )]
            let dot = (share * (dots - 1) as f64).round() as usize;
            dot
        };
        let (column, line) = (at(x, 2 * self.columns), at(1.0 - y, 4 * LINES));
        let cell = &mut self.cells[line / 4 * self.columns + column / 2];
        *cell = (cell.0 | DOTS[line % 4][column % 2], key);
    }

    /// Connects two places.
    fn stroke(&mut self, from: (f64, f64), to: (f64, f64), key: usize) {
        let steps = 4 * self.columns.max(LINES);
        for step in 0..=steps {
            #[expect(clippy::cast_precision_loss, reason = "dots on a screen")]
            let share = step as f64 / steps as f64;
            let between = |from: f64, to: f64| from + (to - from) * share;
            self.dot((between(from.0, to.0), between(from.1, to.1)), key);
        }
    }

    fn line(&self, line: usize, keys: &[Key]) -> String {
        let cells = &self.cells[line * self.columns..(line + 1) * self.columns];
        let mut text = String::new();
        for run in cells.chunk_by(|one, other| {
            one.0 == 0 && other.0 == 0 || one.0 * other.0 != 0 && one.1 == other.1
        }) {
            let dots = run.iter().map(|(dots, _)| match dots {
                0 => ' ',
                dots => char::from_u32(0x2800 + dots).unwrap_or(' '),
            });
            let dots: String = dots.collect();
            text += &if run[0].0 == 0 {
                dots
            } else {
                paint(&keys[run[0].1], &dots)
            };
        }
        text
    }
}

fn plane_text(plane: &Plane, keys: &[Key], width: usize) -> String {
    let ticks = plane.y.scale.ticks(5);
    let widest = ticks.iter().map(|tick| tick.label.chars().count()).max();
    let left = widest.unwrap_or(0).max(4);
    let columns = width - left - 2;
    let mut field = Field::new(columns);
    for layer in &plane.layers {
        if layer.mark == Mark::FaintDots {
            continue;
        }
        let places = thin_curve(&layer.points, 2 * columns).into_iter();
        let places = places.map(|(x, y)| (plane.x.scale.position(x), plane.y.scale.position(y)));
        let mut last = None;
        for place in places {
            if layer.mark == Mark::Line
                && let Some(last) = last
            {
                field.stroke(last, place, layer.key);
            }
            field.dot(place, layer.key);
            last = (place.1.is_finite()).then_some(place);
        }
    }
    let mut text = format!("{}\n", Shown(&plane.y.label).cut(width));
    for line in 0..LINES {
        let label = ticks
            .iter()
            .find(|tick| line_of(plane.y.scale.position(tick.value)) == line);
        let (label, axis) = label.map_or(("", '│'), |tick| (tick.label.as_str(), '┤'));
        let dots = field.line(line, keys);
        text += format!("{label:>left$} {axis}{dots}").trim_end();
        text.push('\n');
    }
    text += &format!("{:left$} └{}\n", "", "─".repeat(columns));
    text += &x_axis(plane, left + 2, columns);
    text
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lines on a screen"
)]
fn line_of(share: f64) -> usize {
    ((1.0 - share) * (4 * LINES - 1) as f64).round() as usize / 4
}

/// The numbers below the axis, as many as there is room for, and the axis' name.
fn x_axis(plane: &Plane, left: usize, columns: usize) -> String {
    let mut line = vec![' '; left + columns];
    let wanted = (columns / 12).max(2);
    let ticks = if plane.x.categories.is_empty() {
        plane.x.scale.ticks(wanted)
    } else {
        let every = plane.x.categories.len().div_ceil(wanted);
        let names = plane.x.categories.iter().zip(0u32..).step_by(every);
        let tick = |(name, index): (&String, u32)| crate::plots::scale::Tick {
            value: f64::from(index),
            label: Shown(name).cut(10),
        };
        names.map(tick).collect()
    };
    let mut free_from = 0;
    for tick in ticks {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "columns on a screen"
        )]
        let middle = left + (plane.x.scale.position(tick.value) * (columns - 1) as f64) as usize;
        let length = tick.label.chars().count();
        let start = middle
            .saturating_sub(length / 2)
            .min(left + columns - length.min(columns));
        if start >= free_from {
            for (place, character) in line[start..].iter_mut().zip(tick.label.chars()) {
                *place = character;
            }
            free_from = start + length + 1;
        }
    }
    let line: String = line.into_iter().collect();
    let label = Shown(&plane.x.label).cut(columns);
    let indent = left + (columns - Shown(&label).columns()) / 2;
    format!("{}\n{:indent$}{label}\n", line.trim_end(), "")
}

fn bars_text(bars: &Bars, keys: &[Key], width: usize) -> String {
    let names: Vec<String> = bars
        .categories
        .iter()
        .map(|name| Shown(name).cut(24))
        .collect();
    let left = names
        .iter()
        .map(|name| Shown(name).columns())
        .max()
        .unwrap_or(0);
    let room = width.saturating_sub(left + 14).max(10);
    let longest = bars
        .lengths
        .iter()
        .flatten()
        .map(|length| length.abs())
        .fold(0.0, f64::max);
    let mut text = format!("{} by {}\n", Shown(&bars.x.label), Shown(&bars.y_label));
    for (category, name) in names.iter().enumerate() {
        for (key, lengths) in bars.lengths.iter().enumerate() {
            let name = if key == 0 { name.as_str() } else { "" };
            let length = lengths[category];
            let bar = paint(&keys[key], &bar(length.abs() / longest, room));
            let number = if length.is_nan() {
                String::new()
            } else {
                write_short(length)
            };
            text += &format!("{:left$} │{bar} {number}\n", Shown(name));
        }
    }
    text
}

/// A bar of a share of `room` columns, in eighths of one.
fn bar(share: f64, room: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "columns on a screen"
    )]
    let eighths = (share * room as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// Shortens names, all to the same width; where they begin and end alike, to what tells them apart.
fn abbreviated(names: &[String], most: usize) -> Vec<String> {
    if names.iter().all(|name| Shown(name).columns() <= most) {
        return names.iter().map(|name| Shown(name).to_string()).collect();
    }
    let first = names.first().map_or("", String::as_str);
    let is_start = |end: &usize| names.iter().all(|name| name.starts_with(&first[..*end]));
    let start = first.char_indices().map(|(at, _)| at);
    let start = start.take_while(is_start).last().unwrap_or(0);
    let is_end = |at: &usize| {
        let end = &first[*at..];
        names
            .iter()
            .all(|name| name.len() > start + end.len() && name.ends_with(end))
    };
    let end = first.char_indices().rev().map(|(at, _)| at);
    let end = end
        .take_while(is_end)
        .last()
        .map_or(0, |at| first.len() - at);
    let short = |name: &String| {
        let inner = &name[start..name.len() - end];
        let marked = format!("{}{inner}{}", mark(start), mark(end));
        // What tells them apart is worth more than a sign that there is more.
        let text = if Shown(&marked).columns() <= most {
            &marked
        } else {
            inner
        };
        Shown(text).cut(most)
    };
    names.iter().map(short).collect()
}

fn mark(bytes_left_out: usize) -> &'static str {
    if bytes_left_out > 0 { "…" } else { "" }
}

/// How wide a column's name is at most, and how wide at least it can be.
const NAME_WIDTHS: [usize; 5] = [12, 8, 6, 4, 3];

fn matrix_text(matrix: &Matrix, is_one_of_several: bool, width: usize) -> String {
    let texts = NAME_WIDTHS.map(|most| matrix_with_names(matrix, is_one_of_several, most));
    let fits = |text: &&String| text.lines().all(|line| Shown(line).columns() <= width);
    let found = texts.iter().find(fits).or_else(|| texts.last());
    found.cloned().unwrap_or_default()
}

fn matrix_with_names(matrix: &Matrix, is_one_of_several: bool, most: usize) -> String {
    let columns = abbreviated(&matrix.columns, most);
    let rows = abbreviated(&matrix.rows, most.max(6));
    let gap = if most > 4 { "  " } else { " " };
    let cells: Vec<Vec<String>> = matrix
        .cells
        .iter()
        .map(|row| row.iter().map(|value| matrix.cell_text(*value)).collect())
        .collect();
    let left = rows
        .iter()
        .map(|name| Shown(name).columns())
        .max()
        .unwrap_or(0);
    let widths: Vec<usize> = (columns.iter().enumerate())
        .map(|(index, name)| {
            let cells = cells.iter().map(|row| row[index].chars().count());
            cells.max().unwrap_or(0).max(Shown(name).columns())
        })
        .collect();
    let right = |text: &str, width: usize| {
        format!(
            "{}{text}",
            " ".repeat(width.saturating_sub(Shown(text).columns()))
        )
    };
    let line = |head: &str, texts: &[String], bar: char| {
        let cells = texts
            .iter()
            .zip(&widths)
            .map(|(text, width)| right(text, *width));
        let line = format!(
            "{} {bar} {}",
            right(head, left),
            cells.collect::<Vec<_>>().join(gap)
        );
        format!("{}\n", line.trim_end())
    };
    let mut text = String::new();
    if is_one_of_several {
        text += &format!("{}\n", Shown(&matrix.caption));
    }
    text += &format!(
        "{} ↓  {} →\n",
        Shown(&matrix.y_label),
        Shown(&matrix.x_label)
    );
    text += &line("", &columns, ' ');
    for (name, cells) in rows.iter().zip(&cells) {
        text += &line(name, cells, '│');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_to_what_tells_them_apart() {
        let short = |names: &[&str], most| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            abbreviated(&names, most)
        };
        assert_eq!(short(&["cat", "dog"], 12), ["cat", "dog"]);
        let classes = ["class_1_of_x", "class_20_of_x"];
        assert_eq!(short(&classes, 8), ["…1…", "…20…"]);
        assert_eq!(short(&classes, 3), ["…1…", "20"]);
        assert_eq!(
            short(&["größer", "größe", "klein"], 4),
            ["grö…", "grö…", "kle…"]
        );
        assert_eq!(short(&["same", "same"], 3).len(), 2);
    }
}

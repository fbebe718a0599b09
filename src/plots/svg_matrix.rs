//! Draws confusion matrices, those of several revisions side by side.

use crate::base::markup::escape_html;
use crate::plots::canvas::{Anchor, Canvas, WIDTH, fit, text_width};
use crate::plots::chart::Matrix;

/// How large a matrix is at most, without its labels.
const SIZE: f64 = 400.0;

/// The smallest cell that a number fits into.
const READABLE: f64 = 24.0;

/// The smallest cell that a name fits beside.
const NAMED: f64 = 13.0;

/// With more classes than this only some are named: the matrix would not fit on any screen.
const MOST_NAMED: usize = 50;

/// How much room a name has that stands upright below its column.
const UPRIGHT: f64 = 90.0;

/// Draws the matrices, as many beside each other as there is room for; returns width and height.
pub(super) fn draw_matrices(canvas: &mut Canvas, matrices: &[Matrix], top: f64) -> (f64, f64) {
    let is_several = matrices.len() > 1;
    let (mut x, mut y) = (16.0, top);
    let (mut width, mut height) = (WIDTH, 0.0f64);
    for matrix in matrices {
        let panel = Panel::new(matrix, is_several);
        if x + panel.width > WIDTH && x > 16.0 {
            (x, y) = (16.0, y + height + 10.0);
            height = 0.0;
        }
        panel.draw(canvas, (x, y));
        x += panel.width + 12.0;
        width = width.max(x);
        height = height.max(panel.height);
    }
    (width, y + height + 10.0)
}

/// A matrix with its labels.
struct Panel<'m> {
    matrix: &'m Matrix,
    cell: f64,
    left: f64,
    head: f64,
    /// The room below for the columns' names.
    foot: f64,
    /// Whether these stand upright, for there is no room for them beside each other.
    is_upright: bool,
    width: f64,
    height: f64,
}

impl<'m> Panel<'m> {
    #[expect(clippy::cast_precision_loss, reason = "as many classes as can be seen")]
    fn new(matrix: &'m Matrix, is_several: bool) -> Self {
        let (columns, rows) = (matrix.columns.len(), matrix.rows.len());
        let size = if is_several { 0.62 * SIZE } else { SIZE };
        let largest = if is_several { 34.0 } else { 48.0 };
        let classes = columns.max(rows).max(1);
        let smallest = if classes <= MOST_NAMED { NAMED } else { 3.0 };
        let cell = (size / classes as f64).clamp(smallest, largest);
        let names = matrix.rows.iter().map(|name| text_width(name, 12.0));
        let left = names.fold(12.0, f64::max).min(120.0) + 10.0;
        let head = if is_several { 42.0 } else { 22.0 };
        let label = left + text_width(&matrix.x_label, 12.0);
        let widest = matrix.columns.iter().map(|name| text_width(name, 11.0));
        let widest = widest.fold(0.0, f64::max);
        // Names are rarely as wide as the widest letters, and may nearly touch.
        let is_upright = widest * 0.9 + 3.0 > cell;
        let foot = if is_upright {
            widest.min(UPRIGHT) + 10.0
        } else {
            20.0
        };
        Self {
            matrix,
            cell,
            left,
            head,
            foot,
            is_upright,
            width: (left + columns as f64 * cell).max(label) + 8.0,
            height: head + rows as f64 * cell + foot + 24.0,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "as many classes as can be seen")]
    fn draw(&self, canvas: &mut Canvas, (x, y): (f64, f64)) {
        let matrix = self.matrix;
        let columns = matrix.columns.len() as f64 * self.cell;
        let rows = matrix.rows.len() as f64 * self.cell;
        if self.head > 30.0 {
            let caption = fit(&matrix.caption, self.width, 13.0);
            canvas.text((x, y + 14.0), Anchor::Start, "ink", &caption);
        }
        canvas.text(
            (x, y + self.head - 8.0),
            Anchor::Start,
            "soft",
            &matrix.y_label,
        );
        let (left, top) = (x + self.left, y + self.head);
        canvas.rectangle(
            (left, top),
            (columns, rows),
            "class=\"bed\" fill-opacity=\".45\"",
        );
        self.draw_cells(canvas, (left, top));
        self.draw_names(canvas, (left, top));
        let below = (left + columns / 2.0, top + rows + self.foot + 16.0);
        canvas.text(below, Anchor::Middle, "soft", &matrix.x_label);
    }

    #[expect(clippy::cast_precision_loss, reason = "as many classes as can be seen")]
    fn draw_cells(&self, canvas: &mut Canvas, (left, top): (f64, f64)) {
        let matrix = self.matrix;
        let highest = matrix.highest();
        let gap = if self.cell > 8.0 { 1.0 } else { 0.0 };
        let mut texts = Canvas::default();
        canvas.open("class=\"c0\"");
        for (row, cells) in matrix.cells.iter().enumerate() {
            for (column, value) in cells.iter().enumerate().filter(|(_, value)| **value > 0.0) {
                let x = left + column as f64 * self.cell;
                let y = top + row as f64 * self.cell;
                // The root shows the few mistakes beside the many that are right.
                let strength = 0.08 + 0.92 * (value / highest).sqrt();
                let tip = format!(
                    "{} {} · {} {}: {value}",
                    matrix.y_label, matrix.rows[row], matrix.x_label, matrix.columns[column]
                );
                let side = self.cell - gap;
                canvas.rectangle(
                    (x + gap / 2.0, y + gap / 2.0),
                    (side, side),
                    &format!(
                        "class=\"bar\" fill-opacity=\"{strength:.2}\" data-t=\"{}\"",
                        escape_html(&tip)
                    ),
                );
                if self.cell >= READABLE {
                    let class = if strength > 0.6 {
                        "small inverse"
                    } else {
                        "small ink"
                    };
                    let middle = (x + self.cell / 2.0, y + self.cell / 2.0 + 4.0);
                    texts.text(middle, Anchor::Middle, class, &matrix.cell_text(*value));
                }
            }
        }
        canvas.close();
        canvas.add(&format!(
            "<g pointer-events=\"none\">{}</g>",
            texts.into_body()
        ));
    }

    /// Names rows and columns, or every so many of them where they are too close.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "as many classes as can be seen"
    )]
    fn draw_names(&self, canvas: &mut Canvas, (left, top): (f64, f64)) {
        let matrix = self.matrix;
        let bottom = top + matrix.rows.len() as f64 * self.cell;
        let every = (NAMED / self.cell).ceil() as usize;
        for (row, name) in matrix.rows.iter().enumerate().step_by(every) {
            let y = top + (row as f64 + 0.5) * self.cell + 4.0;
            canvas.text(
                (left - 6.0, y),
                Anchor::End,
                "small soft",
                &fit(name, 120.0, 11.0),
            );
        }
        for (column, name) in matrix.columns.iter().enumerate().step_by(every) {
            let x = left + (column as f64 + 0.5) * self.cell;
            if self.is_upright {
                let name = fit(name, UPRIGHT, 11.0);
                canvas.text_upwards((x + 4.0, bottom + 6.0), "small soft", &name);
            } else {
                canvas.text((x, bottom + 15.0), Anchor::Middle, "small soft", name);
            }
        }
    }
}

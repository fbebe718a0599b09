//! `Canvas`: writes SVG, short and always the same for the same chart.

use unicode_width::UnicodeWidthStr;

use crate::base::markup::escape_html;
use crate::base::shown::Shown;

/// How wide a chart is, in units of the drawing.
pub(crate) const WIDTH: f64 = 720.0;

/// An SVG drawing that grows.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

/// Where a text stands at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

impl Canvas {
    /// Adds SVG as it is.
    pub(crate) fn add(&mut self, svg: &str) {
        self.body += svg;
    }

    /// Opens a group with attributes.
    pub(crate) fn open(&mut self, attributes: &str) {
        self.body += &format!("<g {attributes}>");
    }

    /// Closes the last group.
    pub(crate) fn close(&mut self) {
        self.body += "</g>";
    }

    /// Adds a text; `class` is of the palette's rules.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " mid",
            Anchor::End => " end",
        };
        self.body += &format!(
            "<text x=\"{}\" y=\"{}\" class=\"{class}{anchor}\">{}</text>",
            number(x),
            number(y),
            escape_html(text)
        );
    }

    /// Adds a text that runs upwards and ends at its point.
    pub(crate) fn text_upwards(&mut self, (x, y): (f64, f64), class: &str, text: &str) {
        let (x, y) = (number(x), number(y));
        self.body += &format!(
            "<text transform=\"translate({x} {y}) rotate(-90)\" class=\"{class} end\">{}</text>",
            escape_html(text)
        );
    }

    /// Adds a straight line.
    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), attributes: &str) {
        self.body += &format!(
            "<path d=\"M{} {}L{} {}\" {attributes}/>",
            number(x1),
            number(y1),
            number(x2),
            number(y2)
        );
    }

    /// Adds a rectangle.
    pub(crate) fn rectangle(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        attributes: &str,
    ) {
        self.body += &format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {attributes}/>",
            number(x),
            number(y),
            number(width),
            number(height)
        );
    }

    /// Returns what was drawn.
    pub(crate) fn into_body(self) -> String {
        self.body
    }
}

/// Writes a coordinate: a tenth of a unit is finer than any eye.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// Estimates how wide a text is; fonts differ, and the wide ones must fit too.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a line of text")]
    let columns = text.width() as f64;
    columns * size * 0.62
}

/// Cuts a text to what fits into `width`.
pub(crate) fn fit(text: &str, width: f64, size: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a line of text"
    )]
    let columns = (width / (size * 0.62)).max(3.0) as usize;
    Shown(text).cut(columns)
}

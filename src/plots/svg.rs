//! Draws charts as SVG: small, without ids or anything else that differs from one time to the next.

use serde_json::json;

use crate::base::markup::escape_html;
use crate::plots::canvas::{Anchor, Canvas, WIDTH, fit, number, text_width};
use crate::plots::chart::{Axis, Bars, Chart, Drawing, Key, Layer, Mark, Plane};
use crate::plots::compose::{X_TICKS, Y_TICKS};
use crate::plots::decimate::{thin_cloud, thin_curve};
use crate::plots::palette::{self, COLOURS, dash};
use crate::plots::scale::{Growth, Tick, write_short};
use crate::plots::svg_matrix::draw_matrices;

/// The height of a plane, without titles and labels.
const PLANE_HEIGHT: f64 = 290.0;

/// The room at each side.
const EDGE: f64 = 16.0;

/// More points than these are drawn with a finer line, and without a mark at each.
const FEW: usize = 40;
const MANY: usize = 600;

/// A drawn chart.
#[derive(Debug)]
pub(crate) struct Drawn {
    /// How wide it is.
    pub(crate) width: f64,
    /// How high it is.
    pub(crate) height: f64,
    /// The elements inside of the `svg` element.
    body: String,
    /// The title.
    title: String,
    /// What a page needs to say what is below the pointer.
    pub(crate) hover: Option<serde_json::Value>,
}

impl Drawn {
    /// Writes it as a file of its own.
    pub(crate) fn to_file(&self) -> String {
        let (width, height) = (number(self.width), number(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             class=\"plot\" role=\"img\" aria-label=\"{}\"><style>{}</style>\
             <rect width=\"{width}\" height=\"{height}\" class=\"paper\"/>{}</svg>\n",
            escape_html(&self.title),
            palette::file_rules(),
            self.body
        )
    }

    /// Writes it as an element of a page, which has the rules of the palette.
    pub(crate) fn to_element(&self) -> String {
        let (width, height) = (number(self.width), number(self.height));
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" class=\"plot\" role=\"img\" aria-label=\"{}\">{}</svg>",
            escape_html(&self.title),
            self.body
        )
    }
}

/// Draws a chart.
pub(crate) fn draw(chart: &Chart) -> Drawn {
    let mut canvas = Canvas::default();
    let title = fit(&chart.title, WIDTH - 2.0 * EDGE, 16.0);
    canvas.text((EDGE, 28.0), Anchor::Start, "title ink", &title);
    let is_matrix = matches!(chart.drawing, Drawing::Matrices(_));
    let mut top = 40.0;
    if chart.keys.len() > 1 && !is_matrix {
        top = draw_legend(&mut canvas, chart, top);
    }
    let (width, height, hover) = match &chart.drawing {
        Drawing::Plane(plane) => {
            let (height, hover) = draw_plane(&mut canvas, plane, &chart.keys, top);
            (WIDTH, height, Some(hover))
        }
        Drawing::Bars(bars) => (WIDTH, draw_bars(&mut canvas, bars, &chart.keys, top), None),
        Drawing::Matrices(matrices) => {
            let (width, height) = draw_matrices(&mut canvas, matrices, top);
            (width, height, None)
        }
    };
    Drawn {
        width,
        height,
        body: canvas.into_body(),
        title: chart.title.clone(),
        hover,
    }
}

/// Draws what colours and dashes mean; returns where the rest may begin.
fn draw_legend(canvas: &mut Canvas, chart: &Chart, top: f64) -> f64 {
    let (mut x, mut y) = (EDGE, top + 12.0);
    for (index, key) in chart.keys.iter().enumerate() {
        let label = fit(&key.label, 320.0, 12.0);
        let width = 34.0 + text_width(&label, 12.0) + 14.0;
        if x + width > WIDTH && x > EDGE {
            (x, y) = (EDGE, y + 20.0);
        }
        canvas.open(&format!(
            "class=\"c{} key\" data-s=\"{index}\"",
            key.colour % COLOURS
        ));
        draw_sample(canvas, chart, key, (x, y - 4.0));
        canvas.text((x + 34.0, y), Anchor::Start, "ink", &label);
        canvas.close();
        x += width;
    }
    y + 8.0
}

fn draw_sample(canvas: &mut Canvas, chart: &Chart, key: &Key, (x, y): (f64, f64)) {
    let is_dots = match &chart.drawing {
        Drawing::Plane(plane) => !plane.layers.iter().any(|layer| layer.mark == Mark::Line),
        Drawing::Bars(_) | Drawing::Matrices(_) => {
            canvas.rectangle((x + 8.0, y - 6.0), (12.0, 12.0), "class=\"bar\" rx=\"2\"");
            return;
        }
    };
    if is_dots {
        draw_marks(canvas, &[(x + 14.0, y)], key.dash, "dots");
    } else {
        let attributes = format!("class=\"line\"{}", dash_attribute(key.dash));
        canvas.line((x, y), (x + 26.0, y), &attributes);
    }
}

fn dash_attribute(number: usize) -> String {
    match dash(number) {
        "" => String::new(),
        dash => format!(" stroke-dasharray=\"{dash}\""),
    }
}

/// Where a plane lies on the canvas.
struct Frame<'p> {
    plane: &'p Plane,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Frame<'_> {
    fn x(&self, value: f64) -> f64 {
        self.left + self.plane.x.scale.position(value) * self.width
    }

    fn y(&self, value: f64) -> f64 {
        self.top + (1.0 - self.plane.y.scale.position(value)) * self.height
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x(x), self.y(y))
    }
}

fn draw_plane(
    canvas: &mut Canvas,
    plane: &Plane,
    keys: &[Key],
    top: f64,
) -> (f64, serde_json::Value) {
    let y_ticks = plane.y.scale.ticks(Y_TICKS);
    let widest = y_ticks.iter().map(|tick| text_width(&tick.label, 12.0));
    let left = EDGE + widest.fold(16.0, f64::max) + 8.0;
    let frame = Frame {
        plane,
        left,
        top: top + 24.0,
        width: WIDTH - left - EDGE - 4.0,
        height: PLANE_HEIGHT,
    };
    let label = fit(&plane.y.label, WIDTH - 2.0 * EDGE, 12.0);
    canvas.text((EDGE, top + 12.0), Anchor::Start, "soft", &label);
    draw_axes(canvas, &frame, &y_ticks);
    let mut curves = Vec::new();
    for layer in &plane.layers {
        let points = thinned(layer, &frame);
        let key = &keys[layer.key];
        canvas.open(&format!(
            "class=\"c{} series\" data-s=\"{}\"",
            key.colour % COLOURS,
            layer.key
        ));
        draw_layer(canvas, &frame, (layer.mark, key.dash), &points);
        canvas.close();
        // Of a smooth curve the points are what was measured.
        curves
            .push(json!({"key": layer.key, "mark": format!("{:?}", layer.mark), "points": points}));
    }
    let hover = json!({
        "box": [number(frame.left), number(frame.top), number(frame.width), number(frame.height)],
        "x": axis_json(&plane.x),
        "y": axis_json(&plane.y),
        "keys": keys.iter().map(|key| json!({"label": key.label, "colour": key.colour % COLOURS})).collect::<Vec<_>>(),
        "curves": curves,
    });
    (frame.top + PLANE_HEIGHT + 48.0, hover)
}

fn axis_json(axis: &Axis) -> serde_json::Value {
    let scale = axis.scale;
    let is_log = scale.growth == Growth::Log;
    json!({"label": axis.label, "low": scale.low, "high": scale.high, "log": is_log, "categories": axis.categories})
}

fn draw_axes(canvas: &mut Canvas, frame: &Frame<'_>, y_ticks: &[Tick]) {
    let (right, bottom) = (frame.left + frame.width, frame.top + frame.height);
    let mut grid = String::new();
    for tick in y_ticks {
        let y = frame.y(tick.value);
        grid += &format!("M{} {}H{}", number(frame.left), number(y), number(right));
        canvas.text(
            (frame.left - 8.0, y + 4.0),
            Anchor::End,
            "soft",
            &tick.label,
        );
    }
    let mut marks = String::new();
    for tick in x_ticks(frame) {
        let x = frame.x(tick.value);
        marks += &format!("M{} {}v5", number(x), number(bottom));
        let half = text_width(&tick.label, 12.0) / 2.0;
        let x = x.min(WIDTH - half - 2.0);
        canvas.text((x, bottom + 19.0), Anchor::Middle, "soft", &tick.label);
    }
    canvas.add(&format!("<path class=\"grid\" d=\"{grid}\"/>"));
    canvas.add(&format!(
        "<path class=\"axis\" d=\"M{} {}H{}{marks}\"/>",
        number(frame.left),
        number(bottom),
        number(right)
    ));
    let middle = frame.left + frame.width / 2.0;
    let label = fit(&frame.plane.x.label, frame.width, 12.0);
    canvas.text((middle, bottom + 38.0), Anchor::Middle, "soft", &label);
}

/// The numbers at the x axis, or as many of the categories as there is room for.
fn x_ticks(frame: &Frame<'_>) -> Vec<Tick> {
    let axis = &frame.plane.x;
    if axis.categories.is_empty() {
        return axis.scale.ticks(X_TICKS);
    }
    let widest = axis.categories.iter().map(|name| text_width(name, 12.0));
    let widest = widest.fold(0.0, f64::max).min(110.0) + 10.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a count of labels"
    )]
    let every = (axis.categories.len() as f64 * widest / frame.width)
        .ceil()
        .max(1.0) as usize;
    let shown = axis.categories.iter().zip(0u32..).step_by(every);
    let tick = |(name, index): (&String, u32)| Tick {
        value: f64::from(index),
        label: fit(name, 110.0, 12.0),
    };
    shown.map(tick).collect()
}

/// Leaves out what lies on the same pixels, and what lies nowhere.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels of a chart"
)]
fn thinned(layer: &Layer, frame: &Frame<'_>) -> Vec<(f64, f64)> {
    let is_drawn = |point: &&(f64, f64)| {
        let (x, y) = frame.place(**point);
        // A gap in y interrupts a curve; a point without an x is nowhere.
        x.is_finite() && (y.is_finite() || layer.mark == Mark::Line)
    };
    let points: Vec<(f64, f64)> = layer.points.iter().filter(is_drawn).copied().collect();
    match layer.mark {
        Mark::Line => thin_curve(&points, frame.width as usize),
        Mark::Dots | Mark::FaintDots => thin_cloud(&points, 4000, |point| {
            let (x, y) = frame.place(point);
            ((x / 3.0) as i32, (y / 3.0) as i32)
        }),
    }
}

fn draw_layer(
    canvas: &mut Canvas,
    frame: &Frame<'_>,
    (mark, dash): (Mark, usize),
    points: &[(f64, f64)],
) {
    let places: Vec<(f64, f64)> = points.iter().map(|point| frame.place(*point)).collect();
    match mark {
        Mark::Dots => draw_marks(canvas, &places, dash, "dots"),
        Mark::FaintDots => draw_marks(canvas, &places, 0, "dots faint"),
        Mark::Line => {
            draw_curve(canvas, &places, dash);
            let is_alone = |index: usize| {
                let is_gap = |at: Option<&(f64, f64)>| at.is_none_or(|place| !place.1.is_finite());
                is_gap(index.checked_sub(1).and_then(|at| places.get(at)))
                    && is_gap(places.get(index + 1))
            };
            let marks = places.iter().enumerate();
            let marks = marks.filter(|(index, place)| {
                place.1.is_finite() && (places.len() <= FEW || is_alone(*index))
            });
            let marks: Vec<(f64, f64)> = marks.map(|(_, place)| *place).collect();
            draw_marks(canvas, &marks, dash, "dots");
        }
    }
}

fn draw_curve(canvas: &mut Canvas, places: &[(f64, f64)], dash: usize) {
    let mut path = String::new();
    let mut is_open = false;
    for (x, y) in places {
        if !y.is_finite() {
            is_open = false;
            continue;
        }
        path += if is_open { "L" } else { "M" };
        path += &format!("{} {}", number(*x), number(*y));
        is_open = true;
    }
    if path.contains('L') {
        // Dashes of a line that goes up and down at each pixel would be noise.
        let (fine, dash) = if places.len() > MANY {
            (" fine", String::new())
        } else {
            ("", dash_attribute(dash))
        };
        canvas.add(&format!("<path class=\"line{fine}\"{dash} d=\"{path}\"/>"));
    }
}

/// Draws a mark at each place, all in one path; their shapes are told apart without colours.
fn draw_marks(canvas: &mut Canvas, places: &[(f64, f64)], shape: usize, class: &str) {
    if places.is_empty() {
        return;
    }
    let is_cloud = places.len() > 2000;
    let (attributes, mark) = match (shape % 4, is_cloud) {
        (_, true) => ("stroke-linecap=\"round\" stroke-width=\"3.5\"", "h.01"),
        (0, _) => ("stroke-linecap=\"round\" stroke-width=\"6\"", "h.01"),
        (1, _) => ("stroke-linecap=\"square\" stroke-width=\"5\"", "h.01"),
        (2, _) => ("stroke-width=\"1\"", "m-3.5 3h7l-3.5-6.5z"),
        _ => ("stroke-width=\"1\"", "m-4 0l4-4 4 4-4 4z"),
    };
    let mut path = String::new();
    for (x, y) in places {
        path += &format!("M{} {}{mark}", number(*x), number(*y));
    }
    canvas.add(&format!(
        "<path class=\"{class}\" {attributes} d=\"{path}\"/>"
    ));
}

/// Draws bars; returns where they end.
fn draw_bars(canvas: &mut Canvas, bars: &Bars, keys: &[Key], top: f64) -> f64 {
    let names: Vec<String> = bars
        .categories
        .iter()
        .map(|name| fit(name, 200.0, 12.0))
        .collect();
    let widest = names
        .iter()
        .map(|name| text_width(name, 12.0))
        .fold(30.0, f64::max);
    let left = EDGE + widest + 8.0;
    // The longest bar's number stands behind it.
    let width = WIDTH - left - EDGE - 54.0;
    let thickness = match bars.categories.len() * keys.len() {
        0..=12 => 20.0,
        13..=40 => 14.0,
        _ => 9.0,
    };
    #[expect(clippy::cast_precision_loss, reason = "a handful of keys")]
    let group = thickness * keys.len() as f64 + 8.0;
    #[expect(clippy::cast_precision_loss, reason = "as many as can be seen")]
    let bottom = top + 26.0 + group * names.len() as f64 + 4.0;
    let at = |value: f64| left + bars.x.scale.position(value) * width;
    let label = fit(&bars.y_label, WIDTH - 2.0 * EDGE, 12.0);
    canvas.text((EDGE, top + 12.0), Anchor::Start, "soft", &label);
    let mut grid = String::new();
    for tick in bars.x.scale.ticks(X_TICKS) {
        let x = at(tick.value);
        grid += &format!("M{} {}V{}", number(x), number(top + 22.0), number(bottom));
        canvas.text((x, bottom + 17.0), Anchor::Middle, "soft", &tick.label);
    }
    canvas.add(&format!("<path class=\"grid\" d=\"{grid}\"/>"));
    let mut y = top + 26.0 + 4.0;
    for (category, name) in names.iter().enumerate() {
        let middle = y + (group - 8.0) / 2.0 + 4.0;
        canvas.text((left - 8.0, middle), Anchor::End, "ink", name);
        for (key, lengths) in bars.lengths.iter().enumerate() {
            let length = lengths[category];
            if length.is_finite() {
                draw_bar(
                    canvas,
                    (key, &keys[key]),
                    (at(0.0), at(length), y),
                    (length, thickness),
                );
            }
            y += thickness;
        }
        y += 8.0;
    }
    canvas.line((at(0.0), top + 22.0), (at(0.0), bottom), "class=\"axis\"");
    let label = fit(&bars.x.label, width, 12.0);
    canvas.text(
        (left + width / 2.0, bottom + 36.0),
        Anchor::Middle,
        "soft",
        &label,
    );
    bottom + 46.0
}

fn draw_bar(
    canvas: &mut Canvas,
    (index, key): (usize, &Key),
    (zero, end, y): (f64, f64, f64),
    (length, thickness): (f64, f64),
) {
    canvas.open(&format!(
        "class=\"c{} series\" data-s=\"{index}\"",
        key.colour % COLOURS
    ));
    let tip = escape_html(&format!("{}: {length}", key.label));
    canvas.rectangle(
        (zero.min(end), y + 1.0),
        ((end - zero).abs().max(0.5), thickness - 2.0),
        &format!("class=\"bar\" rx=\"2\" data-t=\"{tip}\""),
    );
    if thickness > 10.0 {
        let text = write_short(length);
        let (x, anchor) = if end < zero {
            (end - 5.0, Anchor::End)
        } else {
            (end + 5.0, Anchor::Start)
        };
        canvas.text((x, y + thickness / 2.0 + 4.0), anchor, "small soft", &text);
    }
    canvas.close();
}

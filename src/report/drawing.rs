//! The pipeline as a picture for the page: each stage a box that leads to what is known of it.

use unicode_width::UnicodeWidthStr;

use crate::base::markup::escape_html;
use crate::pipeline::Pipeline;
use crate::report::layout::{Layout, Place, lay_out};

/// More stages than this are a picture that nobody reads.
const LARGEST: usize = 400;

/// Pixels: the height of a box, the room between rows and between layers, a letter's width and the
/// room beside a name, the margin around all.
const HEIGHT: usize = 34;
const ROW_GAP: usize = 14;
const LAYER_GAP: usize = 56;
const LETTER: usize = 8;
const PADDING: usize = 14;
const MARGIN: usize = 8;

/// Names longer than this many columns are cut.
const LONGEST: usize = 32;

/// Draws the graph as SVG; `outcome` says how it went with a stage, which colours its box. Empty
/// where there is too little or too much to draw.
pub(super) fn draw(pipeline: &Pipeline, outcome: impl Fn(usize) -> String) -> String {
    let count = pipeline.stages.len();
    if !(2..=LARGEST).contains(&count) {
        return String::new();
    }
    let needs: Vec<Vec<usize>> = (0..count)
        .map(|stage| pipeline.graph.upstream(stage).to_vec())
        .collect();
    let names: Vec<String> = pipeline
        .stages
        .iter()
        .map(|stage| shorten(stage.name.as_str()))
        .collect();
    let layout = lay_out(&needs);
    let canvas = Canvas::new(&layout, &names);
    let mut body = String::new();
    for edge in &canvas.layout.edges {
        body += &canvas.edge(edge);
    }
    for (layer, places) in canvas.layout.layers.iter().enumerate() {
        for (row, place) in places.iter().enumerate() {
            if let Place::Node(stage) = place {
                body += &canvas.stage((layer, row), *stage, &outcome(*stage));
            }
        }
    }
    let (width, height) = (canvas.width(), canvas.height());
    format!(
        "<svg class=\"graph\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"pipeline\">\n{body}</svg>"
    )
}

/// A layout with the sizes of its boxes.
struct Canvas<'a> {
    layout: &'a Layout,
    names: &'a [String],
    /// The width of each layer's boxes, and where they begin.
    columns: Vec<(usize, usize)>,
    /// The rows of the longest layer.
    rows: usize,
}

impl<'a> Canvas<'a> {
    fn new(layout: &'a Layout, names: &'a [String]) -> Self {
        let mut left = MARGIN;
        let column = |places: &Vec<Place>| {
            let widths = places.iter().map(|place| match place {
                Place::Node(stage) => names[*stage].width() * LETTER + 2 * PADDING,
                Place::Bend(_) => 0,
            });
            let width = widths.max().unwrap_or(0);
            let start = left;
            left += width + LAYER_GAP;
            (width, start)
        };
        let columns = layout.layers.iter().map(column).collect();
        let rows = layout.layers.iter().map(Vec::len).max().unwrap_or(0);
        Self {
            layout,
            names,
            columns,
            rows,
        }
    }

    fn width(&self) -> usize {
        let last = self.columns.last();
        last.map_or(0, |(width, start)| start + width + MARGIN)
    }

    fn height(&self) -> usize {
        2 * MARGIN + self.rows * (HEIGHT + ROW_GAP) - ROW_GAP
    }

    /// The middle of a place's left and right side; layers are centred.
    fn sides(&self, (layer, row): (usize, usize)) -> (usize, usize, usize) {
        let (width, left) = self.columns[layer];
        let free = (self.rows - self.layout.layers[layer].len()) * (HEIGHT + ROW_GAP) / 2;
        let middle = MARGIN + free + row * (HEIGHT + ROW_GAP) + HEIGHT / 2;
        (left, left + width, middle)
    }

    fn edge(&self, places: &[(usize, usize)]) -> String {
        let (_, right, middle) = self.sides(places[0]);
        let mut path = format!("M{right} {middle}");
        for pair in places.windows(2) {
            let (_, from, start) = self.sides(pair[0]);
            let (to, end, middle) = self.sides(pair[1]);
            let half = usize::midpoint(from, to);
            path += &format!(" C{half} {start} {half} {middle} {to} {middle}");
            let (layer, row) = pair[1];
            if matches!(self.layout.layers[layer][row], Place::Bend(_)) {
                path += &format!(" L{end} {middle}");
            }
        }
        format!("<path class=\"edge\" d=\"{path}\"/>\n")
    }

    fn stage(&self, place: (usize, usize), stage: usize, outcome: &str) -> String {
        let (left, right, middle) = self.sides(place);
        let top = middle - HEIGHT / 2;
        let name = escape_html(&self.names[stage]);
        let class = escape_html(outcome);
        format!(
            "<a href=\"#stage-{stage}\"><rect class=\"stage {class}\" x=\"{left}\" y=\"{top}\" \
             width=\"{}\" height=\"{HEIGHT}\" rx=\"6\"/><text class=\"{class}\" x=\"{}\" y=\"{}\" \
             text-anchor=\"middle\">{name}</text></a>\n",
            right - left,
            usize::midpoint(left, right),
            middle + 4,
        )
    }
}

fn shorten(name: &str) -> String {
    if name.width() <= LONGEST {
        return name.to_owned();
    }
    let kept: String = name.chars().take(LONGEST - 1).collect();
    format!("{kept}…")
}

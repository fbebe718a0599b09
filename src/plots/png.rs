//! Draws SVG as PNG, with the font that is embedded: the same on every machine.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

const FONT: &[u8] = include_bytes!("assets/vendor/DejaVuSans.ttf");
const FAMILY: &str = "DejaVu Sans";

/// Twice the size that the SVG asks for, which is sharp on good screens and in print.
const FACTOR: f32 = 2.0;

/// Draws a chart's SVG; `None` if it is too large for any picture.
pub(crate) fn to_png(svg: &str) -> Option<Vec<u8>> {
    let mut options = Options {
        font_family: FAMILY.to_owned(),
        ..Options::default()
    };
    options.fontdb_mut().load_font_data(FONT.to_vec());
    let tree = Tree::from_str(svg, &options).ok()?;
    let size = tree.size().to_int_size().scale_by(FACTOR)?;
    let mut picture = Pixmap::new(size.width(), size.height())?;
    let scale = Transform::from_scale(FACTOR, FACTOR);
    resvg::render(&tree, scale, &mut picture.as_mut());
    picture.encode_png().ok()
}

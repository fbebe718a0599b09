//! The badge as SVG, flat, as wide as its texts are in the fonts that show it.

use crate::base::markup::escape_html;
use crate::plots::number;

/// Advance widths of U+0020 … U+007E in `DejaVu Sans`, whose letters are as wide as Verdana's, in units
/// of which [`UNITS`] make an em; from the `hmtx` table of the font in `plots/assets`.
const ADVANCES: [u16; 95] = [
    651, 821, 942, 1716, 1303, 1946, 1597, 563, 799, 799, 1024, 1716, 651, 739, 651, 690, 1303,
    1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 690, 690, 1716, 1716, 1716, 1087, 2048,
    1401, 1405, 1430, 1577, 1294, 1178, 1587, 1540, 604, 604, 1343, 1141, 1767, 1532, 1612, 1235,
    1612, 1423, 1300, 1251, 1499, 1401, 2025, 1403, 1251, 1403, 799, 690, 799, 1716, 1024, 1024,
    1255, 1300, 1126, 1300, 1260, 721, 1300, 1298, 569, 569, 1186, 569, 1995, 1298, 1253, 1300,
    1300, 842, 1067, 803, 1298, 1212, 1675, 1212, 1212, 1075, 1303, 690, 1303, 1716,
];
const UNITS: f64 = 2048.0;

/// The size of the letters.
const SIZE: f64 = 11.0;

/// The room at each side of a text.
const PAD: f64 = 5.0;

/// Draws a badge; `colour` is CSS's.
pub(super) fn draw(label: &str, message: &str, colour: &str) -> String {
    let (left, right) = (width(label) + 2.0 * PAD, width(message) + 2.0 * PAD);
    let whole = number(left + right);
    let title = escape_html(&format!("{label}: {message}"));
    let texts = text(label, 0.0, left) + &text(message, left, right);
    let (left, right) = (number(left), number(right));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"20\" role=\"img\" \
         aria-label=\"{title}\"><title>{title}</title>\
         <clipPath id=\"r\"><rect width=\"{whole}\" height=\"20\" rx=\"3\"/></clipPath>\
         <linearGradient id=\"s\" x2=\"0\" y2=\"100%\"><stop offset=\"0\" stop-color=\"#bbb\" \
         stop-opacity=\".1\"/><stop offset=\"1\" stop-opacity=\".1\"/></linearGradient>\
         <g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"20\" fill=\"#555\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/>\
         <rect width=\"{whole}\" height=\"20\" fill=\"url(#s)\"/></g>\
         <g fill=\"#fff\" text-anchor=\"middle\" \
         font-family=\"Verdana,Geneva,'DejaVu Sans',sans-serif\" font-size=\"{SIZE}\">{texts}</g></svg>\n"
    )
}

/// Writes a text into the middle of its part, with a shadow below. The length is said as well: where
/// another font shows it, letters move closer together, and nothing is cut.
fn text(text: &str, start: f64, part: f64) -> String {
    if text.is_empty() {
        return String::new();
    }
    let (middle, length) = (number(start + part / 2.0), number(width(text)));
    let text = escape_html(text);
    let line = |y: &str, more: &str| {
        format!("<text x=\"{middle}\" y=\"{y}\" textLength=\"{length}\"{more}>{text}</text>")
    };
    let shadow = line(
        "15",
        " aria-hidden=\"true\" fill=\"#010101\" fill-opacity=\".3\"",
    );
    shadow + &line("14", "")
}

/// Returns how wide a text is.
fn width(text: &str) -> f64 {
    use unicode_width::UnicodeWidthChar;
    let advance = |character: char| {
        let index = u32::from(character).checked_sub(0x20);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let known = index.and_then(|index| ADVANCES.get(index));
        // Other letters are about as wide as a capital; of East Asia's each fills a square.
        match (known, character.width()) {
            (Some(units), _) => f64::from(*units),
            (None, Some(2..)) => UNITS,
            (None, Some(1)) => 1500.0,
            (None, _) => 0.0,
        }
    };
    let units: f64 = text.chars().map(advance).sum();
    units * SIZE / UNITS
}

#[cfg(test)]
mod tests {
    use resvg::usvg::{Options, Tree};

    use super::*;

    /// How wide the font that is embedded draws a text.
    fn drawn(text: &str) -> f64 {
        let mut options = Options::default();
        let font = include_bytes!("../plots/assets/vendor/DejaVuSans.ttf");
        options.fontdb_mut().load_font_data(font.to_vec());
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"20\"><text y=\"14\" \
             font-family=\"DejaVu Sans\" font-size=\"{SIZE}\">{}</text></svg>",
            escape_html(text)
        );
        let tree = Tree::from_str(&svg, &options).expect("is SVG");
        tree.root().abs_bounding_box().width().into()
    }

    #[test]
    fn widths_are_those_of_the_font() {
        for text in [
            "accuracy",
            "98.47 %",
            "WWWWiiii",
            "parameters",
            "f1.class_8 @main",
        ] {
            let (told, drawn) = (width(text), drawn(text));
            // What is drawn lacks the empty edges of the first and the last letter.
            assert!((told - drawn).abs() < 2.5, "{text}: {told} {drawn}");
        }
    }

    #[test]
    fn names_stay_text() {
        let svg = draw("a<script>&\"", "1", "#4c1");
        assert!(
            svg.contains("a&lt;script&gt;&amp;&quot;") && !svg.contains("<script"),
            "{svg}"
        );
        assert!(Tree::from_str(&svg, &Options::default()).is_ok());
    }
}

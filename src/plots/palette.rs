//! Colours and dashes: told apart by those who see no red or no green, on white and on black.

/// The colours on white, after Okabe and Ito's palette; the yellow, which nobody sees on white, is
/// left out.
const ON_LIGHT: [&str; 8] = [
    "#0067b0", "#d45500", "#00855f", "#b0528c", "#b07d00", "#3d9bd6", "#7a4fd0", "#5f6b7a",
];

/// The same colours, lighter, on black.
const ON_DARK: [&str; 8] = [
    "#58aef5", "#ff9142", "#3fcf9f", "#e893c4", "#e8b83a", "#8fd0ff", "#b79bff", "#aab4c2",
];

/// The dashes: none first.
const DASHES: [&str; 6] = ["", "7 4", "2 3.5", "9 3 2 3", "12 5", "4 2 1 2"];

/// How many colours there are.
pub(crate) const COLOURS: usize = ON_LIGHT.len();

/// What colours a chart has besides those of its curves.
struct Tones {
    paper: &'static str,
    ink: &'static str,
    soft: &'static str,
    grid: &'static str,
    axis: &'static str,
    inverse: &'static str,
    colours: [&'static str; 8],
}

const LIGHT: Tones = Tones {
    paper: "#ffffff",
    ink: "#1c2430",
    soft: "#5a6675",
    grid: "#e5e9ef",
    axis: "#8b96a5",
    inverse: "#ffffff",
    colours: ON_LIGHT,
};

const DARK: Tones = Tones {
    paper: "#14181f",
    ink: "#e8ecf2",
    soft: "#a3aebd",
    grid: "#2a313c",
    axis: "#6b7788",
    inverse: "#0d1117",
    colours: ON_DARK,
};

/// Returns the dashes of this number, as SVG writes them; nothing for a whole line.
pub(crate) fn dash(number: usize) -> &'static str {
    DASHES[number % DASHES.len()]
}

/// The rules of an SVG file: dark where the reader's system is.
pub(crate) fn file_rules() -> String {
    format!(
        "{}{}@media (prefers-color-scheme:dark){{{}}}",
        shape_rules(),
        LIGHT.rules(""),
        DARK.rules("")
    )
}

/// The rules of charts in a page, which has a switch.
pub(crate) fn page_rules() -> String {
    format!(
        "{}{}@media (prefers-color-scheme:dark){{{}}}{}",
        shape_rules(),
        LIGHT.rules(""),
        DARK.rules(":root:not([data-theme=light]) "),
        DARK.rules(":root[data-theme=dark] "),
    )
}

fn shape_rules() -> &'static str {
    ".plot text{font-size:12px;font-family:\"DejaVu Sans\",Verdana,system-ui,sans-serif}.plot .title{font-size:16px;font-weight:600}.plot .small{font-size:11px}\
     .plot .end{text-anchor:end}.plot .mid{text-anchor:middle}.plot .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\
     .plot .fine{stroke-width:1.2;stroke-opacity:.75}.plot .dots{fill:currentColor;stroke:currentColor}.plot .faint{opacity:.28}.plot .bar{fill:currentColor}"
}

impl Tones {
    fn rules(&self, scope: &str) -> String {
        let Self {
            paper,
            ink,
            soft,
            grid,
            axis,
            inverse,
            colours,
        } = self;
        let mut rules = format!(
            "{scope}.plot .paper{{fill:{paper}}}{scope}.plot .ink{{fill:{ink}}}{scope}.plot .soft{{fill:{soft}}}\
             {scope}.plot .grid{{fill:none;stroke:{grid}}}{scope}.plot .axis{{fill:none;stroke:{axis}}}\
             {scope}.plot .inverse{{fill:{inverse}}}{scope}.plot .bed{{fill:{grid}}}"
        );
        for (number, colour) in colours.iter().enumerate() {
            rules += &format!("{scope}.plot .c{number}{{color:{colour}}}");
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours, from 1 to 21, as WCAG 2 defines it.
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour: &str| {
            let channel = |at: usize| {
                let value = u8::from_str_radix(&colour[at..at + 2], 16).expect("digits");
                let value = f64::from(value) / 255.0;
                if value <= 0.03928 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn everything_is_legible_on_white_and_on_black() {
        for tones in [LIGHT, DARK] {
            for colour in tones.colours {
                assert!(
                    contrast(colour, tones.paper) >= 3.0,
                    "{colour} on {}",
                    tones.paper
                );
            }
            for text in [tones.ink, tones.soft] {
                assert!(
                    contrast(text, tones.paper) >= 4.5,
                    "{text} on {}",
                    tones.paper
                );
            }
        }
    }
}

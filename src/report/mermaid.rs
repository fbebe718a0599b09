//! Mermaid blocks: the pipeline as a flowchart, a metric's last values as a chart.

use crate::pipeline::{Graph, Pipeline, StageIndex};

/// Some forges refuse blocks beyond this many characters.
const LONGEST: usize = 5_000;

/// Draws the stages that `style` knows and the edges between them. `style` returns whether a stage
/// is drawn and the class that colours it, if any.
pub(crate) fn flowchart(
    pipeline: &Pipeline,
    direction: &str,
    style: impl Fn(StageIndex) -> Option<&'static str>,
) -> String {
    let graph: &Graph = &pipeline.graph;
    let drawn: Vec<(StageIndex, &str)> = graph
        .order()
        .iter()
        .filter_map(|stage| Some((*stage, style(*stage)?)))
        .collect();
    let mut text = format!("flowchart {direction}\n");
    for (stage, class) in &drawn {
        let name = label(pipeline.stages[*stage].name.as_str());
        let class = match *class {
            "" => String::new(),
            class => format!(":::{class}"),
        };
        text += &format!("  s{stage}[\"{name}\"]{class}\n");
    }
    for (stage, _) in &drawn {
        for needed in graph.upstream(*stage) {
            if style(*needed).is_some() {
                text += &format!("  s{needed} --> s{stage}\n");
            }
        }
    }
    text
}

/// The colours of a run's outcomes, legible on light and dark ground.
pub(crate) const OUTCOME_CLASSES: &str = "  classDef ran fill:#1f77b4,stroke:#1f77b4,color:#fff\n  \
     classDef restored fill:#5a9e6f,stroke:#5a9e6f,color:#fff\n  \
     classDef failed fill:#c23b22,stroke:#c23b22,color:#fff\n  \
     classDef unchanged fill:none,stroke:#8c959f\n";

/// Draws the values of `name`, oldest first, each with the label below it; `None` where a chart
/// would say nothing.
pub(crate) fn line_chart(name: &str, labels: &[String], values: &[f64]) -> Option<String> {
    if values.len() < 3 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let axis: Vec<String> = labels.iter().map(|text| quoted(text)).collect();
    let points: Vec<String> = values.iter().map(f64::to_string).collect();
    let (low, high) = bounds(values);
    if !(low.is_finite() && high.is_finite()) {
        return None;
    }
    let text = format!(
        "xychart-beta\n  title {}\n  x-axis [{}]\n  y-axis {low} --> {high}\n  line [{}]\n",
        quoted(name),
        axis.join(", "),
        points.join(", ")
    );
    is_short(&text).then_some(text)
}

/// Returns whether all forges draw a block of this length.
pub(crate) fn is_short(text: &str) -> bool {
    text.chars().count() <= LONGEST
}

/// The range of the axis: the values with a tenth of their spread around them.
fn bounds(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spread = high - low;
    let margin = if spread > 0.0 {
        spread / 10.0
    } else {
        high.abs().max(1e-9) / 10.0
    };
    // Four digits of the spread are all that can be seen; a sum's rounding errors would show else.
    let round = |number: f64| {
        let unit = 10_f64.powf((margin.log10() - 2.0).floor());
        let text = format!("{:e}", (number / unit).round() * unit);
        format!("{:.12e}", text.parse::<f64>().unwrap_or(number))
            .parse()
            .unwrap_or(number)
    };
    (round(low - margin), round(high + margin))
}

/// Text inside quotes: Mermaid knows entities written with `#`.
fn label(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '#' => written.push_str("#35;"),
            '"' => written.push_str("#quot;"),
            '%' => written.push_str("#37;"),
            ';' => written.push_str("#59;"),
            '<' => written.push_str("#lt;"),
            '>' => written.push_str("#gt;"),
            '`' => written.push_str("#96;"),
            '\\' => written.push_str("#92;"),
            character if character.is_control() => written.push(' '),
            character => written.push(character),
        }
    }
    written
}

/// Text of a chart, which knows no entities.
fn quoted(text: &str) -> String {
    let special = "\"\\;#`<>%{}";
    let is_plain = |character: &char| !character.is_control() && !special.contains(*character);
    format!("\"{}\"", text.chars().filter(is_plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_needs_values_that_can_be_drawn() {
        let labels: Vec<String> = ["a", "b\"", "c"].map(str::to_owned).into();
        assert_eq!(line_chart("acc", &labels, &[0.5, f64::NAN, 0.7]), None);
        assert_eq!(line_chart("acc", &labels[..2], &[0.5, 0.6]), None);
        assert_eq!(line_chart("acc", &labels, &[1e308, -1e308, 0.0]), None);
        let chart = line_chart("acc", &labels, &[0.5, 0.6, 0.7]).expect("a chart");
        let wanted = "xychart-beta\n  title \"acc\"\n  x-axis [\"a\", \"b\", \"c\"]\n  \
                      y-axis 0.48 --> 0.72\n  line [0.5, 0.6, 0.7]\n";
        assert_eq!(chart, wanted);
    }

    #[test]
    fn names_cannot_end_their_quotes() {
        assert_eq!(label("a\"];click b"), "a#quot;]#59;click b");
        assert_eq!(quoted("x\"]\nline"), "\"x]line\"");
        assert_eq!(quoted("%%{init: 1}%%"), "\"init: 1\"");
        assert_eq!(label("50 %%"), "50 #37;#37;");
    }
}

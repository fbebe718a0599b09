//! Reports as files: JSON and tables whose numbers are rounded, so that they are short to read.

use std::path::Path;

use serde::Serialize;

use crate::base::{fs, human};
use crate::ml::error::Error;
use crate::ml::event::{LayerRow, Score};

/// Rounds to six significant digits.
pub(crate) fn significant(value: f64) -> f64 {
    let text = format!("{value:.5e}");
    text.parse().expect("invariant: a written float is a float")
}

/// Rounds both numbers of a score.
pub(crate) fn rounded(score: Score) -> Score {
    Score {
        accuracy: significant(score.accuracy),
        loss: significant(score.loss),
    }
}

/// Writes the table of layers as markdown: output, parameters and their share.
#[expect(clippy::cast_precision_loss, reason = "a count of numbers in memory")]
pub(crate) fn write_layers(layers: &[LayerRow], path: &Path) -> Result<(), Error> {
    let all: usize = layers.iter().map(|layer| layer.parameters).sum();
    let mut text =
        "| # | layer | output | parameters | share |\n|---:|---|---|---:|---:|\n".to_owned();
    for (number, layer) in (1..).zip(layers) {
        let shape: Vec<String> = layer.shape.iter().map(usize::to_string).collect();
        let share = 100.0 * layer.parameters as f64 / all as f64;
        let (name, shape, count) = (&layer.name, shape.join("×"), layer.parameters);
        let (count, share) = match count {
            0 => (String::new(), String::new()),
            count => (human::thousands(count), format!("{share:.1} %")),
        };
        text += &format!("| {number} | {name} | {shape} | {count} | {share} |\n");
    }
    text += &format!("| | in all | | {} | |\n", human::thousands(all));
    Ok(fs::write_atomic(path, text.as_bytes())?)
}

/// Writes `report` as JSON with its keys in the order of its fields.
pub(crate) fn write_json(report: &impl Serialize, path: &Path) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(report)
        .expect("invariant: a report's fields are numbers and text");
    text.push('\n');
    Ok(fs::write_atomic(path, text.as_bytes())?)
}

/// Writes a table as CSV; names with commas or quotes are quoted.
pub(crate) fn csv_table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    csv_rows(std::iter::once(header.map(str::to_owned)).chain(rows))
}

/// Writes rows as those of a table.
pub(crate) fn csv_rows<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let memory = "invariant: memory takes what is written";
    for row in rows {
        writer.write_record(row).expect(memory);
    }
    let bytes = writer.into_inner().expect(memory);
    String::from_utf8(bytes).expect("invariant: the fields are text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_stay() {
        let round = |value| significant(value).to_string();
        assert_eq!(round(2.0 / 3.0), "0.666667");
        assert_eq!(round(123_456_789.0), "123457000");
        assert_eq!(round(0.0), "0");
    }
}

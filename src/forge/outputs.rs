//! What a run hands to its CI system in files: step summaries, outputs, metrics. None needs a token.

use std::path::Path;

use crate::base::fs;

/// The longest summary of a step, in bytes; a longer one is not shown at all.
const LONGEST_SUMMARY: usize = 1 << 20;

/// Stands at the end of what is cut.
const CUT: &str = "\n\nThe rest is too long for a summary.\n";

/// Adds a text to the summary of a step.
pub(crate) fn step_summary(path: &Path, text: &str) -> Result<(), fs::Error> {
    let written = std::fs::metadata(path).map_or(0, |file| file.len());
    let written = usize::try_from(written).unwrap_or(usize::MAX);
    let room = LONGEST_SUMMARY.saturating_sub(written);
    let text = cut(text, room);
    fs::append(path, text.as_bytes())
}

/// Returns as many whole lines of `text` as there is room for.
fn cut(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let mut rest = room.saturating_sub(CUT.len() + "\n```".len());
    let fits = |line: &&str| {
        let does = line.len() <= rest;
        rest = rest.saturating_sub(line.len());
        does
    };
    let kept: String = text.split_inclusive('\n').take_while(fits).collect();
    if kept.is_empty() {
        return String::new();
    }
    let fences = kept.lines().filter(|line| line.starts_with("```")).count();
    let fence = if fences % 2 == 1 { "\n```" } else { "" };
    format!("{}{fence}{CUT}", kept.trim_end())
}

/// Sets an output of a step. Nothing is written of what a program could take for more than one: those
/// that use outputs trust them.
pub(crate) fn step_output(path: &Path, name: &str, value: &str) -> Result<(), fs::Error> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/#?=&%+~!@".contains(c);
    if name.chars().all(is_name) && value.chars().all(is_plain) && value.len() <= 2000 {
        fs::append(path, format!("{name}={value}\n").as_bytes())?;
    }
    Ok(())
}

/// Writes numbers as `OpenMetrics` text, which GitLab compares in its widget: names with what else is
/// known of each as labels.
pub(crate) fn open_metrics<'a>(numbers: impl Iterator<Item = (&'a str, &'a str, f64)>) -> String {
    let mut text = String::new();
    for (path, key, value) in numbers.filter(|(_, _, value)| value.is_finite()) {
        let name = metric_name(key);
        text += &format!("{name}{{file=\"{}\"}} {value}\n", label(path));
    }
    text + "# EOF\n"
}

/// Turns a dotted key into a name: letters, digits and `_`, no digit first.
fn metric_name(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = key.chars().map(plain).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        format!("_{name}")
    } else {
        name
    }
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_stays_whole() {
        let text = "```\n".to_owned() + &"line\n".repeat(100);
        let cut = cut(&text, 200);
        assert!(cut.len() <= 200, "{}", cut.len());
        assert!(cut.starts_with("```\nline\n"), "{cut}");
        assert!(cut.ends_with(&format!("line\n```{CUT}")), "{cut}");
        assert_eq!(super::cut("short\n", 200), "short\n");
        assert_eq!(super::cut("short\n", 2), "");
    }

    #[test]
    fn outputs_hold_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("output");
        for (name, value) in [
            ("verdict", "pass"),
            ("evil", "a\nb=c"),
            ("evil", "a<<EOF"),
            ("url", "https://x.org/o/r/pull/1#c-2"),
        ] {
            step_output(&path, name, value).expect("writes");
        }
        let text = std::fs::read_to_string(path).expect("reads");
        assert_eq!(text, "verdict=pass\nurl=https://x.org/o/r/pull/1#c-2\n");
    }

    #[test]
    fn metrics_have_names_that_programs_read() {
        let numbers = [
            ("m.json", "f1.class 8", 0.5),
            ("m\"", "8", 2.0),
            ("m", "nan", f64::NAN),
        ];
        assert_eq!(
            open_metrics(numbers.into_iter()),
            "f1_class_8{file=\"m.json\"} 0.5\n_8{file=\"m\\\"\"} 2\n# EOF\n"
        );
    }
}

//! What to do about text that is no YAML: the parser knows its rules, people know their mistakes.

use super::problem::Place;

/// Returns what to do about a mistake of syntax that the parser reports as `message` at `place` of
/// `text`, if the text there shows a mistake that people often make.
pub(super) fn advice(message: &str, text: &str, place: Option<Place>) -> Option<&'static str> {
    let place = place?;
    let line = text
        .lines()
        .nth(place.line.checked_sub(1)?)
        .unwrap_or_default();
    let before: String = line.chars().take(place.column.saturating_sub(1)).collect();
    let here = line.chars().nth(place.column.saturating_sub(1));
    match message {
        "found character that cannot start any token" => match here {
            Some('\t') => Some("indent with spaces: YAML knows no tabs"),
            Some('@' | '`' | '%') => {
                Some("quote the value: it begins with a sign that YAML keeps for itself")
            }
            _ => None,
        },
        "unknown anchor" | "did not find expected alphabetic or numeric character"
            if here == Some('*') || before.trim_end().ends_with('*') =>
        {
            Some("quote the value: outside of quotes, `*` refers to an anchor")
        }
        "mapping values are not allowed in this context" => Some(
            "quote a value that holds `: `, or write it below, as a block: `cmd: |`; \
             if it is a key, look at its indentation",
        ),
        "block sequence entries are not allowed in this context" => {
            Some("begin the list on the next line")
        }
        "did not find expected ',' or ']'" | "did not find expected ',' or '}'" => {
            if before.ends_with('$') || before.contains("${") {
                Some("between brackets, quote what holds `${…}`: [\"r_${item}\"]")
            } else {
                Some("close the bracket, or put a comma between its items")
            }
        }
        "did not find expected key" => Some("indent the keys of one map alike"),
        "found unexpected end of stream" => Some("close the quote"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::base::yaml;

    fn help(text: &str) -> String {
        let error = yaml::parse("pipeline.yaml", text).expect_err("no YAML");
        error.help.unwrap_or_default()
    }

    #[test]
    fn common_mistakes_get_advice() {
        let cases = [
            ("outs: [r_${item}]", "quote what holds `${…}`"),
            ("a: {x: ${y}}", "quote what holds `${…}`"),
            ("a:\n\tb: 1", "indent with spaces"),
            ("a: @x", "quote the value"),
            ("a: `ls`", "quote the value"),
            ("deps:\n- *.csv", "quote the value"),
            ("cmd: echo a: b", "`cmd: |`"),
            ("a: - b", "next line"),
            ("a: [1, 2", "close the bracket"),
            ("a: \"x", "close the quote"),
            ("x:\n    a: 1\n  b: 2", "indent the keys"),
        ];
        for (text, expected) in cases {
            let help = help(text);
            assert!(help.contains(expected), "{text:?}: {help:?}");
        }
    }
}

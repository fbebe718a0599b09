//! Escaping: titles, columns, revisions and values come from files and branches that anybody may
//! name.

/// Writes `text` so that HTML, SVG and attributes in double quotes show it literally. What would
/// turn the direction of the text around it, or what XML cannot hold, is shown as `�`.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            character if is_unfit(character) => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// Writes a value as JSON that may stand in a script of a page: nothing in it ends the script.
pub(crate) fn script_json(value: &serde_json::Value) -> String {
    let json = value.to_string();
    let shown = |character| {
        if is_unfit(character) {
            '\u{fffd}'
        } else {
            character
        }
    };
    let json: String = json.chars().map(shown).collect();
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_keeps_its_meaning() {
        assert_eq!(
            escape("</text><script>\"&'\u{202e}\u{0}\nx"),
            "&lt;/text&gt;&lt;script&gt;&quot;&amp;&#39;\u{fffd}\u{fffd} x"
        );
        let json = script_json(&serde_json::json!({"a": "</script><!--\u{2028}\u{202e}\n"}));
        assert_eq!(
            json,
            "{\"a\":\"\\u003c/script\\u003e\\u003c!--\\u2028\u{fffd}\\n\"}"
        );
    }
}

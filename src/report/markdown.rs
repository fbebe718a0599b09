//! Escaping for markdown tables and text: names and values come from files that anybody may edit.

/// Writes `text` so that every dialect of markdown shows it literally, on one line.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '$' | '!' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // A zero-width space keeps forges from notifying people and from making links.
            '@' => escaped.push_str("@\u{200b}"),
            ':' if escaped.ends_with("http") || escaped.ends_with("https") => {
                escaped.push_str(":\u{200b}");
            }
            '\n' | '\r' | '\t' => escaped.push(' '),
            character if is_invisible(character) => {}
            character => escaped.push(character),
        }
    }
    escaped
}

/// Controls, and the marks that reverse or hide text.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_keeps_its_meaning() {
        assert_eq!(escape("a|b\n<img> @all"), "a\\|b &lt;img&gt; @\u{200b}all");
        assert_eq!(escape("train.lr"), "train.lr");
        assert_eq!(escape("\u{202e}evil"), "evil");
        assert_eq!(escape("https://x"), "https:\u{200b}//x");
    }
}

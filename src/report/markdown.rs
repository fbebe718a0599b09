//! Escaping for markdown tables and text: names and values come from files that anybody may edit.

/// Stops a forge from reading on: what stands before and after it is no link, no name, no number.
const BREAK: char = '\u{200b}';

/// Writes `text` so that every dialect of markdown shows it literally, on one line: no formatting,
/// no HTML, nobody is notified, nothing is linked.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        match character {
            // Forges look for these after markdown has taken the backslash away.
            '#' | '!' | '$' | '~' | '%' if next.is_alphanumeric() => {
                escaped.extend(['\\', character, BREAK]);
            }
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '$' | '!' => {
                escaped.extend(['\\', character]);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.extend(['@', BREAK]),
            ':' if next == '/' => escaped.extend([':', BREAK]),
            '.' if ends_with_word(&escaped, "www") => escaped.extend(['.', BREAK]),
            '-' if ends_with_word(&escaped, "gh") => escaped.extend(['-', BREAK]),
            '\n' | '\r' | '\t' => escaped.push(' '),
            character if is_invisible(character) => {}
            character => escaped.push(character),
        }
    }
    escaped
}

/// Returns whether `text` ends with `word`, in any case, and nothing of a longer word before it.
fn ends_with_word(text: &str, word: &str) -> bool {
    let mut before = text.chars().rev();
    let is_word = word.chars().rev().all(|wanted| {
        let found = before.next();
        found.is_some_and(|found| found.eq_ignore_ascii_case(&wanted))
    });
    is_word
        && before
            .next()
            .is_none_or(|character| !character.is_alphanumeric())
}

/// Returns whether a character is a control, or a mark that reverses or hides text.
pub(crate) fn is_invisible(character: char) -> bool {
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
        assert_eq!(
            escape("fixes #12, GH-3"),
            "fixes \\#\u{200b}12, GH-\u{200b}3"
        );
        assert_eq!(escape("www.x.org"), "www.\u{200b}x.org");
        assert_eq!(escape("awww.x a#b"), "awww.x a\\#\u{200b}b");
    }
}

//! Escaping for markdown: names and values come from files that anybody may edit.

use crate::base::markup::{escape_html, is_invisible};

/// Stops a forge from reading on: what stands before and after it is no link, no name, no number.
const BREAK: char = '\u{200b}';

/// Writes `text` so that every dialect of markdown shows it literally, on one line: no formatting,
/// no HTML, nobody is notified, nothing is linked.
pub(crate) fn escape(text: &str) -> String {
    write(text, |character, escaped| match character {
        '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '$' | '!' => {
            escaped.extend(['\\', character]);
        }
        '<' => escaped.push_str("&lt;"),
        '>' => escaped.push_str("&gt;"),
        '&' => escaped.push_str("&amp;"),
        character => escaped.push(character),
    })
}

/// Writes `text` for a place of markdown that is HTML, as between `<summary>` and its end, where
/// backslashes would be seen.
pub(crate) fn escape_in_html(text: &str) -> String {
    write(text, |character, escaped| {
        escaped.push_str(&escape_html(character.encode_utf8(&mut [0; 4])));
    })
}

/// Writes what can be seen, each character by `literal`, and breaks up what forges look for, which
/// they do after markdown and HTML have been read.
fn write(text: &str, literal: impl Fn(char, &mut String)) -> String {
    let visible = |character: char| match character {
        '\n' | '\r' | '\t' => Some(' '),
        character => (!is_invisible(character)).then_some(character),
    };
    let mut characters = text.chars().filter_map(visible).peekable();
    let (mut escaped, mut before) = (String::with_capacity(text.len()), String::new());
    while let Some(character) = characters.next() {
        literal(character, &mut escaped);
        let next = characters.peek().copied().unwrap_or(' ');
        if is_trigger(character, next, &before) {
            escaped.push(BREAK);
        }
        before.push(character);
    }
    escaped
}

/// Returns whether a forge could make a mention, a link, a reference or an emoji of a character and
/// what follows.
fn is_trigger(character: char, next: char, before: &str) -> bool {
    match character {
        '@' => true,
        '#' | '!' | '$' | '&' => next.is_alphanumeric(),
        '%' | '~' => next.is_alphanumeric() || next == '"',
        ':' => next.is_alphanumeric() || ['/', '+', '-', '_'].contains(&next),
        '.' => ends_with_word(before, "www"),
        '-' => ends_with_word(before, "gh"),
        _ => false,
    }
}

/// Returns whether `text` ends with `word`, in any case, and nothing of a longer word before it.
fn ends_with_word(text: &str, word: &str) -> bool {
    let mut before = text.chars().rev();
    let is_word = word.chars().rev().all(|wanted| {
        let found = before.next();
        found.is_some_and(|found| found.eq_ignore_ascii_case(&wanted))
    });
    let is_first = |character: char| !character.is_alphanumeric();
    is_word && before.next().is_none_or(is_first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_keeps_its_meaning() {
        assert_eq!(escape("a|b\n<img> @all"), "a\\|b &lt;img&gt; @\u{200b}all");
        assert_eq!(escape("train.lr"), "train.lr");
        assert_eq!(escape("\u{202e}evil\u{61c}\u{e0041}"), "evil");
        assert_eq!(escape("https://x"), "https:\u{200b}//x");
        assert_eq!(
            escape("fixes #12, GH-3"),
            "fixes \\#\u{200b}12, GH-\u{200b}3"
        );
        assert_eq!(escape("www.x.org"), "www.\u{200b}x.org");
        assert_eq!(escape("awww.x a#b"), "awww.x a\\#\u{200b}b");
        assert_eq!(
            escape("&12 %\"v1\" :tada:"),
            "&amp;\u{200b}12 %\u{200b}\"v1\" :\u{200b}tada:"
        );
    }

    #[test]
    fn what_cannot_be_seen_hides_no_trigger() {
        assert_eq!(
            escape("https:\u{200e}//x #\u{200e}1"),
            "https:\u{200b}//x \\#\u{200b}1"
        );
    }

    #[test]
    fn in_html_no_backslash_is_seen() {
        assert_eq!(
            escape_in_html("my_[x] <b> #1"),
            "my_[x] &lt;b&gt; #\u{200b}1"
        );
    }
}

//! `Shown`: text that users chose, as it stands in a line of ours: nothing in it breaks the line,
//! steers the terminal or shifts what follows.

use std::borrow::Cow;
use std::fmt;

use unicode_width::UnicodeWidthStr;

/// Writes a text with its control characters escaped; a width is that of columns on a screen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = escaped(self.0);
        out.write_str(&text)?;
        let missing = out.width().unwrap_or(0).saturating_sub(text.width());
        write!(out, "{:missing$}", "")
    }
}

impl Shown<'_> {
    /// Returns how many columns it takes.
    pub(crate) fn columns(self) -> usize {
        escaped(self.0).width()
    }

    /// Returns its beginning where it takes more than `columns`.
    pub(crate) fn cut(self, columns: usize) -> String {
        let mut text = escaped(self.0).into_owned();
        if text.width() > columns {
            while text.width() >= columns.max(1) {
                text.pop();
            }
            text.push('…');
        }
        text
    }
}

/// Escapes what is no character to look at, as `\n` or `\u{1b}`.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::new();
    for character in text.chars() {
        if is_unfit(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Besides control characters these end lines or turn the direction of what follows.
fn is_unfit(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_as_a_screen_has_them() {
        assert_eq!(format!("{:6}|", Shown("目標")), "目標  |");
        assert_eq!(format!("{:3}|", Shown("plain")), "plain|");
        assert_eq!(format!("{:8}|", Shown("a\tb\u{1b}")), "a\\tb\\u{1b}|");
        assert_eq!(Shown("e\u{301}").columns(), 1);
    }

    #[test]
    fn what_is_too_wide_is_cut() {
        assert_eq!(Shown("目標を訓練").cut(6), "目標…");
        assert_eq!(Shown("train").cut(5), "train");
        assert_eq!(Shown("train").cut(4), "tra…");
    }
}

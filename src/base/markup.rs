//! Escaping for HTML, SVG and attributes: names and values come from files and branches that anybody
//! may name.

/// Writes `text` so that HTML and SVG show it literally, between tags and in quoted attributes. What
/// hides text or turns its direction around, or what XML cannot hold, is shown as `�`.
pub(crate) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\r' | '\t' => escaped.push(character),
            character => escaped.push(visible(character)),
        }
    }
    escaped
}

/// Returns a character as a page may show it.
pub(crate) fn visible(character: char) -> char {
    if is_invisible(character) || matches!(character, '\u{fffe}' | '\u{ffff}') {
        '\u{fffd}'
    } else {
        character
    }
}

/// Returns whether a character is a control, or a mark that reverses or hides text.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tag_or_attribute_ends() {
        assert_eq!(
            escape_html("</text><script>\"&'\u{202e}\u{0}\nx"),
            "&lt;/text&gt;&lt;script&gt;&quot;&amp;&#39;\u{fffd}\u{fffd}\nx"
        );
    }
}

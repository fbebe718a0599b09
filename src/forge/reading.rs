//! Reads the fields of forges' answers, none of which is relied on to be there.

use serde_json::Value;

use crate::base::markup::is_invisible;

/// Returns the text at a place, as in `/user/login`; an empty one is none.
pub(super) fn text(value: &Value, place: &str) -> Option<String> {
    let text = value.pointer(place)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the number at a place.
pub(super) fn number(value: &Value, place: &str) -> Option<u64> {
    value.pointer(place)?.as_u64()
}

/// Decodes a file's content, which forges break into lines.
pub(super) fn decode(content: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let content: String = content.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD
        .decode(content)
        .ok()
}

/// Encodes a file's content.
pub(super) fn encode(content: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(content)
}

/// The longest message of a forge that is shown, in characters.
const LONGEST_MESSAGE: usize = 400;

/// Finds what a refusal says in its many shapes: `{"message": "…", "errors": […]}`, `{"message":
/// {"field": ["…"]}}`, `{"error": "…"}`, `{"error": {"message": "…"}}` or plain text.
pub(super) fn message(text: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let said = ["/error/message", "/message", "/error_description", "/error"];
    let said = said.iter().find_map(|place| value.pointer(place));
    let mut message = match said {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    for more in ["/errors", "/error/detail"] {
        match value.pointer(more) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => message += &format!(" ({text})"),
            Some(other) => message += &format!(" {other}"),
        }
    }
    message
}

/// Makes one line of a text, of what can be seen and not too long.
pub(super) fn one_line(text: &str) -> String {
    let visible = |character: char| match character {
        '\n' | '\r' | '\t' => Some(' '),
        character => (!is_invisible(character)).then_some(character),
    };
    let text: String = text.chars().filter_map(visible).collect();
    text.trim().chars().take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_of_refusal_is_read() {
        for (text, said) in [
            (r#"{"message": "Not Found", "status": "404"}"#, "Not Found"),
            (
                r#"{"message": {"note": ["is too long"]}}"#,
                r#"{"note":["is too long"]}"#,
            ),
            (r#"{"error": "insufficient_scope"}"#, "insufficient_scope"),
            (
                r#"{"type": "error", "error": {"message": "No", "detail": "why"}}"#,
                "No (why)",
            ),
            ("<html>\u{1b}[31m\nbad", "<html>[31m bad"),
        ] {
            assert_eq!(one_line(&message(text)), said);
        }
    }
}

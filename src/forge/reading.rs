//! Reads the fields of forges' answers, none of which is relied on to be there.

use serde_json::Value;

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

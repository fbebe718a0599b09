//! Escaping for scripts of a page: data comes from files that anybody may edit.

use crate::base::markup::visible;

/// Writes a value as JSON that may stand in a script of a page: nothing in it ends the script.
pub(crate) fn script_json(value: &serde_json::Value) -> String {
    let json = value.to_string();
    let json: String = json.chars().map(visible).collect();
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
        let json = script_json(&serde_json::json!({"a": "</script><!--\u{2028}\u{202e}\n"}));
        assert_eq!(
            json,
            "{\"a\":\"\\u003c/script\\u003e\\u003c!--\\u2028\u{fffd}\\n\"}"
        );
    }
}

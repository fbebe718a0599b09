//! What serde says of values of the wrong kind, in words for people.

/// What serde calls them, and what people do.
const KINDS: [(&str, &str); 17] = [
    ("sequence", "a list"),
    ("a sequence", "a list"),
    ("map", "a map"),
    ("a map", "a map"),
    ("unit value", "nothing"),
    ("null", "nothing"),
    ("a string", "text"),
    ("string", "text"),
    ("a boolean", "`true` or `false`"),
    ("an integer", "a whole number"),
    ("i64", "a whole number"),
    ("u64", "a whole number from 0 on"),
    ("u32", "a whole number from 0 on"),
    ("u16", "a whole number from 0 on"),
    ("usize", "a whole number from 0 on"),
    ("f64", "a number"),
    ("f32", "a number"),
];

/// Says again what is wrong; what is not understood stays as it is.
pub(super) fn reworded(message: &str) -> String {
    match message {
        "recursion limit exceeded" => {
            return "it is nested too deeply, or holds itself".to_owned();
        }
        "repetition limit exceeded" => return "its aliases repeat too much".to_owned(),
        _ => {}
    }
    let says = |phrase: &str| {
        let (place, rest) = message.split_once(phrase)?;
        let place = place.strip_suffix(": ").unwrap_or(place);
        let subject = if place.is_empty() {
            "it".to_owned()
        } else {
            format!("`{place}`")
        };
        Some((subject, rest.to_owned()))
    };
    if let Some((subject, field)) = says("missing field ") {
        return format!("{subject} has no {field}");
    }
    if message.contains("duplicate field ") {
        return message.replace("duplicate field ", "duplicate key ");
    }
    let wrong = says("invalid type: ").or_else(|| says("invalid value: "));
    let wrong = wrong.and_then(|(subject, rest)| {
        let (found, wanted) = rest.split_once(", expected ")?;
        let (found, wanted) = (value(found), kind(wanted));
        Some(format!("{subject} must be {wanted}, not {found}"))
    });
    wrong.unwrap_or_else(|| message.to_owned())
}

/// Says what was found: serde puts the kind before a value.
fn value(found: &str) -> String {
    let text = found.strip_prefix("string \"");
    if let Some(text) = text.and_then(|text| text.strip_suffix('"')) {
        return format!("the text `{text}`");
    }
    let kinds = ["integer ", "floating point ", "boolean "];
    let bare = kinds.iter().find_map(|kind| found.strip_prefix(kind));
    bare.map_or_else(|| kind(found), str::to_owned)
}

fn kind(name: &str) -> String {
    let known = KINDS.iter().find(|(serde, _)| *serde == name);
    match known {
        Some((_, ours)) => (*ours).to_owned(),
        None if name.starts_with("struct ") => "a map".to_owned(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names_that_people_know() {
        for (serde, ours) in [
            (
                "stages: invalid type: sequence, expected a map",
                "`stages` must be a map, not a list",
            ),
            (
                "a.size: invalid type: integer `-2`, expected u64",
                "`a.size` must be a whole number from 0 on, not `-2`",
            ),
            (
                "invalid type: string \"1\", expected u32",
                "it must be a whole number from 0 on, not the text `1`",
            ),
            (
                "x: invalid type: unit value, expected struct Entry",
                "`x` must be a map, not nothing",
            ),
            ("missing field `schema`", "it has no `schema`"),
            ("d.x: missing field `size`", "`d.x` has no `size`"),
            ("a: duplicate field `cmd`", "a: duplicate key `cmd`"),
            ("a: something else", "a: something else"),
        ] {
            assert_eq!(reworded(serde), ours);
        }
    }
}

//! `Body`: what a request carries.

use serde_json::Value;

use crate::base::human;

/// The line between the parts of a form. What is sent are texts of ours; [`Body::form`] makes sure
/// that none contains it.
const BOUNDARY: &str = "----mlpipe-form-7f1c0a52e9d84b36";

/// The type of what begins or moves a branch.
const PACK: &str = "application/x-git-receive-pack-request";

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// None.
    Empty,
    /// JSON.
    Json(Value),
    /// A form: fields, and files by their paths.
    Form(Vec<(String, Vec<u8>)>),
    /// What git sends in its own protocol.
    Pack(Vec<u8>),
}

impl Body {
    /// Returns the bytes and their type; `None` where nothing is sent.
    pub(super) fn bytes(&self) -> Option<(String, Vec<u8>)> {
        match self {
            Self::Empty => None,
            Self::Json(value) => Some(("application/json".to_owned(), value.to_string().into())),
            Self::Form(fields) => Some(form(fields)),
            Self::Pack(bytes) => Some((PACK.to_owned(), bytes.clone())),
        }
    }

    /// Writes the body for people.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Json(value) => {
                serde_json::to_string_pretty(value).expect("invariant: a value is JSON") + "\n"
            }
            Self::Form(fields) => {
                let show = |(name, value): &(String, Vec<u8>)| {
                    format!("{name}={}", String::from_utf8_lossy(value))
                };
                let lines: Vec<String> = fields.iter().map(show).collect();
                lines.join("\n") + "\n"
            }
            Self::Pack(bytes) => {
                let size = human::size(bytes.len() as u64);
                format!("a commit without a history, as git sends it ({size})\n")
            }
        }
    }
}

fn form(fields: &[(String, Vec<u8>)]) -> (String, Vec<u8>) {
    let holds = |boundary: &str| {
        let boundary = boundary.as_bytes();
        let mut values = fields.iter();
        values.any(|(_, value)| value.windows(boundary.len()).any(|part| part == boundary))
    };
    let mut boundary = BOUNDARY.to_owned();
    while holds(&boundary) {
        boundary.push('x');
    }
    let mut bytes = Vec::new();
    for (name, value) in fields {
        // Names are paths: what would end the quotes is written as browsers do.
        let name = name
            .replace('"', "%22")
            .replace('\r', "%0D")
            .replace('\n', "%0A");
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        bytes.extend(head.bytes());
        bytes.extend(value);
        bytes.extend(b"\r\n");
    }
    bytes.extend(format!("--{boundary}--\r\n").bytes());
    (format!("multipart/form-data; boundary={boundary}"), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_a_form() {
        let fields = [("a\"b".to_owned(), BOUNDARY.as_bytes().to_vec())];
        let (kind, bytes) = form(&fields);
        let text = String::from_utf8(bytes).expect("text");
        assert!(kind.ends_with(&format!("{BOUNDARY}x")), "{kind}");
        assert!(text.contains("name=\"a%22b\"\r\n\r\n"), "{text}");
        assert!(text.ends_with(&format!("--{BOUNDARY}x--\r\n")), "{text}");
    }
}

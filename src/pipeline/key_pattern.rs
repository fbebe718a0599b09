//! `KeyPattern`: which metrics are meant, by their dotted keys; `*` stands for any characters.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A dotted key with `*` in it or without, as in `recall.*` or `accuracy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyPattern(String);

impl KeyPattern {
    /// Makes a pattern of any text.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the pattern as it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it can name one key only.
    pub(crate) fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Returns whether it names this key.
    pub(crate) fn matches(&self, key: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = key.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            // The first place leaves the most for the parts behind it.
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters() {
        let matches = |pattern: &str, key: &str| KeyPattern::new(pattern).matches(key);
        assert!(matches("accuracy", "accuracy") && !matches("accuracy", "accuracy.top1"));
        assert!(matches("recall.*", "recall.cat") && !matches("recall.*", "recall"));
        assert!(matches("f1.class_*", "f1.class_8") && !matches("f1.class_*", "f1.macro"));
        assert!(matches("*.loss", "a.b.loss") && matches("*", "x"));
        assert!(matches("a*b*c", "a-b-bc") && !matches("a*b*c", "acb"));
        assert!(!matches("ab*ba", "aba"));
    }
}

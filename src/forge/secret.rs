//! `Secret`: a token that nobody gets to see.

use std::fmt;

/// What stands where a secret was.
const MASK: &str = "***";

/// A token. It can be sent, and be taken out of texts; it is never shown.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// Makes a secret of a text, without the line's end that files leave behind.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Returns the text, for the one header that it is sent in.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns `text` without the secret: an answer may repeat what it was sent.
    pub(crate) fn mask(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        text.replace(&self.0, MASK)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_to_see_it() {
        let secret = Secret::new("hunter2\n");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "*** *** Some(***)"
        );
        assert_eq!(secret.mask("bad token hunter2!"), "bad token ***!");
        assert_eq!(Secret::new("").mask("as it is"), "as it is");
    }
}

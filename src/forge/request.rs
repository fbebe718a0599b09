//! `Request`: what is asked of a forge.

use reqwest::Method;
use serde_json::Value;

use crate::forge::body::Body;

/// Whether a request does no harm when it is carried out twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It does none: it reads, replaces, or names what it makes.
    Safe,
    /// It would make a second one, as of a comment.
    Never,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(super) method: Method,
    /// The path below the interface's address, with its query; or a whole URL of the same origin.
    pub(super) path: String,
    pub(super) body: Body,
    pub(super) repeat: Repeat,
}

impl Request {
    /// Reads.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, Body::Empty, Repeat::Safe)
    }

    /// Makes something new.
    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Body::Json(body), Repeat::Never)
    }

    /// Makes something new from a form.
    pub(crate) fn post_form(path: impl Into<String>, fields: Vec<(String, Vec<u8>)>) -> Self {
        Self::new(Method::POST, path, Body::Form(fields), Repeat::Never)
    }

    /// Sends what git's own protocol wants.
    pub(super) fn post_pack(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self::new(Method::POST, path, Body::Pack(bytes), Repeat::Never)
    }

    /// Changes parts of something.
    pub(crate) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PATCH, path, Body::Json(body), Repeat::Safe)
    }

    /// Replaces something.
    pub(crate) fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PUT, path, Body::Json(body), Repeat::Safe)
    }

    /// Deletes something.
    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, Body::Empty, Repeat::Safe)
    }

    /// Says that carrying it out twice does no harm.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeat = Repeat::Safe;
        self
    }

    fn new(method: Method, path: impl Into<String>, body: Body, repeat: Repeat) -> Self {
        let path = path.into();
        Self {
            method,
            path,
            body,
            repeat,
        }
    }
}

/// Writes a name for one segment of a path.
pub(crate) fn segment(name: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().fold(String::new(), |mut text, byte| {
        if keep(byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
        text
    })
}

/// Writes a path of a file for the path of a request: its slashes stay.
pub(crate) fn segments(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(segment).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_segment() {
        assert_eq!(segment("a/b ü?#"), "a%2Fb%20%C3%BC%3F%23");
        assert_eq!(segments("docs/a b.md"), "docs/a%20b.md");
    }
}

//! `Answer`: what a forge answered that is no refusal.

use reqwest::header::{HeaderMap, LINK};
use serde_json::Value;

use crate::forge::error::Error;

/// An answer that is no refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
    /// Method and path of the request, for people.
    pub(super) request: String,
    pub(super) host: String,
}

impl Answer {
    /// Reads the answer as JSON; nothing is null.
    pub(crate) fn json(&self) -> Result<Value, Error> {
        if self.bytes.trim_ascii().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.bytes).map_err(|_| self.unlike("it is no JSON"))
    }

    /// Returns the answer as it came.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Makes the error that the answer is not what was asked for.
    pub(super) fn unlike(&self, what: &str) -> Error {
        Error::Answer {
            host: self.host.clone(),
            request: self.request.clone(),
            what: what.to_owned(),
        }
    }

    /// Returns the items of a page, and where the next one is.
    pub(super) fn page(&self) -> Result<(Vec<Value>, Option<String>), Error> {
        match self.json()? {
            Value::Null => Ok((Vec::new(), None)),
            Value::Array(items) => Ok((items, next_link(&self.headers))),
            Value::Object(mut page) if page.get("values").is_some_and(Value::is_array) => {
                let next = page.get("next").and_then(Value::as_str).map(str::to_owned);
                let Some(Value::Array(items)) = page.remove("values") else {
                    return Ok((Vec::new(), next));
                };
                Ok((items, next))
            }
            _ => Err(self.unlike("it is no list")),
        }
    }
}

/// Returns the next page of a `Link` header, as in `<https://…>; rel="next", <…>; rel="last"`.
fn next_link(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links
        .split(',')
        .find(|link| link.contains("rel=\"next\""))?;
    let (_, rest) = next.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let mut headers = HeaderMap::new();
        let links = r#"<https://x/?page=1>; rel="prev", <https://x/?page=3>; rel="next""#;
        headers.insert(LINK, links.parse().expect("a value"));
        assert_eq!(next_link(&headers).as_deref(), Some("https://x/?page=3"));
    }
}

//! `Endpoint`: the address of a forge's interface, which nothing leads away from.

use url::Url;

use crate::forge::error::Error;

/// The address of a forge's interface.
pub(super) struct Endpoint {
    base: Url,
}

impl Endpoint {
    /// Takes an address.
    pub(super) fn new(base: Url) -> Self {
        Self { base }
    }

    /// Returns the host with its port, if that is an unusual one.
    pub(super) fn host(&self) -> String {
        host(&self.base)
    }

    /// Returns the address below which git clones repositories.
    pub(super) fn git_root(&self) -> String {
        match self.base.host_str() {
            Some("api.bitbucket.org") => "https://bitbucket.org".to_owned(),
            _ => self.base.origin().ascii_serialization(),
        }
    }

    /// Returns a URL that is where git clones from.
    pub(super) fn git_url(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok();
        url.filter(|url| url.origin().ascii_serialization() == self.git_root())
    }

    /// Makes the URL of a path, or checks that a URL given by the forge is its own. `mask` takes secrets
    /// out of what an error says.
    pub(super) fn url(&self, path: &str, mask: impl Fn(&str) -> String) -> Result<Url, Error> {
        let is_whole = path.contains("://") && !path.starts_with('/');
        let text = if is_whole {
            path.to_owned()
        } else {
            format!("{}{path}", self.base.as_str().trim_end_matches('/'))
        };
        let url = Url::parse(&text).map_err(|error| Error::BadUrl {
            url: mask(&text),
            what: error.to_string(),
        })?;
        if url.origin() == self.base.origin() {
            return Ok(url);
        }
        Err(Error::Elsewhere {
            host: self.host(),
            other: mask(&host(&url)),
        })
    }

    /// Returns where a redirect leads.
    pub(super) fn join(&self, place: &str) -> Option<Url> {
        self.base.join(place).ok()
    }

    /// Returns whether others may read what goes there.
    pub(super) fn is_open_to_others(&self) -> bool {
        let host = self.base.host_str();
        let is_local = matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"));
        self.base.scheme() == "http" && !is_local
    }
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or(host.to_owned(), |port| format!("{host}:{port}"))
}

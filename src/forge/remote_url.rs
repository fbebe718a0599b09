//! `RemoteUrl`: host and repository of an address that git or a CI system gives.

use url::Url;

use crate::forge::kind::Kind;

/// An address of a repository, or of a pull request in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RemoteUrl {
    /// The host, with its port where the address is one of the web.
    pub(super) host: String,
    /// The path without slashes around it and without `.git`.
    pub(super) path: String,
}

/// A pull request's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PullUrl {
    pub(super) kind: Kind,
    pub(super) host: String,
    pub(super) repo: String,
    pub(super) number: u64,
}

impl RemoteUrl {
    /// Reads `https://host/owner/name.git`, `ssh://git@host:22/owner/name` or `git@host:owner/name`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, path) = match Url::parse(text) {
            Ok(url) if url.has_host() => {
                let host = url.host_str()?.to_owned();
                let is_web = matches!(url.scheme(), "http" | "https");
                let port = url.port().filter(|_| is_web);
                let host = port.map_or(host.clone(), |port| format!("{host}:{port}"));
                (host, url.path().to_owned())
            }
            _ => {
                let (host, path) = text.split_once(':')?;
                let host = host.rsplit('@').next()?;
                let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
                if !host.chars().all(is_name) || host.len() < 2 {
                    return None;
                }
                (host.to_owned(), path.to_owned())
            }
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).to_owned();
        (!host.is_empty() && path.contains('/')).then_some(Self { host, path })
    }
}

impl PullUrl {
    /// Reads the address of a pull request, whose form says which forge it is.
    pub(super) fn parse(text: &str) -> Option<Self> {
        const FORMS: [(&str, Kind); 4] = [
            ("/-/merge_requests/", Kind::Gitlab),
            ("/pull-requests/", Kind::Bitbucket),
            ("/pulls/", Kind::Gitea),
            ("/pull/", Kind::Github),
        ];
        let RemoteUrl { host, path } = RemoteUrl::parse(text)?;
        let (form, kind) = FORMS.iter().find(|(form, _)| path.contains(form))?;
        let (repo, rest) = path.split_once(form)?;
        let number = rest.split('/').next()?.parse().ok()?;
        let kind = Kind::of_known_host(&host).unwrap_or(*kind);
        Some(Self {
            kind,
            host,
            repo: repo.to_owned(),
            number,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_repositories() {
        for (text, host, path) in [
            ("https://github.com/o/r.git", "github.com", "o/r"),
            (
                "https://user:word@git.x.org:3000/o/r",
                "git.x.org:3000",
                "o/r",
            ),
            (
                "ssh://git@gitlab.com:22/g/sub/p.git",
                "gitlab.com",
                "g/sub/p",
            ),
            ("git@bitbucket.org:w/s.git", "bitbucket.org", "w/s"),
        ] {
            let (host, path) = (host.to_owned(), path.to_owned());
            assert_eq!(
                RemoteUrl::parse(text),
                Some(RemoteUrl { host, path }),
                "{text}"
            );
        }
        for none in ["/srv/git/r.git", "../r", "C:/r", "https://github.com/"] {
            assert_eq!(RemoteUrl::parse(none), None, "{none}");
        }
    }

    #[test]
    fn addresses_of_pull_requests() {
        let kind = |text| PullUrl::parse(text).map(|url| (url.kind, url.repo, url.number));
        let wanted = |kind, repo: &str, number| Some((kind, repo.to_owned(), number));
        assert_eq!(
            kind("https://github.com/o/r/pull/7"),
            wanted(Kind::Github, "o/r", 7)
        );
        assert_eq!(
            kind("https://git.x.org/g/s/p/-/merge_requests/8"),
            wanted(Kind::Gitlab, "g/s/p", 8)
        );
        assert_eq!(
            kind("https://bitbucket.org/w/s/pull-requests/9"),
            wanted(Kind::Bitbucket, "w/s", 9)
        );
        assert_eq!(
            kind("https://codeberg.org/o/r/pulls/10"),
            wanted(Kind::Gitea, "o/r", 10)
        );
        assert_eq!(kind("https://github.com/o/r"), None);
    }
}

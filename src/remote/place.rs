//! `Place`: a URL with its options, told apart by what kind of storage it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::base::any_path::walk;
use crate::base::problem::did_you_mean;
use crate::remote::credentials;
use crate::remote::error::Error;

/// Options by their names, as `mlpipe remote modify` sets them.
pub(crate) type Options = BTreeMap<String, String>;

/// How long one step may take where nobody says otherwise: a part over a slow link takes its time.
const STEP: Duration = Duration::from_mins(1);

/// A storage that mlpipe can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A folder that is mounted here.
    Folder,
    /// Amazon's S3, and what speaks like it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure's blobs.
    Azure,
    /// Google Drive.
    Drive,
    /// A folder on a machine that one logs in to.
    Sftp,
    /// A folder behind `WebDAV`.
    Webdav,
    /// Files behind a web server; for reading only.
    Http,
    /// HDFS by its web interface.
    Webhdfs,
}

/// Each scheme with its kind.
const SCHEMES: [(&str, Kind); 15] = [
    ("file", Kind::Folder),
    ("s3", Kind::S3),
    ("gs", Kind::Gcs),
    ("gcs", Kind::Gcs),
    ("azure", Kind::Azure),
    ("azblob", Kind::Azure),
    ("gdrive", Kind::Drive),
    ("ssh", Kind::Sftp),
    ("sftp", Kind::Sftp),
    ("webdav", Kind::Webdav),
    ("webdavs", Kind::Webdav),
    ("http", Kind::Http),
    ("https", Kind::Http),
    ("webhdfs", Kind::Webhdfs),
    ("swebhdfs", Kind::Webhdfs),
];

impl Kind {
    /// Returns the client's name of it.
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::Folder => "fs",
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azblob",
            Self::Drive => "gdrive",
            Self::Sftp => "sftp",
            Self::Webdav => "webdav",
            Self::Http => "http",
            Self::Webhdfs => "webhdfs",
        }
    }

    /// Returns whether an upload that is killed leaves a truncated file under the final name.
    pub(super) fn needs_rename(self) -> bool {
        matches!(
            self,
            Self::Folder | Self::Sftp | Self::Webdav | Self::Webhdfs
        )
    }

    /// Returns whether nothing can be written.
    pub(super) fn is_read_only(self) -> bool {
        self == Self::Http
    }
}

/// Where something is, and how to get there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// As people may see it: without user and password.
    pub(crate) url: String,
    /// What kind of storage it is.
    pub(crate) kind: Kind,
    /// What the client is told.
    pub(super) settings: BTreeMap<String, String>,
    /// How many transfers at once, if somebody has said so.
    pub(super) jobs: Option<usize>,
    /// How many seconds a step may take, if somebody has said so.
    pub(super) timeout: Option<u64>,
}

impl Place {
    /// Reads where a remote with these options is.
    pub(crate) fn of_remote(name: &str, options: &Options, root: &Path) -> Result<Self, Error> {
        let Some(url) = options.get("url") else {
            return Err(Error::Setting {
                message: format!("the remote `{name}` has no URL"),
                help: format!("`mlpipe remote modify {name} url URL` sets it"),
            });
        };
        Self::parse(url, options, root)
    }

    /// Reads a URL, or the path of a folder that relative to `folder` is one.
    pub(crate) fn parse(text: &str, options: &Options, folder: &Path) -> Result<Self, Error> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::of_folder(&walk(folder, &expand(text)), options));
        };
        let scheme = scheme.to_ascii_lowercase();
        let known = SCHEMES.iter().find(|(name, _)| *name == scheme);
        let Some((_, kind)) = known else {
            return Err(unknown(text, &scheme));
        };
        if *kind == Kind::Folder {
            return Ok(Self::of_folder(Path::new(rest), options));
        }
        // A folder of Drive's may be called by a name that no host can have.
        let url = Url::parse(text).map_err(|error| Error::Setting {
            message: format!("`{}` is not a URL: {error}", shown(text)),
            help: "as in `s3://bucket/folder` or `ssh://user@host/folder`".to_owned(),
        })?;
        let mut place = Self {
            url: shown(text),
            kind: *kind,
            settings: BTreeMap::new(),
            jobs: number(options, "jobs")?,
            timeout: number(options, "timeout")?,
        };
        place.fill(&scheme, &url, options)?;
        Ok(place)
    }

    fn of_folder(path: &Path, options: &Options) -> Self {
        let root = path.display().to_string();
        Self {
            url: root.clone(),
            kind: Kind::Folder,
            settings: BTreeMap::from([("root".to_owned(), root)]),
            jobs: options.get("jobs").and_then(|text| text.parse().ok()),
            timeout: None,
        }
    }

    /// Returns how long one step may take.
    pub(super) fn step(&self) -> Duration {
        self.timeout.map_or(STEP, Duration::from_secs)
    }

    /// Returns the folder, if it is one that is mounted here.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        let is_folder = self.kind == Kind::Folder;
        let root = self.settings.get("root").filter(|_| is_folder)?;
        Some(PathBuf::from(root))
    }

    fn fill(&mut self, scheme: &str, url: &Url, options: &Options) -> Result<(), Error> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let path = decoded(url.path());
        self.set("root", if path.is_empty() { "/" } else { &path });
        match self.kind {
            Kind::Folder => {}
            Kind::S3 | Kind::Gcs => self.set("bucket", &host),
            Kind::Azure => self.set("container", &host),
            Kind::Drive => self.set("root", &format!("/{host}{path}")),
            Kind::Sftp => {
                let user = options.get("user").cloned();
                let user = user.or_else(|| Some(url.username().to_owned()));
                self.set_some("user", user.filter(|user| !user.is_empty()));
                let port = options.get("port").cloned();
                let port = port.or_else(|| url.port().map(|port| port.to_string()));
                let port = port.map_or_else(String::new, |port| format!(":{port}"));
                self.set("endpoint", &format!("ssh://{host}{port}"));
            }
            Kind::Webdav | Kind::Http | Kind::Webhdfs => {
                let secure = if scheme.ends_with('s') && scheme != "webhdfs" || scheme == "swebhdfs"
                {
                    "s"
                } else {
                    ""
                };
                let port = url
                    .port()
                    .map_or_else(String::new, |port| format!(":{port}"));
                self.set("endpoint", &format!("http{secure}://{host}{port}"));
                self.set_some("username", name_in(url));
                self.set_some("password", url.password().map(decoded));
            }
        }
        if host.is_empty() && self.kind != Kind::Drive {
            return Err(Error::Setting {
                message: format!("`{}` names no bucket or host", self.url),
                help: "as in `s3://bucket/folder` or `ssh://user@host/folder`".to_owned(),
            });
        }
        credentials::fill(self, options)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn set_some(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.settings.insert(name.to_owned(), value);
        }
    }
}

fn name_in(url: &Url) -> Option<String> {
    Some(decoded(url.username())).filter(|name| !name.is_empty())
}

fn number<T: std::str::FromStr>(options: &Options, name: &str) -> Result<Option<T>, Error> {
    let Some(text) = options.get(name) else {
        return Ok(None);
    };
    let number = text.parse().map_err(|_| Error::Setting {
        message: format!("`{name}` must be a number, not `{text}`"),
        help: format!("`mlpipe remote modify NAME {name} 8`, for instance"),
    })?;
    Ok(Some(number))
}

/// Writes out a leading `~`.
fn expand(text: &str) -> String {
    match (text.strip_prefix("~/"), std::env::var("HOME")) {
        (Some(rest), Ok(home)) => format!("{home}/{rest}"),
        _ => text.to_owned(),
    }
}

/// Returns a URL without user and password, so that it can be shown.
pub(crate) fn shown(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let end = rest.find('/').unwrap_or(rest.len());
    // A password may have a slash that should be written `%2F`.
    let is_cut = rest[..end]
        .rsplit_once(':')
        .is_some_and(|(_, port)| !rest[..end].contains('@') && port.parse::<u16>().is_err());
    let end = match rest.rfind('@') {
        Some(at) if is_cut => rest[at..].find('/').map_or(rest.len(), |slash| at + slash),
        _ => end,
    };
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        // Who logs in is no secret, what they say then is.
        Some((user, host)) => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}@{host}{path}")
        }
        None => format!("{scheme}://{authority}{path}"),
    }
}

/// Undoes the percent signs of a part of a URL.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3);
        let code = code.filter(|_| bytes[at] == b'%');
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn unknown(url: &str, scheme: &str) -> Error {
    let names = SCHEMES.map(|(name, _)| name);
    let all = "a folder, s3://, gs://, azure://, gdrive://, ssh://, sftp://, webdav://, webdavs://, \
               http://, https://, webhdfs://";
    let help = did_you_mean(scheme, names);
    Error::UnknownScheme {
        url: shown(url),
        scheme: scheme.to_owned(),
        help: help.unwrap_or_else(|| format!("known: {all}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Place {
        Place::parse(text, &Options::new(), Path::new("/work")).expect("a place")
    }

    #[test]
    fn what_is_no_url_is_a_folder() {
        assert_eq!(parse("../data").folder(), Some(PathBuf::from("/data")));
        assert_eq!(parse("file:///data").folder(), Some(PathBuf::from("/data")));
    }

    #[test]
    fn nobody_sees_a_password() {
        let place = parse("webdavs://ann:top%40secret@example.org:8443/a%20b");
        assert_eq!(place.url, "webdavs://ann@example.org:8443/a%20b");
        assert_eq!(place.settings["endpoint"], "https://example.org:8443");
        assert_eq!(place.settings["root"], "/a b");
        assert_eq!(place.settings["password"], "top@secret");
        assert_eq!(shown("https://a.b/c?sig=x"), "https://a.b/c");
        assert_eq!(shown("https://a.b?sig=x"), "https://a.b");
        assert_eq!(shown("webdavs://ann:se/cret@a.b/c"), "webdavs://ann@a.b/c");
        assert_eq!(shown("ssh://a.b:22/c@d"), "ssh://a.b:22/c@d");
    }

    #[test]
    fn a_slip_in_the_scheme_is_seen() {
        let error = Place::parse("s4://x", &Options::new(), Path::new("/")).expect_err("unknown");
        let Error::UnknownScheme { help, .. } = error else {
            panic!("another error");
        };
        assert!(help.contains("s3"), "{help}");
    }
}

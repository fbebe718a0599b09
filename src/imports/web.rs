//! `Origin`: a file or a folder at a URL.

use std::io::Seek;
use std::path::Path;

use crate::base::cancel::CancelToken;
use crate::base::fs::failed;
use crate::base::path::RepoPath;
use crate::config::Settings;
use crate::imports::error::Error;
use crate::imports::state::Patience;
use crate::pipeline::Content;
use crate::remote::{Backend, Depth, Found, Kind, Options, Place, RETRIES, shown};
use crate::store::{Bundle, Cache, Entry, EntryKind, FileContent, Meter, Tree};

/// Something at a URL.
pub(crate) struct Origin {
    /// The URL, as people may see it.
    url: String,
    pub(super) backend: Backend,
    /// The last part of the path; empty where the whole place is meant.
    name: String,
}

/// Where something is, before anybody is asked.
struct Address {
    /// The URL, as people may see it.
    url: String,
    /// What it lies in.
    place: Place,
    /// Its name there.
    name: String,
}

impl Address {
    /// Reads a URL, or a path seen from `folder`; what the remote's settings say goes before `defaults`.
    fn parse(
        url: &str,
        folder: &Path,
        settings: Option<&Settings>,
        defaults: Options,
    ) -> Result<Self, Error> {
        let refused = |why| Error::Url {
            url: shown(url),
            why,
        };
        if url.trim().is_empty() {
            return Err(Error::NoUrl);
        }
        let (mut whole, mut options) = (url.trim_end_matches('/').to_owned(), defaults);
        if let Some(rest) = url.strip_prefix("remote://") {
            let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
            let Some(settings) = settings else {
                return Err(refused("remotes have names in a project only"));
            };
            options.extend(settings.remote(Some(name))?.1.clone());
            let base = options.remove("url").unwrap_or_default();
            whole = format!("{}/{path}", base.trim_end_matches('/'));
            whole.truncate(whole.trim_end_matches('/').len());
        }
        if let Some(why) = never_sent(&whole) {
            return Err(refused(why));
        }
        let (parent, name) = split(&whole);
        let name = if url.starts_with("http") {
            decoded(name)
        } else {
            name.to_owned()
        };
        Ok(Self {
            url: shown(url),
            place: Place::parse(parent, &options, folder)?,
            name,
        })
    }

    fn open(self, retries: usize, cancel: &CancelToken) -> Result<Origin, Error> {
        Ok(Origin {
            url: self.url,
            backend: Backend::open_for(self.place, retries, cancel)?,
            name: self.name,
        })
    }
}

/// Checks that a URL names something that can be asked for, and asks nobody.
pub(crate) fn check_url(url: &str, (folder, settings): (&Path, &Settings)) -> Result<(), Error> {
    Address::parse(url, folder, Some(settings), Options::new()).map(drop)
}

/// Returns what of a web server's URL would not reach it.
fn never_sent(url: &str) -> Option<&'static str> {
    if !url.starts_with("http") {
        return None;
    }
    if url.contains('?') {
        return Some("what stands behind `?` cannot be asked for");
    }
    let message = "what stands behind `#` is never asked for; a `#` in a name is written `%23`";
    url.contains('#').then_some(message)
}

/// One file of what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its path below; empty where there is just this file.
    pub(crate) inner: String,
    pub(super) found: Found,
}

impl Part {
    /// Returns its size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.found.size
    }
}

impl Origin {
    /// Opens a URL, or a path seen from `folder`. `remote://NAME/path` is below that remote.
    pub(crate) fn open(
        url: &str,
        folder: &Path,
        settings: Option<&Settings>,
        cancel: &CancelToken,
    ) -> Result<Self, Error> {
        Address::parse(url, folder, settings, Options::new())?.open(RETRIES, cancel)
    }

    /// Like [`Self::open`], for whoever only asks what is there.
    pub(super) fn open_to_ask(
        url: &str,
        (folder, settings): (&Path, &Settings),
        patience: Patience,
        cancel: &CancelToken,
    ) -> Result<Self, Error> {
        let timeout = ("timeout".to_owned(), patience.seconds().to_string());
        let address = Address::parse(url, folder, Some(settings), Options::from([timeout]))?;
        address.open(patience.retries(), cancel)
    }

    /// Returns the name that it has there.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns what is there: a file, or all files of a folder.
    pub(crate) fn parts(&self) -> Result<Vec<Part>, Error> {
        let is_folder = |found: &Found| found.path.ends_with('/');
        if !self.name.is_empty()
            && let Some(found) = self
                .backend
                .stat(&self.name)?
                .filter(|found| !is_folder(found))
            && !self.is_local_folder()
        {
            let inner = String::new();
            return Ok(vec![Part { inner, found }]);
        }
        if self.backend.kind() == Kind::Http {
            // Web servers list nothing.
            let url = self.url.clone();
            return Err(Error::Nothing { url });
        }
        let below = format!("{}/", self.name);
        let files = self.backend.list(&self.name, Depth::Deep)?.into_iter();
        let parts = files.map(|found| {
            let inner = found.path.strip_prefix(&below).unwrap_or(&found.path);
            let inner = inner.trim_start_matches('/').to_owned();
            Part { inner, found }
        });
        let parts: Vec<Part> = parts.collect();
        if parts.is_empty() {
            let url = self.url.clone();
            return Err(Error::Nothing { url });
        }
        Ok(parts)
    }

    fn is_local_folder(&self) -> bool {
        let root = Path::new(self.backend.url());
        root.is_absolute() && root.join(&self.name).is_dir()
    }

    /// Brings all of it into the cache. What changes on the way is no content of anything.
    pub(crate) fn bring(
        &self,
        parts: &[Part],
        cache: &Cache,
        meter: &Meter,
    ) -> Result<Content, Error> {
        meter.expect(parts.len() as u64, parts.iter().map(Part::size).sum());
        let (small, big): (Vec<&Part>, Vec<&Part>) = parts
            .iter()
            .partition(|part| part.size() <= Bundle::LARGEST);
        let mut entries = Vec::with_capacity(parts.len());
        let mut bundle = cache.bundle(small.len(), meter)?;
        for part in small {
            let path = &part.found.path;
            let bytes = self.backend.read(path, part.size())?;
            let bytes = bytes.ok_or_else(|| self.changed())?;
            if bytes.len() as u64 != part.size() {
                return Err(self.changed());
            }
            entries.push(part.entry(bundle.push(&bytes)?)?);
        }
        bundle.finish()?;
        for part in big {
            entries.push(self.bring_big(part, cache, meter)?);
        }
        if self.parts()? != parts {
            return Err(self.changed());
        }
        if let [
            Entry {
                path,
                kind: EntryKind::File(file),
            },
        ] = entries.as_slice()
            && path.is_empty()
        {
            return Ok((*file).into());
        }
        let tree = Tree::new(entries);
        cache.store_manifest(&tree)?;
        Ok(tree.content())
    }

    fn bring_big(&self, part: &Part, cache: &Cache, meter: &Meter) -> Result<Entry, Error> {
        let place = cache.path("new");
        crate::base::fs::make_folder(&place)?;
        let mut file = tempfile::tempfile_in(&place).map_err(failed("cannot write", &place))?;
        let path = &part.found.path;
        // The meter counts what comes into the cache.
        let uncounted = Meter::default();
        self.backend
            .download(path, Some(part.size()), &file, &place, &uncounted)?;
        file.rewind().map_err(failed("cannot read", &place))?;
        let mut incoming = cache.incoming(meter)?;
        incoming.read_from(&mut file, &place)?;
        part.entry(incoming.keep()?.0)
    }

    fn changed(&self) -> Error {
        let url = self.url.clone();
        Error::Changed { url }
    }
}

impl Part {
    fn entry(&self, digest: crate::base::digest::Digest) -> Result<Entry, Error> {
        if !self.inner.is_empty() {
            // A name from elsewhere must not lead out of the folder.
            RepoPath::parse(&self.inner)?;
        }
        Ok(Entry {
            path: self.inner.clone(),
            kind: EntryKind::File(FileContent {
                digest,
                size: self.size(),
                executable: false,
            }),
        })
    }
}

/// Returns a name of a web server's without `%xx`, for the client writes these itself; as it stands where
/// it would be no text, or several names, without them.
fn decoded(name: &str) -> String {
    let plain = crate::remote::decoded(name);
    if plain.contains(['/', char::REPLACEMENT_CHARACTER]) {
        return name.to_owned();
    }
    plain
}

/// Splits the last part off a URL or a path; a place without a path has none.
fn split(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    match url[start..].rfind('/') {
        Some(at) if start + at == 0 => ("/", &url[1..]),
        Some(at) => (&url[..start + at], &url[start + at + 1..]),
        None if start == 0 => (".", url),
        None => (url, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_written_out_unless_it_would_be_something_else() {
        assert_eq!(decoded("a%20b%c3%a9.csv"), "a bé.csv");
        assert_eq!(decoded("100%.csv"), "100%.csv");
        assert_eq!(decoded("a%2Fb"), "a%2Fb");
        assert_eq!(decoded("%ff"), "%ff");
    }

    #[test]
    fn the_last_part_is_split_off() {
        assert_eq!(split("s3://b/x/y.csv"), ("s3://b/x", "y.csv"));
        assert_eq!(split("s3://b"), ("s3://b", ""));
        assert_eq!(split("/x"), ("/", "x"));
        assert_eq!(split("../x/y"), ("../x", "y"));
        assert_eq!(split("y"), (".", "y"));
    }
}

//! `Backend`: reads, writes and lists single objects of a place, one blocking call each, from any
//! number of threads. What is asynchronous stays in this file.

use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::options::ListOptions;
use opendal::{ErrorKind, Operator};
use tokio::runtime::{Builder, Runtime};

use crate::base::cancel::{CancelToken, Urgency};
use crate::base::digest::Digest;
use crate::base::fs::failed;
use crate::remote::credentials;
use crate::remote::error::{Error, Reason};
use crate::remote::hdfs;
use crate::remote::pace::retry_pause;
use crate::remote::place::{Kind, Place};
use crate::remote::streams::{read_some, write_parts};
use crate::store::Meter;

/// How many transfers run at once where nobody says otherwise.
const JOBS: usize = 16;

/// How often a step is tried again.
const RETRIES: usize = 4;

/// The folder for what is not whole yet.
pub(super) const UNFINISHED: &str = "tmp";

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its path below the place.
    pub(crate) path: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// What the other side calls this version of it, if it does.
    pub(crate) etag: Option<String>,
    /// When it was last written, in seconds since 1970 by the clock of the other side.
    pub(crate) modified: Option<i64>,
    /// The nanoseconds beyond these; 0 where the other side counts whole seconds.
    pub(crate) fraction: i32,
    /// Tells this state of it from others, as far as the other side gives means.
    pub(crate) version: Option<String>,
}

/// How deep a listing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What lies right in the folder.
    Flat,
    /// All that is below it.
    Deep,
}

/// A place that is open.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(super) operator: Operator,
    /// The same, but it tries nothing twice.
    impatient: Operator,
    pub(super) place: Place,
    pub(super) cancel: CancelToken,
}

/// The one runtime: the client keeps connections open in it, which must outlive each of us.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        opendal::install_default();
        let mut builder = Builder::new_multi_thread();
        let built = builder.worker_threads(4).enable_all().build();
        built.expect("invariant: the system lets us start threads")
    })
}

impl Backend {
    /// Opens a place. Nothing is asked there yet. What it does stops soon when `cancel` is raised.
    pub(crate) fn open(place: Place, cancel: &CancelToken) -> Result<Self, Error> {
        credentials::check(&place)?;
        let _runtime = runtime().enter();
        let settings = place.settings.clone();
        let impatient = Operator::via_iter(place.kind.service(), settings)
            .map_err(|error| refused(&error, &place))?;
        let step = place.step();
        let operator = impatient
            .clone()
            .layer(TimeoutLayer::new().with_timeout(step).with_io_timeout(step))
            .layer(
                RetryLayer::new()
                    .with_max_times(RETRIES)
                    .with_min_delay(retry_pause())
                    .with_max_delay(Duration::from_secs(10))
                    .with_jitter()
                    .with_notify(|_: opendal::layers::RetryEvent<'_>| {}),
            );
        Ok(Self {
            operator,
            impatient,
            place,
            cancel: cancel.clone(),
        })
    }

    /// Returns where it is, as people may see it.
    pub(crate) fn url(&self) -> &str {
        &self.place.url
    }

    /// Returns what kind of storage it is.
    pub(crate) fn kind(&self) -> Kind {
        self.place.kind
    }

    /// Returns how many transfers are to run at once.
    pub(crate) fn jobs(&self) -> usize {
        self.place.jobs.unwrap_or(JOBS).max(1)
    }

    /// Returns what tells it to stop.
    pub(crate) fn cancel(&self) -> &CancelToken {
        &self.cancel
    }

    /// Returns what is known of an object; `None` if it is not there.
    pub(crate) fn stat(&self, path: &str) -> Result<Option<Found>, Error> {
        let found = self.run(self.operator.stat(path))?;
        let found = self.absent_as_none(found, "look for", path)?;
        Ok(found.map(|metadata| found_of(path, &metadata)))
    }

    /// Reads a whole object, which may not be longer than `limit`; `None` if it is not there.
    pub(crate) fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let read = self.run(read_some(&self.operator, path, .., limit + 1))?;
        let Some(bytes) = self.absent_as_none(read, "read", path)? else {
            return Ok(None);
        };
        if bytes.len() as u64 > limit {
            return Err(self.wrong(path, format!("it is longer than {limit} bytes")));
        }
        Ok(Some(bytes))
    }

    /// Reads exactly so many bytes of an object, from `start` on.
    pub(crate) fn read_range(&self, path: &str, start: u64, length: u64) -> Result<Vec<u8>, Error> {
        // One byte more is asked of the stream: a server that knows no ranges sends all there is.
        let range = start..start + length;
        let read = self.run(read_some(&self.operator, path, range, length + 1))?;
        let bytes = read.map_err(|error| self.explain(&error, "read", path))?;
        match bytes.len() as u64 {
            count if count == length => Ok(bytes),
            count if count > length => {
                let what = format!("more came than the {length} bytes that were asked for");
                Err(self.wrong(path, what))
            }
            count => {
                let what = format!("{count} bytes came where {length} should be");
                Err(self.wrong(path, what))
            }
        }
    }

    /// Writes an object that is in memory. It is whole or not there, whatever happens meanwhile.
    pub(crate) fn write(&self, path: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let length = bytes.len() as u64;
        self.write_whole(path, length, |to| {
            let write = self.operator.write(to, bytes);
            self.run(async { write.await.map(|_| ()) })
        })
    }

    /// Writes the file at `from` as an object; big ones in parts, several at once, where the other side
    /// takes parts. No more of it than some parts is ever in memory.
    pub(crate) fn upload(
        &self,
        path: &str,
        from: &Path,
        size: u64,
        meter: &Meter,
    ) -> Result<(), Error> {
        let mut file = File::open(from).map_err(failed("cannot read", from))?;
        self.write_whole(path, size, |to| {
            if self.is_one_piece(size) {
                return self.upload_piece(to, from, size, meter).map(Ok);
            }
            self.run(write_parts(&self.operator, to, &mut file, size, meter))
        })
    }

    /// Writes to a temporary name first where a killed upload would leave half an object.
    fn write_whole(
        &self,
        path: &str,
        size: u64,
        write: impl FnOnce(&str) -> Result<opendal::Result<()>, Error>,
    ) -> Result<(), Error> {
        if self.place.kind.is_read_only() {
            return Err(Error::ReadOnly {
                url: self.place.url.clone(),
            });
        }
        let explain = |error: opendal::Error| self.explain(&error, "write", path);
        if !self.place.kind.needs_rename() {
            return write(path)?.map_err(explain);
        }
        let unfinished = format!("{UNFINISHED}/{}", unique());
        write(&unfinished)?.map_err(explain)?;
        let written = self.stat(&unfinished)?.map(|found| found.size);
        if written != Some(size) {
            let what = format!(
                "{size} bytes were written, {} arrived",
                written.unwrap_or(0)
            );
            return Err(self.wrong(path, what));
        }
        if self.place.kind == Kind::Webhdfs {
            return hdfs::rename(&self.place, &unfinished, path, &self.cancel);
        }
        self.run(self.operator.rename(&unfinished, path))?
            .map_err(explain)
    }

    /// Deletes an object; that one is not there is fine.
    pub(crate) fn remove(&self, path: &str) -> Result<(), Error> {
        let removed = self.run(self.operator.delete(path))?;
        self.absent_as_none(removed, "delete", path).map(|_| ())
    }

    /// Deletes an object now or not at all: it is tried once, and for no longer than this.
    pub(super) fn remove_within(&self, path: &str, limit: Duration) -> Result<(), Error> {
        let removed = self.run(async {
            let removing = self.impatient.delete(path);
            tokio::time::timeout(limit, removing).await
        })?;
        let late = |_| opendal::Error::new(ErrorKind::Unexpected, "it took too long");
        let removed = removed.map_err(late).and_then(|removed| removed);
        self.absent_as_none(removed, "delete", path).map(|_| ())
    }

    /// Lists the files in a folder, sorted by path; none where there is no such folder.
    pub(crate) fn list(&self, folder: &str, depth: Depth) -> Result<Vec<Found>, Error> {
        let options = ListOptions {
            recursive: depth == Depth::Deep,
            ..ListOptions::default()
        };
        let prefix = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let listed = self.run(self.operator.list_options(&prefix, options))?;
        let listed = self.absent_as_none(listed, "list", folder)?;
        let entries = listed.into_iter().flatten();
        let files = entries.filter(|entry| entry.metadata().is_file());
        let mut files: Vec<Found> = files
            .map(|entry| found_of(entry.path(), entry.metadata()))
            .collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    /// Waits for the client, or until the user wants an end at once.
    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        let cancel = &self.cancel;
        runtime().block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                let turn = tokio::time::timeout(Duration::from_millis(100), work.as_mut());
                match turn.await {
                    Ok(done) => return Ok(done),
                    Err(_) if cancel.urgency() >= Urgency::Drain => return Err(Error::Cancelled),
                    Err(_) => {}
                }
            }
        })
    }

    fn absent_as_none<T>(
        &self,
        outcome: opendal::Result<T>,
        action: &'static str,
        path: &str,
    ) -> Result<Option<T>, Error> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) => match self.explain(&error, action, path) {
                Error::Missing { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    pub(super) fn explain(
        &self,
        error: &opendal::Error,
        action: &'static str,
        path: &str,
    ) -> Error {
        Error::of(error, action, path, &self.place.url)
    }

    /// Makes the error of an object that is not what it should be.
    pub(crate) fn wrong(&self, path: &str, what: String) -> Error {
        Error::Wrong {
            path: path.to_owned(),
            url: self.place.url.clone(),
            what,
        }
    }

    /// Makes the error of an object that is not there.
    pub(crate) fn missing(&self, path: &str) -> Error {
        Error::Missing {
            path: path.to_owned(),
            url: self.place.url.clone(),
        }
    }
}

impl Found {
    /// Returns when it was last written, as exactly as the other side says.
    pub(crate) fn time(&self) -> Option<String> {
        let (seconds, fraction) = (self.modified?, self.fraction);
        Some(match fraction {
            0 => seconds.to_string(),
            _ => format!("{seconds}.{fraction:09}"),
        })
    }

    /// Returns whether it could be written once more without anything to tell these states apart: only
    /// its second is known, and that is not over.
    pub(crate) fn may_change_unseen(&self) -> bool {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| since.as_secs());
        let is_young = |time| u64::try_from(time).is_ok_and(|time| time + 1 >= now);
        self.etag.is_none() && self.fraction == 0 && self.modified.is_some_and(is_young)
    }
}

fn found_of(path: &str, metadata: &opendal::Metadata) -> Found {
    let unknown = (None, None, 0);
    let (modified, nanoseconds, fraction) = metadata.last_modified().map_or(unknown, |time| {
        let time = time.into_inner();
        let fraction = time.subsec_nanosecond();
        (Some(time.as_second()), Some(time.as_nanosecond()), fraction)
    });
    let tag = metadata.etag().map(str::to_owned);
    Found {
        path: path.to_owned(),
        size: metadata.content_length(),
        etag: tag.clone(),
        modified,
        fraction,
        version: tag.or(nanoseconds.map(|time| time.to_string())),
    }
}

/// Makes a name that nobody else has.
pub(super) fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    let text = format!(
        "{} {} {:?} {:?}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed),
        time.map(|time| time.as_nanos()),
        std::thread::current().id(),
    );
    // The address of something on the stack differs between machines that agree in all else.
    let here = std::ptr::from_ref(&text).addr();
    Digest::of(format!("{text} {here}").as_bytes()).to_string()
}

fn refused(error: &opendal::Error, place: &Place) -> Error {
    if error.kind() == ErrorKind::Unsupported {
        let scheme = place.url.split("://").next().unwrap_or_default();
        return Error::NotBuilt {
            scheme: scheme.to_owned(),
        };
    }
    match Error::of(error, "open", "", &place.url) {
        Error::Missing { .. } => Error::Failed {
            action: "open",
            path: String::new(),
            url: place.url.clone(),
            source: Box::new(Reason(error.message().to_owned())),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::place::Options;
    use crate::remote::streams::PART;

    fn open(folder: &Path) -> Backend {
        let place = Place::parse("there", &Options::new(), folder).expect("a place");
        Backend::open(place, &CancelToken::default()).expect("opens")
    }

    #[test]
    fn what_is_written_is_found_listed_and_read_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = open(folder.path());
        assert_eq!(backend.stat("a/b").expect("asks"), None);
        assert_eq!(backend.read("a/b", 9).expect("asks"), None);
        assert!(backend.list("a", Depth::Deep).expect("lists").is_empty());
        backend.write("a/b", b"bytes".to_vec()).expect("writes");
        backend.write("a/c/d", Vec::new()).expect("writes");
        assert_eq!(
            backend.read("a/b", 5).expect("reads").as_deref(),
            Some(&b"bytes"[..])
        );
        assert_eq!(backend.read_range("a/b", 1, 3).expect("reads"), b"yte");
        let names = |depth| {
            let found = backend.list("a", depth).expect("lists");
            found
                .into_iter()
                .map(|found| (found.path, found.size))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(Depth::Flat), [("a/b".to_owned(), 5)]);
        assert_eq!(names(Depth::Deep).len(), 2);
        assert!(
            backend
                .list(UNFINISHED, Depth::Deep)
                .expect("lists")
                .is_empty()
        );
        backend.remove("a/b").expect("removes");
        backend.remove("a/b").expect("is gone");
        assert_eq!(backend.stat("a/b").expect("asks"), None);
    }

    #[test]
    fn what_is_too_long_or_too_short_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = open(folder.path());
        backend.write("x", vec![7; 100]).expect("writes");
        assert!(matches!(backend.read("x", 99), Err(Error::Wrong { .. })));
        assert!(backend.read_range("x", 50, 51).is_err());
        let file = tempfile::tempfile().expect("a file");
        let meter = Meter::default();
        for size in [99, 101] {
            assert!(
                backend
                    .download("x", Some(size), &file, Path::new("f"), &meter)
                    .is_err()
            );
        }
        let (digest, size) = backend
            .download("x", Some(100), &file, Path::new("f"), &meter)
            .expect("comes");
        assert_eq!((digest, size), (Digest::of(&[7; 100]), 100));
    }

    #[test]
    fn a_big_object_travels_in_parts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = open(folder.path());
        let size = usize::try_from(2 * PART + 5).expect("fits");
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        let from = folder.path().join("from");
        crate::base::fs::write_replaceable(&from, &bytes).expect("writes");
        let meter = Meter::default();
        backend
            .upload("big", &from, size as u64, &meter)
            .expect("goes");
        assert_eq!(meter.progress().bytes, size as u64);
        let file = tempfile::tempfile().expect("a file");
        let (digest, _) = backend
            .download("big", Some(size as u64), &file, &from, &meter)
            .expect("comes");
        assert_eq!(digest, Digest::of(&bytes));
    }
}

//! `Meter`: how far a long piece of work is, for whoever shows it meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Files and bytes, done and to do. Shared by the workers and by one who looks on.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    files: AtomicU64,
    bytes: AtomicU64,
    all_files: AtomicU64,
    all_bytes: AtomicU64,
    objects: AtomicU64,
    is_waiting: AtomicBool,
}

/// What a meter shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The files that are done.
    pub(crate) files: u64,
    /// The bytes that are done.
    pub(crate) bytes: u64,
    /// All files, as far as they are known yet.
    pub(crate) all_files: u64,
    /// Their bytes.
    pub(crate) all_bytes: u64,
    /// The objects that are new in the cache.
    pub(crate) objects: u64,
    /// Whether it waits for another mlpipe.
    pub(crate) is_waiting: bool,
}

impl Meter {
    /// Returns how far it is.
    pub(crate) fn progress(&self) -> Progress {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Progress {
            files: read(&self.files),
            bytes: read(&self.bytes),
            all_files: read(&self.all_files),
            all_bytes: read(&self.all_bytes),
            objects: read(&self.objects),
            is_waiting: self.is_waiting.load(Ordering::Relaxed),
        }
    }

    /// Says whether it waits for another mlpipe.
    pub(crate) fn set_waiting(&self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Ordering::Relaxed);
    }

    /// Says that there is more to do.
    pub(crate) fn expect(&self, files: u64, bytes: u64) {
        self.all_files.fetch_add(files, Ordering::Relaxed);
        self.all_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says that a file is done.
    pub(crate) fn add_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that there is a new object.
    pub(crate) fn add_object(&self) {
        self.objects.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that some bytes of a file are done.
    pub(crate) fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }
}

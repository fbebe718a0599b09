//! `Meter`: how far a long piece of work is, for whoever shows it meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

/// Files and bytes, done and to do. Shared by the workers and by one who looks on.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    files: AtomicU64,
    bytes: AtomicU64,
    all_files: AtomicU64,
    all_bytes: AtomicU64,
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
}

impl Meter {
    /// Returns how far it is.
    pub(crate) fn progress(&self) -> Progress {
        let [files, bytes, all_files, all_bytes] =
            [&self.files, &self.bytes, &self.all_files, &self.all_bytes]
                .map(|number| number.load(Ordering::Relaxed));
        Progress {
            files,
            bytes,
            all_files,
            all_bytes,
        }
    }

    /// Says that there is more to do.
    pub(super) fn expect(&self, files: u64, bytes: u64) {
        self.all_files.fetch_add(files, Ordering::Relaxed);
        self.all_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says that a file is done.
    pub(super) fn add_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that some bytes of a file are done.
    pub(super) fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }
}

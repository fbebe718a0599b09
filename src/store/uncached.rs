//! `Uncached`: writes a big file that nobody reads soon, such as an object of which the workspace has the
//! original. Kept in memory, as what is written is, it would push out what is read; and on virtual
//! machines that are lent their memory by the page, taking new pages for all of it is what takes longest.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

/// Who has waited for longer than this in all, and for more than [`SLOW`] would take, is better off with
/// memory, which takes what the disk takes later.
const PATIENCE: Duration = Duration::from_millis(50);

/// Bytes a second of a disk that is waited for. Hashing is about four times as quick.
const SLOW: u64 = 500_000_000;

/// A file that is written from its begin to its end.
pub(super) struct Uncached<'f> {
    file: &'f mut File,
    written: u64,
    spent: Duration,
    /// Whether the system can do so, and the disk keeps up.
    is_worth_it: bool,
}

impl<'f> Uncached<'f> {
    /// Begins to write to `file`.
    pub(super) fn new(file: &'f mut File) -> Self {
        Self {
            file,
            written: 0,
            spent: Duration::ZERO,
            is_worth_it: true,
        }
    }

    /// Writes the next bytes.
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while self.is_worth_it && !rest.is_empty() {
            let begin = Instant::now();
            match write_past_memory(self.file, rest) {
                Ok(count) => {
                    rest = &rest[count..];
                    self.written += count as u64;
                    self.spent += begin.elapsed();
                    self.is_worth_it = count > 0 && !self.is_slow();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Whatever else is wrong shows with an ordinary write as well.
                Err(_) => self.is_worth_it = false,
            }
        }
        self.file.write_all(rest)
    }

    fn is_slow(&self) -> bool {
        let allowed = Duration::from_nanos(self.written.saturating_mul(1_000_000_000 / SLOW));
        self.spent > PATIENCE + allowed
    }
}

/// Has the system write these bytes at once, and forget them when they are on disk; it does not wait for
/// that.
#[cfg(target_os = "linux")]
fn write_past_memory(file: &File, bytes: &[u8]) -> io::Result<usize> {
    use rustix::io::{ReadWriteFlags, pwritev2};
    /// `RWF_DONTCACHE`, which Linux has since 6.14, and not for all file systems.
    const DONT_CACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);
    /// The place where the file is at.
    const HERE: u64 = u64::MAX;
    let bytes = [io::IoSlice::new(bytes)];
    Ok(pwritev2(file, &bytes, HERE, DONT_CACHE)?)
}

#[cfg(not(target_os = "linux"))]
fn write_past_memory(_: &File, _: &[u8]) -> io::Result<usize> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there_in_order_however_each_part_was_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        let mut file = crate::base::fs::create_log(&path).expect("makes");
        let parts = [
            vec![1; 100_000],
            vec![2; 70_001],
            vec![3; 5],
            vec![4; 90_000],
        ];
        let mut out = Uncached::new(&mut file);
        for (number, part) in parts.iter().enumerate() {
            if number == 2 {
                // From here on the disk is too slow.
                out.spent = Duration::from_secs(9);
            }
            out.write_all(part).expect("writes");
        }
        assert!(!out.is_worth_it);
        let bytes = std::fs::read(&path).expect("reads");
        assert!(bytes == parts.concat());
    }
}

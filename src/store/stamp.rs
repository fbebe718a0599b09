//! `Stamp`: what a file's stat says of its content, and when that may not be believed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

/// A file that was changed this short a time ago may change again without its times showing it.
const FRESH: Duration = Duration::from_millis(100);

/// The same where times are whole seconds.
const FRESH_ON_COARSE_CLOCKS: Duration = Duration::from_secs(3);

/// What a file's stat says of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(super) size: u64,
    pub(super) modified: Time,
    pub(super) changed: Time,
    pub(super) inode: u64,
    pub(super) links: u32,
}

/// Seconds and nanoseconds, as in a stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Time {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

impl Stamp {
    /// Returns the stamp of a file or folder.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |number: i64| u32::try_from(number).unwrap_or_default();
        let modified = Time {
            seconds: metadata.mtime(),
            nanoseconds: nanoseconds(metadata.mtime_nsec()),
        };
        let changed = Time {
            seconds: metadata.ctime(),
            nanoseconds: nanoseconds(metadata.ctime_nsec()),
        };
        Self {
            size: metadata.len(),
            modified,
            changed,
            inode: metadata.ino(),
            links: u32::try_from(metadata.nlink()).unwrap_or(u32::MAX),
        }
    }

    /// Returns the stamp of a file or folder; `None` for a stat that no file has.
    pub(super) fn of_stat(stat: &Stat) -> Option<Self> {
        let time = |seconds: i64, nanoseconds| {
            Some(Time {
                seconds,
                nanoseconds: u32::try_from(nanoseconds).ok()?,
            })
        };
        Some(Self {
            size: u64::try_from(stat.st_size).ok()?,
            modified: time(stat.st_mtime, stat.st_mtime_nsec)?,
            changed: time(stat.st_ctime, stat.st_ctime_nsec)?,
            inode: stat.st_ino,
            links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        })
    }

    /// Returns whether the bytes are those of a file with the stamp `before`, but for what happens
    /// within a tick of the clock; its names and its mode may have changed.
    pub(super) fn is_of_same_content(&self, before: &Self) -> bool {
        let content = |stamp: &Self| (stamp.size, stamp.modified, stamp.inode);
        content(self) == content(before)
    }

    /// Returns whether another change could leave the same stamp.
    pub(crate) fn is_fresh(&self) -> bool {
        self.is_fresh_at(self.modified.max(self.changed), SystemTime::now())
    }

    /// Returns whether another change to the bytes could leave the same stamp. The names of the file,
    /// and its mode, may have been changed just now.
    pub(super) fn has_fresh_content(&self) -> bool {
        self.is_fresh_at(self.modified, SystemTime::now())
    }

    /// Returns whether each later change to the bytes will leave another stamp: they were written
    /// before `clock`, which the same file system's clock has shown since.
    pub(super) fn is_settled_at(&self, clock: Time) -> bool {
        self.modified < clock
    }

    /// A time in the future counts as fresh: the clock has been set back, and will come by here
    /// again.
    fn is_fresh_at(&self, latest: Time, now: SystemTime) -> bool {
        let is_coarse = self.modified.nanoseconds == 0 && self.changed.nanoseconds == 0;
        let limit = if is_coarse {
            FRESH_ON_COARSE_CLOCKS
        } else {
            FRESH
        };
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let Ok(seconds) = u64::try_from(latest.seconds) else {
            return false;
        };
        now.saturating_sub(Duration::new(seconds, latest.nanoseconds)) < limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(seconds: i64, nanoseconds: u32) -> Stamp {
        let time = Time {
            seconds,
            nanoseconds,
        };
        Stamp {
            size: 1,
            modified: time,
            changed: time,
            inode: 1,
            links: 1,
        }
    }

    #[test]
    fn what_has_just_changed_is_not_trusted() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(10_500);
        let is_fresh = |stamp: Stamp| stamp.is_fresh_at(stamp.changed, now);
        assert!(is_fresh(stamp(10, 450_000_000)));
        assert!(!is_fresh(stamp(10, 300_000_000)));
        assert!(is_fresh(stamp(9, 0)), "whole seconds need more time");
        assert!(!is_fresh(stamp(5, 0)));
        assert!(is_fresh(stamp(99, 1)), "a clock that was set back");
    }

    #[test]
    fn content_is_settled_once_the_clock_has_moved_on() {
        let written = stamp(9, 5);
        assert!(written.is_settled_at(stamp(9, 6).changed));
        assert!(!written.is_settled_at(written.changed));
    }
}

//! `Log`: what a stage's command printed, in `.mlpipe/logs`; no file where it printed nothing.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use crate::base::fs::{self, failed};

/// Made when the first line comes: most commands of a large pipeline print none.
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    /// Begins the log at `path` anew.
    pub(super) fn begin(path: PathBuf) -> Result<Self, fs::Error> {
        fs::remove(&path)?;
        Ok(Self { path, file: None })
    }

    /// Adds lines, each with its end. They can be read there at once.
    pub(super) fn write(&mut self, lines: &str) -> Result<(), fs::Error> {
        if lines.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(fs::create_log(&self.path)?),
        };
        file.write_all(lines.as_bytes())
            .map_err(failed("cannot write", &self.path))
    }
}

//! `Log`: what a stage's command printed, in `.mlpipe/logs`; no file where it printed nothing.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::base::digest::Digest;
use crate::base::fs::{self, failed};
use crate::pipeline::StageName;
use crate::workspace::Workspace;

/// How long the names of logs are, in bytes; file systems take a little more.
const LONGEST_NAME: usize = 200;

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

    /// Returns where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
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

/// Returns where the output of a stage's last run is.
pub(super) fn log_path(workspace: &Workspace, stage: &StageName) -> PathBuf {
    let mut name = String::new();
    for character in stage.as_str().chars() {
        if matches!(character, '%' | '/') || character.is_control() {
            name += &format!("%{:02X}", u32::from(character));
        } else {
            name.push(character);
        }
    }
    if name.len() > LONGEST_NAME {
        let digest = Digest::of(name.as_bytes()).short();
        name.truncate(name.floor_char_boundary(LONGEST_NAME));
        name += &format!("…{digest}");
    }
    workspace.state(&format!("logs/{name}.log"))
}

//! Runs at a remote: what earlier runs were given and made, in files that never change and are named
//! by their content. A run counts only if all that it made is there.

use std::collections::HashSet;

use crate::base::digest::Digest;
use crate::base::framed;
use crate::base::fs;
use crate::remote::depot::Depot;
use crate::remote::error::Error;
use crate::remote::listing::Listing;
use crate::remote::parallel::in_parallel;

/// The folder of the runs.
pub(super) const RUNS: &str = "runs";

/// What the first record of a file begins with.
const NAME: &str = "mlpipe-runs 1 ";

/// No file is longer.
const LONGEST: u64 = 1 << 28;

/// With more files than these of one project, a push puts them into one.
const MOST_FILES: usize = 16;

/// A run: what it was given, and its entry as in `data.lock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// What it was given.
    pub(crate) fingerprint: Digest,
    /// What it made.
    pub(crate) entry: String,
}

/// Some runs of a project.
struct RunFile {
    name: Digest,
    project: Option<Digest>,
    runs: Vec<Run>,
}

impl Depot {
    /// Returns the runs that are there.
    pub(crate) fn runs(&self) -> Result<Vec<Run>, Error> {
        if !self.check_marker()? {
            return Ok(Vec::new());
        }
        let files = self.run_files(&Listing::read(&self.backend, RUNS)?)?;
        Ok(files.into_iter().flat_map(|file| file.runs).collect())
    }

    /// Adds runs to those that are there; returns how many were not.
    pub(crate) fn push_runs(&self, runs: &[Run]) -> Result<usize, Error> {
        if runs.is_empty() {
            return Ok(0);
        }
        let listing = Listing::read(&self.backend, RUNS)?;
        if !listing.is_named {
            // A push was killed before it did.
            self.write_names(RUNS, &[])?;
        }
        let files = self.run_files(&listing)?;
        let known: HashSet<(Digest, &str)> = files
            .iter()
            .flat_map(|file| &file.runs)
            .map(|run| (run.fingerprint, run.entry.as_str()))
            .collect();
        let is_new = |run: &&Run| !known.contains(&(run.fingerprint, run.entry.as_str()));
        let new: Vec<&Run> = runs.iter().filter(is_new).collect();
        if new.is_empty() {
            return Ok(0);
        }
        let own: Vec<&RunFile> = files
            .iter()
            .filter(|file| file.project == Some(self.project))
            .collect();
        let is_many = own.len() >= MOST_FILES;
        let older = own.iter().flat_map(|file| &file.runs).filter(|_| is_many);
        let text = self.run_text(older.chain(new.iter().copied()));
        let name = Digest::of(text.as_bytes());
        self.backend
            .write(&format!("{RUNS}/{name}"), text.into_bytes())?;
        let going = own
            .iter()
            .map(|file| file.name)
            .filter(|old| is_many && *old != name);
        let going: Vec<Digest> = going.collect();
        if going.is_empty() {
            self.write_names(RUNS, &[])?;
        } else {
            self.tidy(RUNS, &going)?;
        }
        Ok(new.len())
    }

    fn run_text<'r>(&self, runs: impl Iterator<Item = &'r Run>) -> String {
        let mut text = framed::frame(&format!("{NAME}{}", self.project));
        for run in runs {
            text += &framed::frame(&format!("{}\n{}", run.fingerprint, run.entry));
        }
        text
    }

    fn run_files(&self, listing: &Listing) -> Result<Vec<RunFile>, Error> {
        let names: Vec<Digest> = listing.files.keys().copied().collect();
        let read = |name: &Digest| self.read_runs(*name);
        let files = in_parallel(self.backend.jobs(), &names, self.cancel(), read)?;
        Ok(files.into_iter().flatten().collect())
    }

    /// Reads a file of runs, or what is kept of it here; `None` if it has gone meanwhile or is damaged.
    fn read_runs(&self, name: Digest) -> Result<Option<RunFile>, Error> {
        let kept = self.state.join("runs").join(name.to_string());
        let bytes = fs::read(&kept)?.filter(|bytes| Digest::of(bytes) == name);
        let path = format!("{RUNS}/{name}");
        if let Some(bytes) = bytes {
            return Ok(Some(parse(name, &bytes)));
        }
        match self.backend.read(&path, LONGEST) {
            Ok(Some(bytes)) if Digest::of(&bytes) == name => {
                fs::write_replaceable(&kept, &bytes)?;
                Ok(Some(parse(name, &bytes)))
            }
            // What is damaged is as good as none: who has the runs pushes them again.
            Ok(_) | Err(Error::Wrong { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads what can be read: a run that is not known is made again.
fn parse(name: Digest, bytes: &[u8]) -> RunFile {
    let mut records = framed::records(bytes).map(|(text, _)| text);
    let head = records.next().and_then(|text| text.strip_prefix(NAME));
    let project = head.and_then(|text| text.parse().ok());
    let run = |text: &str| {
        let (fingerprint, entry) = text.split_once('\n')?;
        Some(Run {
            fingerprint: fingerprint.parse().ok()?,
            entry: entry.to_owned(),
        })
    };
    let runs = if head.is_some() {
        records.filter_map(run).collect()
    } else {
        Vec::new()
    };
    RunFile {
        name,
        project,
        runs,
    }
}

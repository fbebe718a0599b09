//! `History`: the values that were published on the main branch, one line of JSON each; what trends
//! are drawn from where git does not have the metrics.

use serde::{Deserialize, Serialize};

use crate::base::json;
use crate::base::problem::{Place, Problem};
use crate::base::source::as_text;

/// The version of the format; it goes up when an older program could misread it.
const SCHEMA: u32 = 1;

/// Older lines go once there are more than this.
const MOST: usize = 5_000;

/// Everything that was published.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    entries: Vec<Entry>,
}

/// The value of one metric at one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    schema: u32,
    /// The metric's file.
    pub(crate) path: String,
    /// Its dotted key.
    pub(crate) key: String,
    /// The commit.
    pub(crate) commit: String,
    /// The value, finite.
    pub(crate) value: f64,
}

impl Entry {
    /// Makes the entry of a metric; `None` if its value is no number that JSON has.
    pub(crate) fn new(path: &str, key: &str, commit: &str, value: f64) -> Option<Self> {
        value.is_finite().then(|| Self {
            schema: SCHEMA,
            path: path.to_owned(),
            key: key.to_owned(),
            commit: commit.to_owned(),
            value,
        })
    }
}

impl History {
    /// Reads a history; the first line that is wrong is the problem, at its place in `file`.
    pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Header {
            schema: u32,
        }
        let text = as_text(file, bytes)?;
        let mut entries = Vec::new();
        let lines = text.lines().enumerate();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let place = Place {
                line: index + 1,
                column: 1,
            };
            let problem = |message: String| Problem::new(file, text, message).at(Some(place));
            let newer =
                serde_json::from_str(line).is_ok_and(|header: Header| header.schema > SCHEMA);
            if newer {
                let help = "a newer mlpipe wrote it: use that one here, too";
                return Err(problem("a newer format than this mlpipe reads".to_owned()).help(help));
            }
            let entry = serde_json::from_str(line).map_err(|error| {
                let mut problem = json::mistake(file, text, &error, index);
                problem.message = format!("no entry of a history: {}", problem.message);
                problem
            });
            entries.push(entry?);
        }
        Ok(Self { entries })
    }

    /// Adds an entry, in place of an earlier one of the same metric and commit: a job that runs again
    /// says nothing twice.
    pub(crate) fn add(&mut self, entry: Entry) {
        let is_same = |other: &Entry| {
            (&other.path, &other.key, &other.commit) == (&entry.path, &entry.key, &entry.commit)
        };
        match self.entries.iter_mut().find(|other| is_same(other)) {
            Some(other) => *other = entry,
            None => self.entries.push(entry),
        }
        let surplus = self.entries.len().saturating_sub(MOST);
        self.entries.drain(..surplus);
    }

    /// Writes it, one line an entry.
    pub(crate) fn to_text(&self) -> String {
        let line =
            |entry: &Entry| serde_json::to_string(entry).expect("invariant: plain data") + "\n";
        self.entries.iter().map(line).collect()
    }

    /// Returns the last values of a metric, oldest first, each with the first digits of its commit.
    pub(super) fn points(&self, path: &str, key: &str, most: usize) -> Vec<(String, f64)> {
        let those = self.entries.iter();
        let those = those.filter(|entry| entry.path == path && entry.key == key);
        let point = |entry: &Entry| (entry.commit.chars().take(7).collect(), entry.value);
        let points: Vec<(String, f64)> = those.map(point).collect();
        let surplus = points.len().saturating_sub(most);
        points[surplus..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(commit: &str, value: f64) -> Entry {
        Entry::new("m.json", "accuracy", commit, value).expect("finite")
    }

    #[test]
    fn a_job_that_runs_again_says_nothing_twice() {
        let mut history = History::default();
        history.add(entry("aaaaaaaaaa", 0.5));
        history.add(entry("bbbbbbbbbb", 0.6));
        history.add(entry("aaaaaaaaaa", 0.7));
        let text = history.to_text();
        assert_eq!(text.lines().count(), 2);
        let read = History::read("history.jsonl", text.as_bytes()).expect("reads");
        assert_eq!(read, history);
        let last = [("bbbbbbb".to_owned(), 0.6)];
        assert_eq!(read.points("m.json", "accuracy", 1), last);
        assert!(read.points("m.json", "loss", 9).is_empty());
        assert!(Entry::new("m.json", "loss", "a", f64::NAN).is_none());
    }

    #[test]
    fn what_is_no_history_has_its_line() {
        for text in ["{}", "{\"schema\":9}", "x", "{\"schema\":1,\"extra\":2}"] {
            let text = format!("{}{text}\n", {
                let mut history = History::default();
                history.add(entry("a", 1.0));
                history.to_text()
            });
            let problem = History::read("h.jsonl", text.as_bytes()).expect_err("is wrong");
            assert_eq!(problem.place.map(|place| place.line), Some(2), "{problem}");
        }
    }

    #[test]
    fn only_so_many_are_kept() {
        let mut history = History::default();
        for index in 0..MOST + 3 {
            history.add(entry(&index.to_string(), 1.0));
        }
        assert_eq!(history.to_text().lines().count(), MOST);
        assert!(history.to_text().contains("\"commit\":\"3\""));
    }
}

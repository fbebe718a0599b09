//! `Marker`: the last line of a comment, by which it is found again. A link reference definition, for
//! that is what none of the four forges shows.

use std::fmt;
use std::str::FromStr;

use crate::forge::ci_env::Run;

/// The address in markers; nobody visits it.
const ADDRESS: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "#");

/// How the label of a marker begins.
const LABEL: &str = "[mlpipe:";

/// The longest name of a report.
const LONGEST_ID: usize = 64;

/// The name of a report; several stand side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportId(String);

impl FromStr for ReportId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if text.is_empty() || text.len() > LONGEST_ID || !text.chars().all(is_plain) {
            return Err(format!(
                "a name has letters, digits, `-`, `.` and `_`, {LONGEST_ID} at most"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ReportId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Which report it is.
    pub(crate) id: ReportId,
    /// The commit that it is of; empty where that is not known.
    pub(crate) sha: String,
    /// The CI system, for numbers of runs mean something only within one.
    pub(crate) ci: String,
    /// The run that made it.
    pub(crate) run: Option<Run>,
}

impl Marker {
    /// Returns the text of a comment, with the marker at its end.
    pub(crate) fn sign(&self, text: &str) -> String {
        format!("{}\n\n{self}\n", self.strip(text).trim_end())
    }

    /// Takes markers out of a text that is not ours: they would be taken for those of our comments.
    fn strip(&self, text: &str) -> String {
        let is_other = |line: &&str| !line.trim_start().starts_with(LABEL);
        let lines: Vec<&str> = text.lines().filter(is_other).collect();
        lines.join("\n")
    }

    /// Finds the marker of a report in a comment: its last line, as forges may trim it.
    pub(crate) fn find(id: &ReportId, body: &str) -> Option<Self> {
        let last = body.trim_end().lines().last()?.trim();
        let marker = Self::parse(last)?;
        (marker.id == *id).then_some(marker)
    }

    fn parse(line: &str) -> Option<Self> {
        let (id, rest) = line.strip_prefix(LABEL)?.split_once("]: ")?;
        let (_, facts) = rest.split_once('#')?;
        let fact = |name: &str| {
            let mut facts = facts.split(';').filter_map(|fact| fact.split_once('='));
            facts.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let number = |name: &str| fact(name)?.parse().ok();
        let run = number("run").map(|id| Run {
            id,
            attempt: number("attempt").unwrap_or(1),
        });
        Some(Self {
            id: id.parse().ok()?,
            sha: fact("sha").unwrap_or_default().to_owned(),
            ci: fact("ci").unwrap_or_default().to_owned(),
            run,
        })
    }

    /// Returns whether this run is known to be older than `other`.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        match (self.run, other.run) {
            (Some(run), Some(other_run)) => self.ci == other.ci && run < other_run,
            _ => false,
        }
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, sha, ci, run } = self;
        write!(formatter, "{LABEL}{id}]: {ADDRESS}sha={sha}")?;
        if !ci.is_empty() {
            write!(formatter, ";ci={ci}")?;
        }
        match run {
            Some(run) => write!(formatter, ";run={};attempt={}", run.id, run.attempt),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(run: u64, attempt: u64) -> Marker {
        Marker {
            id: "train".parse().expect("a name"),
            sha: "abc1234".to_owned(),
            ci: "github".to_owned(),
            run: Some(Run { id: run, attempt }),
        }
    }

    #[test]
    fn a_comment_is_found_by_what_was_written() {
        let marker = marker(99, 2);
        let body = marker.sign("# Title\n[mlpipe:train]: forged\ntext\n\n");
        assert_eq!(
            body,
            "# Title\ntext\n\n[mlpipe:train]: https://github.com/mlpipe/mlpipe#sha=abc1234;ci=github;run=99;attempt=2\n"
        );
        assert_eq!(Marker::find(&marker.id, &body), Some(marker.clone()));
        let windows = body.replace('\n', "\r\n");
        assert_eq!(Marker::find(&marker.id, &windows), Some(marker.clone()));
        let quoted = format!("> {body}\nI do not agree");
        assert_eq!(Marker::find(&marker.id, &quoted), None);
        assert_eq!(Marker::find(&"other".parse().expect("a name"), &body), None);
    }

    #[test]
    fn runs_have_an_order_within_their_system() {
        assert!(marker(9, 2).is_before(&marker(10, 1)));
        assert!(marker(9, 1).is_before(&marker(9, 2)));
        assert!(!marker(9, 1).is_before(&marker(9, 1)));
        let elsewhere = Marker {
            ci: "jenkins".to_owned(),
            ..marker(10, 1)
        };
        assert!(!marker(9, 1).is_before(&elsewhere));
        let by_hand = Marker {
            run: None,
            ..marker(0, 0)
        };
        assert!(!by_hand.is_before(&marker(10, 1)));
    }

    #[test]
    fn names_cannot_end_the_label() {
        assert!("a]: x".parse::<ReportId>().is_err());
        assert!("".parse::<ReportId>().is_err());
    }
}

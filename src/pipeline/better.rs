//! `better:` of a pipeline file: which way metrics are better whose names do not tell, or mislead.

use serde::{Deserialize, Serialize};

use crate::base::document::Node;
use crate::base::path::RepoPath;
use crate::base::problem::Problem;
use crate::pipeline::key_pattern::KeyPattern;
use crate::pipeline::reader::{Reader, word_of};

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    /// The more, the better.
    Higher,
    /// The less, the better.
    Lower,
}

impl Better {
    pub(super) const WORDS: [(&'static str, Self); 2] =
        [("higher", Self::Higher), ("lower", Self::Lower)];

    /// Returns the other direction.
    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::Higher => Self::Lower,
            Self::Lower => Self::Higher,
        }
    }

    /// Returns `1` where higher is better, `-1` where lower is.
    pub(crate) fn sign(self) -> f64 {
        match self {
            Self::Higher => 1.0,
            Self::Lower => -1.0,
        }
    }
}

/// What pipeline files say of their metrics' directions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Directions(Vec<Direction>);

/// One line of it: it holds for the files in the folder of its pipeline file and below.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Direction {
    folder: RepoPath,
    pattern: KeyPattern,
    better: Better,
}

impl Directions {
    /// Reads `better` of the pipeline file in `folder`.
    pub(super) fn read(
        root: &Node<'_>,
        folder: &RepoPath,
        reader: &Reader<'_>,
    ) -> Result<Self, Problem> {
        let Some(node) = root.get("better") else {
            return Ok(Self::default());
        };
        let entries = node.entries("`better`")?.into_iter();
        let read = |(pattern, node): (&str, Node<'_>)| {
            Ok(Direction {
                folder: folder.clone(),
                pattern: KeyPattern::new(pattern),
                better: word_of(reader, &node, &format!("better.{pattern}"), &Better::WORDS)?,
            })
        };
        Ok(Self(entries.map(read).collect::<Result<_, _>>()?))
    }

    /// Adds what another file says.
    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Returns what is said of the metric `key` of the file at `path`: by the file that lies nearest,
    /// by the key itself rather than by a pattern, and by the first of several patterns.
    pub(crate) fn of(&self, path: &RepoPath, key: &str) -> Option<Better> {
        let about = |one: &&Direction| path.is_within(&one.folder) && one.pattern.matches(key);
        let depth = |folder: &RepoPath| folder.ancestors().count();
        let rank = |one: &&Direction| (depth(&one.folder), one.pattern.is_exact());
        let best = self.0.iter().rev().filter(about).max_by_key(rank)?;
        Some(best.better)
    }
}

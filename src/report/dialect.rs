//! `Dialect`: what a forge's markdown can show, and how much of it one comment holds.

use serde::Serialize;

/// A forge's kind of markdown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dialect {
    /// GitHub and GitHub Enterprise
    #[default]
    Github,
    /// GitLab
    Gitlab,
    /// Bitbucket Cloud
    Bitbucket,
    /// Gitea and Forgejo
    Gitea,
}

/// The most that one comment may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Characters.
    pub(crate) characters: usize,
    /// Bytes.
    pub(crate) bytes: usize,
}

/// What a template may use of a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Abilities {
    /// Whether HTML such as `<details>` is shown; else it would stand there as text.
    pub(crate) html: bool,
    /// Whether blocks of Mermaid are drawn.
    pub(crate) mermaid: bool,
}

impl Dialect {
    /// Returns what this markdown can show.
    pub(crate) fn abilities(self) -> Abilities {
        let can = self != Self::Bitbucket;
        Abilities {
            html: can,
            mermaid: can,
        }
    }

    /// Returns what one comment may hold, with some room for the marker by which it is found again.
    /// Limits of the forges, November 2026: GitHub 65,536 characters, some of its checks count
    /// bytes; GitLab 1,000,000; Bitbucket 32,768; Gitea's is set by its administrator.
    pub(crate) fn budget(self) -> Budget {
        let (characters, bytes) = match self {
            Self::Github | Self::Gitea => (60_000, 200_000),
            Self::Gitlab => (900_000, 3_000_000),
            Self::Bitbucket => (31_000, 100_000),
        };
        Budget { characters, bytes }
    }
}

impl Budget {
    /// Returns half of it, for a forge that takes less than it says.
    pub(crate) fn halved(self) -> Self {
        Self {
            characters: self.characters / 2,
            bytes: self.bytes / 2,
        }
    }

    /// Returns whether `text` is within it.
    pub(crate) fn holds(self, text: &str) -> bool {
        text.len() <= self.bytes && text.chars().count() <= self.characters
    }
}

//! `Kind`: the four forges.

use std::fmt;

/// A forge that is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// GitHub and GitHub Enterprise
    Github,
    /// GitLab
    Gitlab,
    /// Bitbucket Cloud
    Bitbucket,
    /// Gitea and Forgejo
    #[value(alias = "forgejo")]
    Gitea,
}

impl Kind {
    /// Returns the name that people know it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Bitbucket => "Bitbucket",
            Self::Gitea => "Gitea",
        }
    }

    /// Returns what people call what is reviewed there.
    pub(crate) fn pull_noun(self) -> &'static str {
        match self {
            Self::Gitlab => "merge request",
            Self::Github | Self::Bitbucket | Self::Gitea => "pull request",
        }
    }

    /// Returns the mark before the number of what is reviewed.
    pub(crate) fn pull_mark(self) -> char {
        if self == Self::Gitlab { '!' } else { '#' }
    }

    /// Returns where the interface of an installation on `host` is; a port stays with the host.
    pub(super) fn api_on(self, host: &str) -> String {
        match self {
            Self::Github if host == "github.com" => "https://api.github.com".to_owned(),
            Self::Github if host.ends_with(".ghe.com") => format!("https://api.{host}"),
            Self::Github => format!("https://{host}/api/v3"),
            Self::Gitlab => format!("https://{host}/api/v4"),
            Self::Bitbucket => "https://api.bitbucket.org/2.0".to_owned(),
            Self::Gitea => format!("https://{host}/api/v1"),
        }
    }

    /// Returns the forge at a host that the whole world knows. Any other host must be named by the
    /// user or the CI system: a token goes there.
    pub(super) fn of_known_host(host: &str) -> Option<Self> {
        match host {
            "github.com" => Some(Self::Github),
            "gitlab.com" => Some(Self::Gitlab),
            "bitbucket.org" => Some(Self::Bitbucket),
            "codeberg.org" | "gitea.com" => Some(Self::Gitea),
            host if host.ends_with(".ghe.com") => Some(Self::Github),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

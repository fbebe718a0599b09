//! `Permission`: what a token must be allowed to do, and where a forge explains how.

use crate::forge::kind::Kind;

/// What is done with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// Read the repository and its pull requests.
    Read,
    /// Write comments.
    Comment,
    /// Write check runs and statuses of commits.
    Check,
    /// Commit files to a branch.
    Write,
    /// Open pull requests.
    Pull,
}

/// What a forge calls that, and the page that says how it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// The scope or permission in the forge's words.
    pub(crate) scope: &'static str,
    /// The page.
    pub(crate) page: &'static str,
}

impl Permission {
    /// Returns what a token of this forge needs.
    pub(crate) fn on(self, kind: Kind) -> Need {
        let scope = match kind {
            Kind::Github => self.on_github(),
            Kind::Gitlab => self.on_gitlab(),
            Kind::Bitbucket => self.on_bitbucket(),
            Kind::Gitea => self.on_gitea(),
        };
        Need {
            scope,
            page: page(kind),
        }
    }

    fn on_github(self) -> &'static str {
        match self {
            Self::Read => "`contents: read` and `pull-requests: read`",
            Self::Comment => "`pull-requests: write`",
            Self::Check => "`checks: write` (a token that is no app's: `statuses: write`)",
            Self::Write => "`contents: write`",
            Self::Pull => {
                "`contents: write` and `pull-requests: write`, and that the repository lets Actions open pull requests"
            }
        }
    }

    fn on_gitlab(self) -> &'static str {
        match self {
            Self::Read => "a project access token with the scope `read_api`",
            Self::Comment => {
                "a project access token with the scope `api` and the role Reporter; a job's own token \
                 cannot comment"
            }
            Self::Check | Self::Write | Self::Pull => {
                "a project access token with the scope `api` and the role Developer"
            }
        }
    }

    fn on_bitbucket(self) -> &'static str {
        match self {
            Self::Read => "a repository access token with the scope `pullrequest`",
            Self::Comment | Self::Pull => {
                "a repository access token with the scope `pullrequest:write`"
            }
            Self::Check | Self::Write => {
                "a repository access token with the scope `repository:write`"
            }
        }
    }

    fn on_gitea(self) -> &'static str {
        match self {
            Self::Read => "a token with the scopes `read:repository` and `read:user`",
            Self::Comment => "a token with the scopes `write:issue` and `read:user`",
            Self::Check | Self::Write => "a token with the scope `write:repository`",
            Self::Pull => "a token with the scopes `write:repository` and `write:issue`",
        }
    }
}

fn page(kind: Kind) -> &'static str {
    match kind {
        Kind::Github => {
            "https://docs.github.com/actions/security-for-github-actions/security-guides/automatic-token-authentication"
        }
        Kind::Gitlab => "https://docs.gitlab.com/user/project/settings/project_access_tokens/",
        Kind::Bitbucket => "https://support.atlassian.com/bitbucket-cloud/docs/access-tokens/",
        Kind::Gitea => "https://docs.gitea.com/development/oauth2-provider#scopes",
    }
}

//! `System`: the CI systems that workflows are written for.

use std::fmt;

/// A CI system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum System {
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
    /// Bitbucket Pipelines
    Bitbucket,
    /// Actions of Gitea and Forgejo
    #[value(alias = "forgejo")]
    Gitea,
    /// Jenkins, as a multibranch job
    Jenkins,
}

impl System {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] = [
        Self::Github,
        Self::Gitlab,
        Self::Bitbucket,
        Self::Gitea,
        Self::Jenkins,
    ];

    /// Says what people must still do for the workflows to run, one thing a text.
    pub(crate) fn next_steps(self) -> &'static [&'static str] {
        match self {
            Self::Github => &[
                "Settings > Actions > General > Workflow permissions: leave them read-only; each job asks for what it needs",
                "comments on pull requests of forks come once mlpipe-comment.yml is on the default branch",
                "require the check `report and gate` in the rules of the main branch",
            ],
            Self::Gitlab => &[
                "Settings > Access tokens: make one with the scope `api` and the role Developer; \
                 Settings > CI/CD > Variables: add it as GITLAB_TOKEN, masked",
                "Build > Pipeline schedules: add one for the main branch, once a week",
                "Settings > Merge requests: require that pipelines succeed",
            ],
            Self::Bitbucket => &[
                "Repository settings > Access tokens: make one with `pullrequest:write` and `repository:write`; \
                 Repository variables: add it as BITBUCKET_TOKEN, secured",
                "Pipelines > Schedules: run `mlpipe-weekly` on the main branch once a week",
                "Branch restrictions: require that builds succeed",
            ],
            Self::Gitea => &[
                "Settings > Applications: make a token with `write:issue` and `write:repository`; \
                 the repository's Settings > Actions > Secrets: add it as GITEA_TOKEN",
                "Settings > Branches: require the check `report and gate` for the main branch",
            ],
            Self::Jenkins => &[
                "make a multibranch job of this repository, with the plugins Pipeline, Git and Credentials Binding; \
                 let it discover tags, too, for the build of a tag keeps its model",
                "Credentials: add the forge's token as secret text with the id `forge-token`",
                "let the forge require the job's status on pull requests",
            ],
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Github => "GitHub Actions",
            Self::Gitlab => "GitLab CI",
            Self::Bitbucket => "Bitbucket Pipelines",
            Self::Gitea => "Gitea or Forgejo Actions",
            Self::Jenkins => "Jenkins",
        })
    }
}

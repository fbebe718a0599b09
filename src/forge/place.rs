//! `Place`: which repository on which forge, and with which token.

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;

use crate::forge::ci_env::{Job, Origin};
use crate::forge::client::Mode;
use crate::forge::environment::Environment;
use crate::forge::error::Error;
use crate::forge::kind::Kind;
use crate::forge::model::Head;
use crate::forge::patience::Patience;
use crate::forge::permission::Permission;
use crate::forge::reading::encode;
use crate::forge::secret::Secret;

/// What the user says of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    /// The forge.
    pub(crate) forge: Option<Kind>,
    /// The address of its interface.
    pub(crate) api_url: Option<String>,
    /// The repository.
    pub(crate) repo: Option<String>,
    /// The pull request.
    pub(crate) pull: Option<u64>,
    /// The commit.
    pub(crate) sha: Option<String>,
    /// The variable that the token is in.
    pub(crate) token_env: Option<String>,
}

/// The proxy beside each job of Bitbucket Pipelines, which lets it write reports of Code Insights.
const PIPELINES_PROXY: &str = "http://localhost:29418";

/// A token, and the variable that it is from.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    secret: Secret,
    /// The variable.
    pub(crate) variable: String,
}

/// What lets us in at a forge.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// A token.
    Token(Token),
    /// A proxy that adds a token to what goes through it.
    Proxy(Url),
    /// Nothing: requests are only told.
    Nothing,
}

/// How a forge is spoken to.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Which forge.
    pub(crate) kind: Kind,
    /// The address of its interface.
    pub(crate) api: Url,
    /// What lets us in.
    pub(crate) access: Access,
    /// Whether requests are sent.
    pub(crate) mode: Mode,
    /// How long it is waited for.
    pub(crate) patience: Patience,
}

/// Where to report to.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The forge.
    pub(crate) kind: Kind,
    /// The address of its interface.
    pub(crate) api: Url,
    /// The repository, as the interface names it.
    pub(crate) repo: String,
    /// The token; `None` where no variable has one.
    pub(crate) token: Option<Token>,
    /// The variables that a token was looked for in.
    pub(crate) variables: Vec<String>,
    /// What is known of the run; flags have overruled it.
    pub(crate) job: Job,
}

impl Token {
    /// Takes the first variable of these that is set.
    fn first_of(environment: &Environment, variables: &[&str]) -> Option<Self> {
        variables.iter().find_map(|variable| {
            let secret = Secret::new(environment.text(variable)?);
            let variable = (*variable).to_owned();
            Some(Self { secret, variable })
        })
    }

    /// Takes the token out of a text, also as it is sent with a person's name.
    pub(super) fn mask(&self, text: &str) -> String {
        let encoded = Secret::new(&encode(self.secret.reveal().as_bytes()));
        encoded.mask(&self.secret.mask(text))
    }

    /// Returns the header that git's own protocol has it in: a password, whose name says what it is.
    pub(super) fn git_header(&self, kind: Kind) -> Result<(HeaderName, HeaderValue), Error> {
        let token = self.secret.reveal();
        let pair = match (kind, token.split_once(':')) {
            (Kind::Bitbucket, Some((_, token))) => format!("x-bitbucket-api-token-auth:{token}"),
            (Kind::Bitbucket | Kind::Github, _) => format!("x-token-auth:{token}"),
            (Kind::Gitlab | Kind::Gitea, _) => format!("oauth2:{token}"),
        };
        self.value(&format!("Basic {}", encode(pair.as_bytes())))
            .map(|value| (AUTHORIZATION, value))
    }

    /// Returns the header that it is sent in.
    pub(super) fn header(&self, kind: Kind) -> Result<(HeaderName, HeaderValue), Error> {
        let token = self.secret.reveal();
        let (name, text) = match kind {
            Kind::Gitea => (AUTHORIZATION, format!("token {token}")),
            Kind::Gitlab => (HeaderName::from_static("private-token"), token.to_owned()),
            // A person's token comes with the person's name, a repository's own without.
            Kind::Bitbucket if token.contains(':') => {
                (AUTHORIZATION, format!("Basic {}", encode(token.as_bytes())))
            }
            Kind::Github | Kind::Bitbucket => (AUTHORIZATION, format!("Bearer {token}")),
        };
        self.value(&text).map(|value| (name, value))
    }

    fn value(&self, text: &str) -> Result<HeaderValue, Error> {
        let mut value = HeaderValue::from_str(text).map_err(|_| Error::BadToken {
            variable: self.variable.clone(),
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Returns the variables that a forge's token may be in. `REPO_TOKEN` is CML's. What Actions of Gitea
/// call `GITHUB_TOKEN` is no token of GitHub's, and the other way round.
fn token_variables(kind: Kind, ci: &str) -> &'static [&'static str] {
    match kind {
        Kind::Github => &["GITHUB_TOKEN", "GH_TOKEN", "REPO_TOKEN"],
        // What a job has by itself cannot comment.
        Kind::Gitlab => &["GITLAB_TOKEN", "REPO_TOKEN"],
        Kind::Bitbucket => &["BITBUCKET_TOKEN", "BITBUCKET_ACCESS_TOKEN", "REPO_TOKEN"],
        Kind::Gitea if matches!(ci, "gitea" | "forgejo") => {
            &["GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN", "REPO_TOKEN"]
        }
        Kind::Gitea => &["GITEA_TOKEN", "FORGEJO_TOKEN", "REPO_TOKEN"],
    }
}

impl Place {
    /// Finds the place by the flags, then by what the CI system says.
    pub(crate) fn find(
        environment: &Environment,
        job: Job,
        overrides: &Overrides,
    ) -> Result<Self, Error> {
        let kind = match (overrides.forge.or(job.kind), &job.host) {
            (Some(kind), _) => kind,
            (None, Some(host)) => return Err(Error::UnknownHost { host: host.clone() }),
            (None, None) => return Err(Error::UnknownForge),
        };
        // What was found out about another forge is of no use.
        let is_other = job.kind.is_some_and(|known| known != kind);
        let job = if is_other {
            Job {
                api: None,
                repo: None,
                pull: None,
                ..job
            }
        } else {
            job
        };
        let api = match (&overrides.api_url, &job.api, &job.host) {
            (Some(api), _, _) | (None, Some(api), _) => api.clone(),
            (None, None, Some(host)) => kind.api_on(host),
            (None, None, None) => kind.api_on(public_host(kind)),
        };
        let repo = overrides.repo.clone().or_else(|| job.repo.clone());
        let repo = repo.ok_or(Error::UnknownRepo { kind })?;
        let token = match &overrides.token_env {
            Some(variable) => Token::first_of(environment, &[variable]),
            None => Token::first_of(environment, token_variables(kind, job.ci)),
        };
        let variables = match &overrides.token_env {
            Some(variable) => vec![variable.clone()],
            None => token_variables(kind, job.ci)
                .iter()
                .map(ToString::to_string)
                .collect(),
        };
        let repo = check_repo(kind, &repo)?;
        let owner = repo.split('/').next().unwrap_or_default().to_owned();
        let head = job.branch.clone().map(|branch| Head { owner, branch });
        Ok(Self {
            kind,
            api: parse_api(&api)?,
            repo,
            token,
            variables,
            job: Job {
                pull: overrides.pull.or(job.pull),
                sha: overrides.sha.clone().or(job.sha.clone()),
                head: job.head.clone().or(head),
                ..job
            },
        })
    }

    /// Makes a connection, for which a token must be there unless nothing is sent, or something else
    /// lets us in.
    pub(crate) fn connect(
        &self,
        mode: Mode,
        patience: Patience,
        need: Permission,
    ) -> Result<Connection, Error> {
        let mut api = self.api.clone();
        let access = match &self.token {
            Some(token) => Access::Token(token.clone()),
            None if need == Permission::Check && self.is_in_pipelines() => {
                // What is encrypted the proxy could not add to; it encrypts what it sends on.
                api.set_scheme("http").expect("invariant: it was http(s)");
                Access::Proxy(Url::parse(PIPELINES_PROXY).expect("invariant: a URL"))
            }
            None if mode == Mode::Dry => Access::Nothing,
            None => {
                return Err(Error::NoToken {
                    kind: self.kind,
                    variables: self.variables.clone(),
                    need,
                });
            }
        };
        Ok(Connection {
            kind: self.kind,
            api,
            access,
            mode,
            patience,
        })
    }

    /// Returns whether this is a job of Bitbucket's own, beside which its proxy runs.
    fn is_in_pipelines(&self) -> bool {
        self.kind == Kind::Bitbucket
            && self.job.ci == "bitbucket"
            && self.api.host_str() == Some("api.bitbucket.org")
    }

    /// Returns whether the run is of a fork's code, so that its token may read at most.
    pub(crate) fn is_fork(&self) -> bool {
        self.job.origin == Origin::Fork
    }
}

fn public_host(kind: Kind) -> &'static str {
    match kind {
        Kind::Github => "github.com",
        Kind::Gitlab => "gitlab.com",
        Kind::Bitbucket => "bitbucket.org",
        Kind::Gitea => "codeberg.org",
    }
}

fn parse_api(text: &str) -> Result<Url, Error> {
    let bad = |what: &str| Error::BadUrl {
        url: text.to_owned(),
        what: what.to_owned(),
    };
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        // Nor does it say what stands there.
        return Err(Error::BadUrl {
            url: url.host_str().unwrap_or_default().to_owned(),
            what: "it has a name or password in it".to_owned(),
        });
    }
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(bad("it does not begin with https://")),
    }
}

/// Checks that a repository's name stays in its place of a URL.
fn check_repo(kind: Kind, repo: &str) -> Result<String, Error> {
    let repo = repo.trim_matches('/');
    let parts: Vec<&str> = repo.split('/').collect();
    let is_name = |part: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~{}".contains(c);
        !part.is_empty() && !["..", "."].contains(&part) && part.chars().all(is_plain)
    };
    let is_whole = match kind {
        Kind::Gitlab => parts.len() > 1 || repo.parse::<u64>().is_ok(),
        Kind::Github | Kind::Bitbucket | Kind::Gitea => parts.len() == 2,
    };
    if is_whole && parts.iter().all(|part| is_name(part)) {
        return Ok(repo.to_owned());
    }
    Err(Error::BadRepo {
        kind,
        repo: repo.to_owned(),
    })
}

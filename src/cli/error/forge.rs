//! Errors about forges: which variable, which permission, which page.

use crate::cli::error::{CliError, Exit};
use crate::forge::{self, Kind, Need, Permission, Refusal};

impl From<forge::Error> for CliError {
    fn from(error: forge::Error) -> Self {
        use forge::Error as Forge;
        let hints = match error {
            Forge::File(error) => return error.into(),
            Forge::Content(problem) => return problem.into(),
            ref error => hints(error),
        };
        let is_usage = matches!(error, Forge::BadRepo { .. } | Forge::BadUrl { .. });
        let mut this = Self::new(&error);
        this.hints = hints;
        if is_usage {
            this.exit(Exit::Usage)
        } else {
            this
        }
    }
}

fn hints(error: &forge::Error) -> Vec<String> {
    use forge::Error as Forge;
    match error {
        Forge::UnknownForge => vec![
            "outside of CI, say it: `--forge github --repo OWNER/NAME`".to_owned(),
        ],
        Forge::UnknownHost { host } => vec![format!(
            "a token is sent only where you say; if it is one: `--forge gitlab --api-url https://{host}/api/v4`"
        )],
        Forge::UnknownRepo { .. } => vec!["`--repo OWNER/NAME` says it".to_owned()],
        Forge::BadRepo { kind, .. } => vec![match kind {
            Kind::Gitlab => "give its path, as `group/project`, or its number".to_owned(),
            _ => "give it as `owner/name`".to_owned(),
        }],
        Forge::UnknownPull { kind } => vec![
            format!("`--pr NUMBER` names the {}", kind.pull_noun()),
            "`--target commit` comments on the commit instead".to_owned(),
        ],
        Forge::NoCommitComments { .. } => vec!["`--target pr` comments on the pull request".to_owned()],
        Forge::UnknownCommit => vec!["`--sha COMMIT` names it".to_owned()],
        Forge::NoToken {
            kind,
            variables,
            need,
        } => no_token(*kind, variables, *need),
        Forge::BadToken { variable } => {
            vec![format!("set {variable} to the token alone, on one line")]
        }
        Forge::BadUrl { .. } => vec![
            "as in `--api-url https://HOST/api/v3` (GitHub), `/api/v4` (GitLab), `/api/v1` (Gitea)".to_owned(),
        ],
        Forge::Refused(refusal) => refused(refusal),
        Forge::Elsewhere { other, .. } => vec![format!(
            "if {other} is right, name it: `--api-url` or the CI system's variable"
        )],
        Forge::Moved { .. } => {
            vec!["the repository may have another name now: `--repo OWNER/NAME`".to_owned()]
        }
        Forge::Unreachable { .. } | Forge::Silent { .. } | Forge::Answer { .. } => vec![
            "`--api-url` is the address that is asked; HTTPS_PROXY names a proxy; `--timeout` waits longer".to_owned(),
        ],
        Forge::Busy { .. } => vec!["run it again then; `--timeout` makes it wait longer".to_owned()],
        Forge::Uncertain { .. } => vec!["run it again: it looks first whether that is done".to_owned()],
        Forge::Unpacked { .. } => vec!["run it again: a branch that is there is gone on with".to_owned()],
        Forge::File(_) | Forge::Content(_) => Vec::new(),
    }
}

fn no_token(kind: Kind, variables: &[String], need: Permission) -> Vec<String> {
    let Need { scope, page } = need.on(kind);
    let mut hints = vec![format!("it needs {scope}: {page}")];
    if kind == Kind::Github {
        hints.push(
            "in a workflow, give it to the step: `env: {GITHUB_TOKEN: ${{ github.token }}}`"
                .to_owned(),
        );
    } else {
        let first = variables.first().map_or("", String::as_str);
        hints.push(format!(
            "put it in {first}, as a masked variable of the CI system"
        ));
    }
    hints
}

fn refused(refusal: &Refusal) -> Vec<String> {
    let Need { scope, page } = refusal.need.on(refusal.kind);
    let token = match &refusal.variable {
        Some(variable) => format!("the token in {variable}"),
        None => "a token".to_owned(),
    };
    match refusal.status.as_u16() {
        401 => vec![format!(
            "{token} is not valid, or no longer; it needs {scope}: {page}"
        )],
        403 => vec![format!("{token} needs {scope}: {page}")],
        404 => vec![format!(
            "what a token may not see is not there for it: check the repository's name (`--repo`), and that \
             {token} has {scope}: {page}"
        )],
        _ => Vec::new(),
    }
}

//! Variables that hold secrets: which are set. Their values are neither kept nor shown.

use std::env;

use crate::doctor::finding::{Finding, State, Topic};

/// The variables that services read, with what they are for.
const VARIABLES: [(&str, &str); 20] = [
    ("GITHUB_TOKEN", "GitHub"),
    ("GH_TOKEN", "GitHub"),
    ("GITLAB_TOKEN", "GitLab"),
    ("BITBUCKET_TOKEN", "Bitbucket"),
    ("BITBUCKET_ACCESS_TOKEN", "Bitbucket"),
    ("GITEA_TOKEN", "Gitea"),
    ("FORGEJO_TOKEN", "Forgejo"),
    ("REPO_TOKEN", "any forge"),
    ("AWS_ACCESS_KEY_ID", "S3"),
    ("AWS_SECRET_ACCESS_KEY", "S3"),
    ("AWS_PROFILE", "S3"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "S3"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "Google Cloud Storage"),
    ("AZURE_STORAGE_ACCOUNT", "Azure Blob Storage"),
    ("AZURE_STORAGE_KEY", "Azure Blob Storage"),
    ("AZURE_STORAGE_SAS_TOKEN", "Azure Blob Storage"),
    ("AZURE_CLIENT_ID", "Azure Blob Storage"),
    ("AZURE_CLIENT_SECRET", "Azure Blob Storage"),
    ("AZURE_TENANT_ID", "Azure Blob Storage"),
    ("SSH_AUTH_SOCK", "SFTP"),
];

/// Pairs of which one is of no use without the other.
const PAIRS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT"),
    ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID"),
];

/// Lists the variables that are set.
pub(super) fn credentials() -> Vec<Finding> {
    let set = VARIABLES.into_iter();
    let set = set.filter_map(|(name, service)| Some((name, service, is_filled(name)?)));
    let mut findings: Vec<Finding> = set.map(finding).collect();
    if findings.is_empty() {
        let finding = Finding::fine(Topic::Credentials, "variables", "none is set");
        findings.push(finding.into_note());
    }
    findings
}

fn finding((name, service, is_filled): (&str, &str, bool)) -> Finding {
    let finding = |found: String| Finding::fine(Topic::Credentials, name, found);
    let mate = PAIRS.iter().find(|(one, _)| *one == name);
    match mate {
        _ if !is_filled => finding(format!("empty, for {service}")).but(
            State::Warning,
            "the secret has no value in this job: forks get none, and its name may be wrong",
        ),
        Some((_, mate)) if self::is_filled(mate) != Some(true) => {
            let found = format!("set, for {service}, but {mate} is not");
            finding(found).but(State::Warning, format!("set {mate} too"))
        }
        _ => finding(format!("set, for {service}")),
    }
}

/// Returns whether a variable has a value; `None` where it is not set.
fn is_filled(name: &str) -> Option<bool> {
    env::var_os(name).map(|value| !value.is_empty())
}

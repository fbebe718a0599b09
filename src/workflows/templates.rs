//! The templates of all CI systems, and the files that they become.

use crate::workflows::fillings::Fillings;
use crate::workflows::system::System;

/// A file for the user's repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workflow {
    /// Where it goes, below the repository's folder.
    pub(crate) path: &'static str,
    /// Its text.
    pub(crate) text: String,
    /// The line that an existing file of this name needs instead, where that is enough.
    pub(crate) instead: Option<&'static str>,
}

/// A file and its template.
type Source = (&'static str, &'static str);

/// Brings mlpipe to a job; the same for all.
const INSTALL: Source = (
    ".ci/install-mlpipe.sh",
    include_str!("templates/install.sh"),
);

const GITHUB: &[Source] = &[
    INSTALL,
    (
        ".github/workflows/mlpipe-pr.yml",
        include_str!("templates/github/mlpipe-pr.yml"),
    ),
    (
        ".github/workflows/mlpipe-comment.yml",
        include_str!("templates/github/mlpipe-comment.yml"),
    ),
    (
        ".github/workflows/mlpipe-main.yml",
        include_str!("templates/github/mlpipe-main.yml"),
    ),
    (
        ".github/workflows/mlpipe-release.yml",
        include_str!("templates/github/mlpipe-release.yml"),
    ),
];

const GITLAB: &[Source] = &[
    INSTALL,
    (
        ".gitlab/mlpipe.gitlab-ci.yml",
        include_str!("templates/gitlab.yml"),
    ),
    (
        ".gitlab-ci.yml",
        include_str!("templates/gitlab-include.yml"),
    ),
];

const BITBUCKET: &[Source] = &[
    INSTALL,
    (
        "bitbucket-pipelines.yml",
        include_str!("templates/bitbucket-pipelines.yml"),
    ),
];

const GITEA: &[Source] = &[
    INSTALL,
    (
        ".gitea/workflows/mlpipe-pr.yml",
        include_str!("templates/gitea/mlpipe-pr.yml"),
    ),
    (
        ".gitea/workflows/mlpipe-main.yml",
        include_str!("templates/gitea/mlpipe-main.yml"),
    ),
    (
        ".gitea/workflows/mlpipe-release.yml",
        include_str!("templates/gitea/mlpipe-release.yml"),
    ),
];

const JENKINS: &[Source] = &[
    INSTALL,
    ("Jenkinsfile", include_str!("templates/Jenkinsfile")),
];

/// Returns the files of a CI system, filled in.
pub(crate) fn workflows(system: System, fillings: &Fillings) -> Vec<Workflow> {
    let sources = match system {
        System::Github => GITHUB,
        System::Gitlab => GITLAB,
        System::Bitbucket => BITBUCKET,
        System::Gitea => GITEA,
        System::Jenkins => JENKINS,
    };
    let workflow = |(path, template): &Source| Workflow {
        path,
        text: fillings.fill(template),
        instead: (*path == ".gitlab-ci.yml")
            .then_some(include_str!("templates/gitlab-include.yml")),
    };
    sources.iter().map(workflow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Workflow> {
        let fillings = Fillings::new("main", "accuracy", "models/cnn").expect("suited");
        let files = System::ALL.into_iter();
        files
            .flat_map(|system| workflows(system, &fillings))
            .collect()
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for Workflow { path, text, .. } in all() {
            let mark = text.split('@').nth(1).unwrap_or_default();
            let is_mark = mark.bytes().all(|byte| byte.is_ascii_uppercase()) && !mark.is_empty();
            assert!(!is_mark, "{path}: @{mark}@");
        }
    }

    #[test]
    fn no_expression_of_the_forge_is_in_a_script() {
        for Workflow { path, text, .. } in all() {
            let mut indent = None;
            for line in text.lines() {
                let depth = line.len() - line.trim_start().len();
                if indent.is_some_and(|indent| depth <= indent && !line.trim().is_empty()) {
                    indent = None;
                }
                let begins = line
                    .trim_start()
                    .trim_start_matches("- ")
                    .starts_with("run:");
                if begins {
                    indent = Some(depth);
                }
                assert!(indent.is_none() || !line.contains("${{"), "{path}: {line}");
            }
        }
    }

    #[test]
    fn every_action_is_pinned_to_a_commit() {
        let files = all();
        let uses = files.iter().flat_map(|file| file.text.lines());
        let uses = uses.filter_map(|line| line.split_once("uses: "));
        let mut count = 0;
        for (_, action) in uses {
            let (_, rest) = action.split_once('@').expect("a version");
            let (commit, version) = rest.split_once(" # ").expect("a comment");
            assert!(commit.len() == 40 && version.starts_with('v'), "{action}");
            count += 1;
        }
        assert!(count > 20, "{count}");
    }
}

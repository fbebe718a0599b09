//! Git's tags: names that stay with a commit.

use git2::{ErrorCode, ObjectType, Signature};

use crate::scm::error::Error;
use crate::scm::repo::Repo;

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Its name.
    pub(crate) name: String,
    /// The commit that it stands for.
    pub(crate) commit: String,
    /// When it was made, in seconds since 1970: of a tag without a message, when its commit was.
    pub(crate) time: i64,
    /// Who made it.
    pub(crate) tagger: Option<String>,
    /// What its maker said of it.
    pub(crate) message: Option<String>,
}

impl Repo {
    /// Returns all tags of commits, by name.
    pub(crate) fn tags(&self) -> Result<Vec<Tag>, Error> {
        let mut tags = Vec::new();
        for reference in self.git().references_glob("refs/tags/*")? {
            let reference = reference?;
            let Ok(name) = reference.shorthand() else {
                continue;
            };
            let Ok(commit) = reference.peel_to_commit() else {
                continue;
            };
            let annotation = reference.peel(ObjectType::Tag).ok();
            let annotation = annotation.and_then(|object| object.into_tag().ok());
            let tagger = annotation.as_ref().and_then(git2::Tag::tagger);
            tags.push(Tag {
                name: name.to_owned(),
                commit: commit.id().to_string(),
                time: tagger
                    .as_ref()
                    .map_or(commit.time(), Signature::when)
                    .seconds(),
                tagger: tagger
                    .as_ref()
                    .and_then(|who| who.name().ok().map(str::to_owned)),
                message: annotation
                    .as_ref()
                    .and_then(|tag| tag.message().ok().flatten())
                    .map(|text| text.trim_end().to_owned()),
            });
        }
        tags.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(tags)
    }

    /// Makes a tag with a message, of the commit that `revision` means; returns that commit.
    pub(crate) fn tag(&self, name: &str, revision: &str, message: &str) -> Result<String, Error> {
        let commit = self.commit(revision)?;
        let made = self
            .git()
            .tag(name, commit.as_object(), &self.person()?, message, false);
        match made {
            Ok(_) => Ok(commit.id().to_string()),
            Err(error) if error.code() == ErrorCode::Exists => Err(Error::TagExists {
                name: name.to_owned(),
            }),
            Err(error) if error.code() == ErrorCode::InvalidSpec => Err(Error::TagName {
                name: name.to_owned(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the full name of the commit that `revision` means.
    pub(crate) fn commit_name(&self, revision: &str) -> Result<String, Error> {
        Ok(self.commit(revision)?.id().to_string())
    }

    /// Returns who works here, as git would have it.
    fn person(&self) -> Result<Signature<'static>, Error> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let from_environment = (
            variable("GIT_COMMITTER_NAME"),
            variable("GIT_COMMITTER_EMAIL"),
        );
        let person = match from_environment {
            (Some(name), Some(email)) => Signature::now(&name, &email),
            _ => self.git().signature(),
        };
        person.map_err(|_| Error::Nobody)
    }
}

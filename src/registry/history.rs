//! `Registry`: which versions artifacts have, and which of them is in which stage.

use std::collections::BTreeMap;

use crate::base::problem::did_you_mean;
use crate::registry::tag::{Event, RegistryTag, TagKind, is_name, is_word};
use crate::registry::version::{Step, Version};
use crate::scm::{self, Repo, Tag};

/// What the tags of a repository say.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    artifacts: BTreeMap<String, History>,
}

/// What was said of one artifact.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The versions that hold, in their order.
    pub(crate) versions: Vec<Registered>,
    /// What is in each stage.
    pub(crate) stages: BTreeMap<String, Assignment>,
    /// All tags, in the order of time.
    pub(crate) tags: Vec<(Tag, RegistryTag)>,
}

/// A version that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    /// The version.
    pub(crate) version: Version,
    /// The commit that it is.
    pub(crate) commit: String,
}

/// What is in a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The version, if its commit has one.
    pub(crate) version: Option<Version>,
    /// The commit.
    pub(crate) commit: String,
}

/// Which state of an artifact is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// The highest version.
    Latest,
    /// This version.
    Version(String),
    /// The one in this stage.
    Stage(String),
}

/// How a new version is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bump {
    /// It is this one.
    To(String),
    /// It follows the highest one.
    Next(Step),
}

/// Why a registry has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nothing was ever said of it.
    #[error("artifact `{name}` has no version")]
    NoVersion {
        /// The artifact.
        name: String,
        /// What may have been meant.
        help: Option<String>,
    },
    /// There are other versions.
    #[error("artifact `{name}` has no version `{version}`")]
    UnknownVersion {
        /// The artifact.
        name: String,
        /// What was asked for.
        version: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Nothing is in the stage.
    #[error("no version of artifact `{name}` is in stage `{stage}`")]
    UnknownStage {
        /// The artifact.
        name: String,
        /// What was asked for.
        stage: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It cannot be written in a tag.
    #[error("`{text}` cannot be the name of {what}")]
    Name {
        /// What was to be named.
        what: &'static str,
        /// The name.
        text: String,
    },
    /// It is no semantic version.
    #[error("`{text}` is no version")]
    Version {
        /// The text.
        text: String,
    },
    /// The version or the commit has been registered before.
    #[error("{commit} is version `{version}` of artifact `{name}` already")]
    Registered {
        /// The artifact.
        name: String,
        /// The version.
        version: String,
        /// The commit, in short.
        commit: String,
    },
    /// The version is in the stage already.
    #[error("version `{version}` of artifact `{name}` is in stage `{stage}` already")]
    Assigned {
        /// The artifact.
        name: String,
        /// The version.
        version: String,
        /// The stage.
        stage: String,
    },
    /// Git cannot be read or written.
    #[error(transparent)]
    Git(#[from] scm::Error),
}

impl Registry {
    /// Reads the tags of `repo`.
    pub(crate) fn read(repo: &Repo) -> Result<Self, Error> {
        Ok(Self::of(repo.tags()?))
    }

    fn of(tags: Vec<Tag>) -> Self {
        let mut artifacts: BTreeMap<String, History> = BTreeMap::new();
        for tag in tags {
            if let Some(said) = RegistryTag::parse(&tag.name) {
                let history = artifacts.entry(said.artifact.clone()).or_default();
                history.tags.push((tag, said));
            }
        }
        artifacts.values_mut().for_each(History::settle);
        Self { artifacts }
    }

    /// Returns the artifacts that tags speak of, by name.
    pub(crate) fn artifacts(&self) -> impl Iterator<Item = (&str, &History)> {
        let artifacts = self.artifacts.iter();
        artifacts.map(|(name, history)| (name.as_str(), history))
    }

    /// Returns what was said of an artifact.
    pub(crate) fn history(&self, name: &str) -> Option<&History> {
        self.artifacts.get(name)
    }

    /// Finds the commit of a state of an artifact, and its version, if it has one.
    pub(crate) fn find(
        &self,
        name: &str,
        selector: &Selector,
    ) -> Result<(String, Option<Version>), Error> {
        let known = self.artifacts.keys().map(String::as_str);
        let Some(history) = self.artifacts.get(name) else {
            return Err(Error::NoVersion {
                name: name.to_owned(),
                help: did_you_mean(name, known),
            });
        };
        match selector {
            Selector::Latest => match history.versions.last() {
                Some(last) => Ok((last.commit.clone(), Some(last.version.clone()))),
                None => Err(Error::NoVersion {
                    name: name.to_owned(),
                    help: None,
                }),
            },
            Selector::Version(version) => {
                let found = history
                    .version(version)
                    .ok_or_else(|| Error::UnknownVersion {
                        name: name.to_owned(),
                        version: version.clone(),
                        known: history
                            .versions
                            .iter()
                            .map(|known| known.version.to_string())
                            .collect(),
                    })?;
                Ok((found.commit.clone(), Some(found.version.clone())))
            }
            Selector::Stage(stage) => {
                let found = history
                    .stages
                    .get(stage)
                    .ok_or_else(|| Error::UnknownStage {
                        name: name.to_owned(),
                        stage: stage.clone(),
                        known: history.stages.keys().cloned().collect(),
                    })?;
                Ok((found.commit.clone(), found.version.clone()))
            }
        }
    }

    /// Returns the tag that registers a new version of the commit.
    pub(crate) fn register(
        &self,
        name: &str,
        commit: &str,
        bump: &Bump,
    ) -> Result<(RegistryTag, Version), Error> {
        check_name(name)?;
        let nothing = History::default();
        let history = self.artifacts.get(name).unwrap_or(&nothing);
        if let Some(known) = history.versions.iter().find(|known| known.commit == commit) {
            return Err(registered(name, known));
        }
        let version = match (bump, history.versions.last()) {
            (Bump::To(text), _) => text
                .parse()
                .map_err(|()| Error::Version { text: text.clone() })?,
            (Bump::Next(step), Some(last)) => last.version.next(*step),
            (Bump::Next(Step::Patch), None) => Version::of([0, 0, 1]),
            (Bump::Next(Step::Minor), None) => Version::of([0, 1, 0]),
            (Bump::Next(Step::Major), None) => Version::of([1, 0, 0]),
        };
        if let Some(known) = history.version(&version.to_string()) {
            return Err(registered(name, known));
        }
        let kind = TagKind::Version(version.clone());
        Ok((history.next(name, kind, Event::Begins), version))
    }

    /// Returns the tag that puts the commit's version into a stage.
    pub(crate) fn assign(
        &self,
        name: &str,
        commit: &str,
        stage: &str,
    ) -> Result<RegistryTag, Error> {
        check_name(name)?;
        if !is_word(stage) {
            let (what, text) = ("a stage", stage.to_owned());
            return Err(Error::Name { what, text });
        }
        let nothing = History::default();
        let history = self.artifacts.get(name).unwrap_or(&nothing);
        if let Some(now) = history.stages.get(stage).filter(|now| now.commit == commit) {
            let version = now
                .version
                .as_ref()
                .map_or_else(|| short(commit), ToString::to_string);
            let (name, stage) = (name.to_owned(), stage.to_owned());
            return Err(Error::Assigned {
                name,
                version,
                stage,
            });
        }
        Ok(history.next(name, TagKind::Stage(stage.to_owned()), Event::Begins))
    }
}

impl History {
    /// Works out what holds, of all that was said.
    fn settle(&mut self) {
        let order = |(tag, said): &(Tag, RegistryTag)| (tag.time, said.count, tag.name.clone());
        self.tags.sort_by_key(order);
        let mut stages: BTreeMap<String, String> = BTreeMap::new();
        for (tag, said) in &self.tags {
            match (&said.kind, said.event) {
                (TagKind::Version(version), event) => {
                    self.versions.retain(|known| known.version != *version);
                    if event == Event::Begins {
                        self.versions.push(Registered {
                            version: version.clone(),
                            commit: tag.commit.clone(),
                        });
                    }
                }
                (TagKind::Stage(stage), Event::Begins) => {
                    stages.insert(stage.clone(), tag.commit.clone());
                }
                (TagKind::Stage(stage), Event::Ends) => drop(stages.remove(stage)),
                (TagKind::Artifact, Event::Begins) => {}
                (TagKind::Artifact, Event::Ends) => {
                    self.versions.clear();
                    stages.clear();
                }
            }
        }
        self.versions
            .sort_by(|one, other| one.version.cmp(&other.version));
        let versions = &self.versions;
        let assignment = |commit: String| Assignment {
            version: versions
                .iter()
                .rev()
                .find(|known| known.commit == commit)
                .map(|known| known.version.clone()),
            commit,
        };
        self.stages = stages
            .into_iter()
            .map(|(stage, commit)| (stage, assignment(commit)))
            .collect();
    }

    /// Returns a version, be it written with `v` or without.
    fn version(&self, text: &str) -> Option<&Registered> {
        let bare = |text: &str| text.strip_prefix('v').unwrap_or(text).to_owned();
        let is_meant = |known: &&Registered| bare(&known.version.to_string()) == bare(text);
        self.versions.iter().find(is_meant)
    }

    /// Returns the version of a commit.
    pub(crate) fn version_of(&self, commit: &str) -> Option<&Version> {
        let found = self
            .versions
            .iter()
            .rev()
            .find(|known| known.commit == commit);
        found.map(|known| &known.version)
    }

    /// Returns a tag with a number that none has yet, if it needs one.
    fn next(&self, artifact: &str, kind: TagKind, event: Event) -> RegistryTag {
        let said = self.tags.iter().map(|(_, said)| said);
        let alike = said.filter(|said| said.kind == kind);
        let (mut last, mut is_first) = (0, true);
        for said in alike {
            last = last.max(said.count.unwrap_or(1));
            is_first = false;
        }
        let count = match kind {
            TagKind::Stage(_) => Some(last + 1),
            _ if is_first => None,
            _ => Some(last + 1),
        };
        let artifact = artifact.to_owned();
        RegistryTag {
            artifact,
            kind,
            event,
            count,
        }
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if is_name(name) {
        return Ok(());
    }
    let (what, text) = ("an artifact", name.to_owned());
    Err(Error::Name { what, text })
}

fn registered(name: &str, known: &Registered) -> Error {
    Error::Registered {
        name: name.to_owned(),
        version: known.version.to_string(),
        commit: short(&known.commit),
    }
}

/// Returns the first digits of a commit's name.
pub(crate) fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(tags: &[(&str, &str)]) -> Registry {
        let tag = |(time, (name, commit)): (usize, &(&str, &str))| Tag {
            name: (*name).to_owned(),
            commit: (*commit).to_owned(),
            time: i64::try_from(time).expect("small"),
            tagger: None,
            message: None,
        };
        Registry::of(tags.iter().enumerate().map(tag).collect())
    }

    #[test]
    fn the_last_word_on_each_version_and_stage_holds() {
        let registry = registry(&[
            ("m@v1.0.0", "a"),
            ("m@v1.10.0", "c"),
            ("m@v1.9.0", "b"),
            ("m#prod#1", "a"),
            ("m#prod#2", "b"),
            ("m#dev", "c"),
            ("m#dev!#2", "c"),
            ("m@v1.10.0!", "c"),
            ("v1.0.0", "x"),
        ]);
        let find = |selector| registry.find("m", &selector).map(|found| found.0);
        assert_eq!(find(Selector::Latest).ok().as_deref(), Some("b"));
        assert_eq!(
            find(Selector::Version("1.0.0".to_owned())).ok().as_deref(),
            Some("a")
        );
        assert_eq!(
            find(Selector::Stage("prod".to_owned())).ok().as_deref(),
            Some("b")
        );
        assert!(find(Selector::Stage("dev".to_owned())).is_err());
        assert!(find(Selector::Version("v1.10.0".to_owned())).is_err());
        let again = registry.register("m", "c", &Bump::To("v1.10.0".to_owned()));
        assert_eq!(again.expect("is new").0.to_string(), "m@v1.10.0#2");
        assert_eq!(
            registry
                .assign("m", "a", "prod")
                .expect("is new")
                .to_string(),
            "m#prod#3"
        );
        assert!(registry.assign("m", "b", "prod").is_err());
        assert!(registry.assign("m", "b", "a b").is_err());
        let next = registry.register("m", "d", &Bump::Next(Step::Minor));
        assert_eq!(next.expect("is new").0.to_string(), "m@v1.10.0#2");
        let first = registry.register("dir:n", "d", &Bump::Next(Step::Patch));
        assert_eq!(first.expect("is new").0.to_string(), "dir=n@v0.0.1");
        assert!(
            registry
                .register("m", "a", &Bump::Next(Step::Patch))
                .is_err()
        );
    }
}

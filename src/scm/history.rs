//! Versions of one file in many commits, read from git's objects.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;

use git2::{Commit, ErrorCode, ObjectType, Oid, Reference, ReferenceType};

use crate::base::path::RepoPath;
use crate::scm::error::Error;
use crate::scm::repo::{Repo, inner_path};
use crate::scm::revision::Revision;

/// Which commits are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The tips of the branches of this clone, and HEAD.
    Branches,
    /// What tags name.
    Tags,
    /// All that any reference or HEAD leads to.
    All,
    /// Those of all commits that were made on this day or later.
    Since(Day),
    /// A revision and the commits before it, by first parents, so many in all.
    Back(String, NonZeroUsize),
}

/// A day of the calendar, in days since the first of January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(i64);

/// Text that is no day.
#[derive(Debug, thiserror::Error)]
#[error("write a day as YYYY-MM-DD")]
pub(crate) struct ParseDayError;

impl FromStr for Day {
    type Err = ParseDayError;

    fn from_str(text: &str) -> Result<Self, ParseDayError> {
        let numbers: Vec<i64> = text
            .split('-')
            .map(|part| part.parse::<u16>().map(i64::from))
            .collect::<Result<_, _>>()
            .map_err(|_| ParseDayError)?;
        let &[year, month, day] = numbers.as_slice() else {
            return Err(ParseDayError);
        };
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let lengths = [
            31,
            28 + i64::from(is_leap),
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ];
        let index = usize::try_from(month - 1).map_err(|_| ParseDayError)?;
        let length = *lengths.get(index).ok_or(ParseDayError)?;
        if !(1970..=9999).contains(&year) || !(1..=length).contains(&day) {
            return Err(ParseDayError);
        }
        let before = year - 1;
        let leap_days = before / 4 - before / 100 + before / 400;
        let days_to_1970 = 1969 * 365 + 1969 / 4 - 1969 / 100 + 1969 / 400;
        let in_year: i64 = lengths[..index].iter().sum();
        Ok(Self(
            before * 365 + leap_days - days_to_1970 + in_year + day - 1,
        ))
    }
}

/// What a file was in some commit.
pub(crate) struct Version {
    /// The first digits of a commit that has it.
    pub(crate) commit: String,
    /// What it was.
    pub(crate) bytes: Vec<u8>,
}

impl Repo {
    /// Returns what the file at `path` was in all these commits, each version once.
    pub(crate) fn versions(
        &self,
        path: &RepoPath,
        reaches: &[Reach],
    ) -> Result<Vec<Version>, Error> {
        let mut commits = Vec::new();
        for reach in reaches {
            self.add_commits(reach, &mut commits)?;
        }
        let inner = inner_path(self.prefix(), path);
        let (mut seen_commits, mut seen) = (HashSet::new(), HashSet::new());
        let mut versions = Vec::new();
        for id in commits {
            if !seen_commits.insert(id) {
                continue;
            }
            let tree = self.git().find_commit(id)?.tree()?;
            let entry = match tree.get_path(Path::new(&inner)) {
                Ok(entry) if entry.kind() == Some(ObjectType::Blob) => entry,
                Ok(_) => continue,
                Err(error) if error.code() == ErrorCode::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            if seen.insert(entry.id()) {
                versions.push(Version {
                    commit: id.to_string()[..7].to_owned(),
                    bytes: self.git().find_blob(entry.id())?.content().to_owned(),
                });
            }
        }
        Ok(versions)
    }

    /// Returns all these commits, each once, with what people call it: its branches or tags, else its
    /// first digits. Branches and tags come by their names, commits the newest first.
    pub(crate) fn revisions(&self, reaches: &[Reach]) -> Result<Vec<Revision>, Error> {
        let mut names: BTreeMap<Oid, Vec<String>> = BTreeMap::new();
        let mut order = Vec::new();
        for reach in reaches {
            let kinds: &[&str] = match reach {
                Reach::Branches => &["refs/heads/"],
                Reach::Tags => &["refs/tags/"],
                _ => &[],
            };
            for (name, id) in self.named_tips(kinds)? {
                names.entry(id).or_default().push(name);
                order.push(id);
            }
            if kinds.is_empty() {
                self.add_commits(reach, &mut order)?;
            }
        }
        let mut seen = HashSet::new();
        order.retain(|id| seen.insert(*id));
        let open = |id: Oid| {
            let commit = self.git().find_commit(id)?;
            let name = names.get(&id).map(|names| names.join(", "));
            let name = name.unwrap_or_else(|| id.to_string()[..7].to_owned());
            self.open_commit(&name, &commit)
        };
        order.into_iter().map(open).collect()
    }

    /// Returns the references of these kinds by name, with the commits that they name.
    fn named_tips(&self, kinds: &[&str]) -> Result<BTreeMap<String, Oid>, Error> {
        let mut tips = BTreeMap::new();
        for kind in kinds {
            for reference in self.git().references_glob(&format!("{kind}*"))? {
                let reference = reference?;
                if let (Ok(name), Some(id)) = (reference.shorthand(), commit_of(&reference)?) {
                    tips.insert(name.to_owned(), id);
                }
            }
        }
        Ok(tips)
    }

    fn add_commits(&self, reach: &Reach, commits: &mut Vec<Oid>) -> Result<(), Error> {
        match reach {
            Reach::Branches => {
                commits.extend(self.head()?);
                commits.extend(self.tips("refs/heads/")?);
            }
            Reach::Tags => commits.extend(self.tips("refs/tags/")?),
            Reach::All => self.walk_all(|commit| commits.push(commit.id()))?,
            Reach::Since(day) => self.walk_all(|commit| {
                if day_of(commit) >= *day {
                    commits.push(commit.id());
                }
            })?,
            Reach::Back(name, count) => {
                let mut next = Some(self.commit(name)?);
                for _ in 0..count.get() {
                    let Some(commit) = next else {
                        break;
                    };
                    commits.push(commit.id());
                    next = commit.parents().next();
                }
            }
        }
        Ok(())
    }

    fn walk_all(&self, mut visit: impl FnMut(&Commit<'_>)) -> Result<(), Error> {
        let mut walk = self.git().revwalk()?;
        for tip in self.head()?.into_iter().chain(self.tips("refs/")?) {
            walk.push(tip)?;
        }
        for id in walk {
            visit(&self.git().find_commit(id?)?);
        }
        Ok(())
    }

    fn head(&self) -> Result<Option<Oid>, Error> {
        match self.git().head() {
            Ok(head) => commit_of(&head),
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the commits that references of this kind name.
    fn tips(&self, prefix: &str) -> Result<Vec<Oid>, Error> {
        let mut tips = Vec::new();
        for reference in self.git().references()? {
            let reference = reference?;
            if reference.name_bytes().starts_with(prefix.as_bytes()) {
                tips.extend(commit_of(&reference)?);
            }
        }
        Ok(tips)
    }
}

/// Returns the commit that a reference leads to, if it leads to one: a tag may name a file.
fn commit_of(reference: &Reference<'_>) -> Result<Option<Oid>, Error> {
    let is_symbolic = reference.kind() == Some(ReferenceType::Symbolic);
    match reference.peel(ObjectType::Any) {
        Ok(object) if matches!(object.kind(), Some(ObjectType::Tree | ObjectType::Blob)) => {
            Ok(None)
        }
        Ok(_) => match reference.peel_to_commit() {
            Ok(commit) => Ok(Some(commit.id())),
            // A tag of something that is no commit.
            Err(error) if matches!(error.code(), ErrorCode::Peel | ErrorCode::InvalidSpec) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        },
        // As `origin/HEAD` does, whose branch was deleted.
        Err(error) if is_symbolic && error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the day on which a commit was made, where it was made.
fn day_of(commit: &Commit<'_>) -> Day {
    let time = commit.time();
    let local = time.seconds() + i64::from(time.offset_minutes()) * 60;
    Day(local.div_euclid(24 * 60 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        let day = |text: &str| text.parse::<Day>().map(|day| day.0).ok();
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-03-01"), Some(11_017));
        assert_eq!(day("2026-11-21"), Some(20_778));
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-1",
            "26-01-01",
            "x",
            "2026-00-01",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }
}

//! `Version`: a semantic version, as in `v1.2.0`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version by <https://semver.org>; what stands behind `+` is no part of its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    numbers: [u64; 3],
    /// What stands behind `-`, part by part.
    pre: Vec<Part>,
    /// How it is written, `v` and all.
    text: String,
}

/// A part of a pre-release. In this order: numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

/// What the next version differs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// What is not compatible.
    Major,
    /// What is new.
    Minor,
    /// What is mended.
    Patch,
}

impl Version {
    /// Returns the version that follows.
    pub(crate) fn next(&self, step: Step) -> Self {
        let [major, minor, patch] = self.numbers;
        let numbers = match step {
            Step::Major => [major + 1, 0, 0],
            Step::Minor => [major, minor + 1, 0],
            // The pre-release of a version comes before it.
            Step::Patch if !self.pre.is_empty() => self.numbers,
            Step::Patch => [major, minor, patch + 1],
        };
        Self::of(numbers)
    }

    /// Returns the version with these numbers.
    pub(crate) fn of(numbers: [u64; 3]) -> Self {
        let [major, minor, patch] = numbers;
        Self {
            numbers,
            pre: Vec::new(),
            text: format!("v{major}.{minor}.{patch}"),
        }
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let (bare, build) = match bare.split_once('+') {
            Some((bare, build)) => (bare, Some(build)),
            None => (bare, None),
        };
        let (numbers, pre) = match bare.split_once('-') {
            Some((numbers, pre)) => (numbers, Some(pre)),
            None => (bare, None),
        };
        let is_word = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let part = |part: &str| match number(part) {
            Some(value) => Ok(Part::Number(value)),
            None if is_word(part) && !part.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Part::Word(part.to_owned()))
            }
            None => Err(()),
        };
        if build.is_some_and(|build| !build.split('.').all(is_word)) {
            return Err(());
        }
        let numbers: Vec<u64> = numbers
            .split('.')
            .map(|part| number(part).ok_or(()))
            .collect::<Result<_, ()>>()?;
        let pre: Result<Vec<Part>, ()> =
            pre.map_or(Ok(Vec::new()), |pre| pre.split('.').map(part).collect());
        Ok(Self {
            numbers: numbers.try_into().map_err(|_| ())?,
            pre: pre?,
            text: text.to_owned(),
        })
    }
}

/// Reads a number without zeros in front.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    (is_plain && is_short).then(|| text.parse().ok()).flatten()
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let is_release = |version: &Self| version.pre.is_empty();
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| is_release(self).cmp(&is_release(other)))
            .then_with(|| self.pre.cmp(&other.pre))
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_standard() {
        let sorted = [
            "v1.0.0-alpha",
            "v1.0.0-alpha.1",
            "v1.0.0-alpha.beta",
            "v1.0.0-beta.2",
            "v1.0.0-beta.11",
            "v1.0.0",
            "v1.0.1",
            "1.9.0",
            "v1.10.0",
            "v2.0.0",
        ];
        let versions: Vec<Version> = sorted
            .iter()
            .map(|text| text.parse().expect(text))
            .collect();
        assert!(versions.is_sorted());
        for text in [
            "1.2", "v1.2.x", "01.2.3", "1.2.3-", "1.2.3+", "1.2.3-01", "", "v", "1.2.3.4",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_next_version() {
        let next = |text: &str, step| {
            text.parse::<Version>()
                .expect("a version")
                .next(step)
                .to_string()
        };
        assert_eq!(next("v1.2.3", Step::Patch), "v1.2.4");
        assert_eq!(next("1.2.3", Step::Minor), "v1.3.0");
        assert_eq!(next("v1.2.3", Step::Major), "v2.0.0");
        assert_eq!(next("v1.2.3-rc.1", Step::Patch), "v1.2.3");
    }
}

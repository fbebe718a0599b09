//! `Key`: the settings that there are, by their dotted names.

use std::fmt;
use std::str::FromStr;

use crate::base::problem::did_you_mean;
use crate::base::yaml::Step;
use crate::config::error::Error;

/// The name of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Where the cache is.
    CacheDir,
    /// How files of the workspace are made of the cache's.
    LinkTypes,
    /// With whom the cache is shared.
    Sharing,
    /// The remote that is meant where none is named.
    DefaultRemote,
}

impl Key {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::CacheDir,
        Self::LinkTypes,
        Self::Sharing,
        Self::DefaultRemote,
    ];

    /// Returns the dotted name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CacheDir => "cache.dir",
            Self::LinkTypes => "cache.type",
            Self::Sharing => "cache.shared",
            Self::DefaultRemote => "core.remote",
        }
    }

    /// Says what holds where it is not set.
    pub(crate) fn default_text(self) -> &'static str {
        match self {
            Self::CacheDir => "the cache is in `.mlpipe/cache`",
            Self::LinkTypes => "`reflink,copy` holds",
            Self::Sharing => "the cache is as private as your umask makes it",
            Self::DefaultRemote => "a remote that is the only one is meant",
        }
    }

    /// Returns the environment variable that sets it, as in `MLPIPE_CACHE_DIR`.
    pub(super) fn variable(self) -> String {
        format!("MLPIPE_{}", self.as_str().replace('.', "_").to_uppercase())
    }

    /// Returns the way down to it in a file.
    pub(super) fn steps(self) -> Vec<Step> {
        let parts = self.as_str().split('.');
        parts.map(|part| Step::Key(part.to_owned())).collect()
    }

    /// Returns the names that may stand right below a section; below `""`, the sections.
    pub(super) fn names_below(section: &str) -> Vec<&'static str> {
        let inner = |key: Self| {
            let name = key.as_str();
            let below = match section {
                "" => name,
                _ => name.strip_prefix(section)?.strip_prefix('.')?,
            };
            below.split('.').next()
        };
        let mut names: Vec<&str> = Self::ALL.into_iter().filter_map(inner).collect();
        names.dedup();
        names
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|key| key.as_str() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let help = did_you_mean(text, names)
                .unwrap_or_else(|| format!("settings: {}", names.join(", ")));
            let key = text.to_owned();
            Error::UnknownKey { key, help }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_know_what_may_stand_in_them() {
        assert_eq!(Key::names_below(""), ["cache", "core"]);
        assert_eq!(Key::names_below("cache"), ["dir", "type", "shared"]);
        assert_eq!(Key::names_below("cache.dir"), [""; 0]);
        assert_eq!(Key::CacheDir.variable(), "MLPIPE_CACHE_DIR");
    }
}

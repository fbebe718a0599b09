//! `LinkType`: how a file of the workspace is made of an object of the cache.

use std::fmt;
use std::str::FromStr;

use crate::base::problem::did_you_mean;

/// A way to put an object into the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkType {
    /// A copy that shares its blocks with the object until one of them is written to.
    Reflink,
    /// Another name of the object's own file.
    Hardlink,
    /// A symbolic link to the object.
    Symlink,
    /// A copy of its bytes.
    Copy,
}

impl LinkType {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Reflink, Self::Hardlink, Self::Symlink, Self::Copy];

    /// Returns the name that settings know it by.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reflink => "reflink",
            Self::Hardlink => "hardlink",
            Self::Symlink => "symlink",
            Self::Copy => "copy",
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A name that no link type has.
#[derive(Debug, thiserror::Error)]
#[error("there is no link type `{name}`")]
pub(crate) struct UnknownLinkType {
    name: String,
}

impl UnknownLinkType {
    /// Says which name may be meant, or which there are.
    pub(crate) fn help(&self) -> String {
        let names = LinkType::ALL.map(LinkType::as_str);
        did_you_mean(&self.name, names)
            .unwrap_or_else(|| format!("link types: {}", names.join(", ")))
    }
}

impl FromStr for LinkType {
    type Err = UnknownLinkType;

    fn from_str(text: &str) -> Result<Self, UnknownLinkType> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownLinkType {
            name: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_types_are_read_as_they_are_written() {
        for kind in LinkType::ALL {
            assert_eq!(kind.to_string().parse().ok(), Some(kind));
        }
        let error = "hardlnk".parse::<LinkType>().expect_err("unknown");
        assert_eq!(error.help(), "did you mean `hardlink`?");
    }
}

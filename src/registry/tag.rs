//! `RegistryTag`: what a tag says of an artifact: `name@v1.2.0`, `name#prod#3`; a `!` takes it back.
//! A `:` in a name is a `=` in the tag.

use std::fmt;

use crate::registry::version::Version;

/// A tag that speaks of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistryTag {
    /// The artifact.
    pub(crate) artifact: String,
    /// What is said of it.
    pub(crate) kind: TagKind,
    /// Whether it is so from then on, or no more.
    pub(crate) event: Event,
    /// Which such tag it is, where there may be several.
    pub(crate) count: Option<u32>,
}

/// What a tag is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TagKind {
    /// The commit has this version.
    Version(Version),
    /// The version of the commit is in this stage.
    Stage(String),
    /// The artifact as a whole.
    Artifact,
}

/// Whether something begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It is so.
    Begins,
    /// It is so no more.
    Ends,
}

impl RegistryTag {
    /// Reads a tag; `None` if it speaks of no artifact.
    pub(crate) fn parse(tag: &str) -> Option<Self> {
        let at = tag.find(['@', '#'])?;
        let (name, rest) = (&tag[..at], &tag[at + 1..]);
        let artifact = name.replace('=', ":");
        if !is_name(&artifact) {
            return None;
        }
        let (what, count) = match rest.rsplit_once('#') {
            Some((what, count)) => (what, Some(count.parse().ok()?)),
            None => (rest, None),
        };
        let (what, event) = match what.strip_suffix('!') {
            Some(what) => (what, Event::Ends),
            None => (what, Event::Begins),
        };
        let is_stage = tag[at..].starts_with('#');
        let (kind, event) = match what {
            stage if is_stage && is_word(stage) => (TagKind::Stage(stage.to_owned()), event),
            _ if is_stage => return None,
            "deprecated" => (TagKind::Artifact, Event::Ends),
            "created" => (TagKind::Artifact, Event::Begins),
            version => (TagKind::Version(version.parse().ok()?), event),
        };
        Some(Self {
            artifact,
            kind,
            event,
            count,
        })
    }
}

impl fmt::Display for RegistryTag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.artifact.replace(':', "="))?;
        match (&self.kind, self.event) {
            (TagKind::Version(version), Event::Begins) => write!(out, "@{version}")?,
            (TagKind::Version(version), Event::Ends) => write!(out, "@{version}!")?,
            (TagKind::Stage(stage), Event::Begins) => write!(out, "#{stage}")?,
            (TagKind::Stage(stage), Event::Ends) => write!(out, "#{stage}!")?,
            (TagKind::Artifact, Event::Begins) => out.write_str("@created")?,
            (TagKind::Artifact, Event::Ends) => out.write_str("@deprecated")?,
        }
        self.count.map_or(Ok(()), |count| write!(out, "#{count}"))
    }
}

/// Returns whether an artifact may have this name: words with `-`, `_` and `.` in them, maybe behind
/// the folder of its pipeline file.
pub(crate) fn is_name(text: &str) -> bool {
    let (folder, name) = text.rsplit_once(':').unwrap_or(("", text));
    let is_folder = folder.is_empty() && !text.contains(':')
        || !folder.is_empty() && folder.split('/').all(is_word);
    is_folder && name.split('/').all(is_word)
}

/// Returns whether this is a word that a tag may have in it.
pub(crate) fn is_word(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends_well = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    ends_well(bytes.first()) && ends_well(bytes.last()) && text.bytes().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written() {
        for tag in [
            "model@v1.2.0",
            "model@1.2.0-rc.1",
            "model@v1.2.0!",
            "model@v1.2.0!#2",
            "model#prod",
            "model#prod#3",
            "model#prod!#4",
            "models/eval=text-model@v0.0.1",
            "model@deprecated",
            "model@created#2",
        ] {
            let read = RegistryTag::parse(tag).unwrap_or_else(|| panic!("{tag}"));
            assert_eq!(read.to_string(), tag);
        }
        let nested = RegistryTag::parse("dir=name#dev#1").expect("a tag");
        assert_eq!(nested.artifact, "dir:name");
        for tag in [
            "v1.2.0",
            "model@",
            "model@x",
            "#prod",
            "a b@v1.0.0",
            "m#prod#x",
            "m#",
        ] {
            assert_eq!(RegistryTag::parse(tag), None, "{tag}");
        }
    }
}

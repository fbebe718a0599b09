//! An index of a remote: which objects lie where, for one project. `docs/remotes.md` has the format.
//!
//! Never changes; its name is the digest of its text, which thereby vouches for every line.

use std::fmt::Write as _;

use crate::base::digest::Digest;
use crate::remote::layout::{Layout, pack_path};
use crate::store::Slot;

/// What an index begins with, up to its version.
const NAME: &str = "mlpipe-index ";

/// The version that is written.
const VERSION: &str = "1";

/// A pack is fetched into memory: one that is larger is none of ours.
pub(super) const LARGEST: u64 = 1 << 30;

/// Some objects of a project and where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Who needs them.
    pub(super) project: Digest,
    /// The packs, with those of their objects that are needed.
    pub(super) packs: Vec<PackEntry>,
    /// The objects that are files of their own, with their sizes.
    pub(super) objects: Vec<(Digest, u64)>,
}

/// Some objects of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackEntry {
    /// The pack's name.
    pub(super) name: Digest,
    /// The size of its file.
    pub(super) size: u64,
    /// The objects.
    pub(super) slots: Vec<Slot>,
}

/// A file at a remote that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Where it lies.
    pub(super) path: String,
    /// What it is called: a pack as its directory says, else the digest of its bytes.
    pub(super) digest: Digest,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Whether it is a pack.
    pub(super) is_pack: bool,
}

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// In a pack, whose file has this size.
    Pack {
        /// The pack's name.
        pack: Digest,
        /// The size of its file.
        size: u64,
        /// Where in it.
        slot: Slot,
    },
    /// In a file of its own, of this size.
    Own(u64),
}

impl Named {
    /// Makes that of a file whose name is the digest of its bytes.
    pub(super) fn by_its_bytes(path: String, digest: Digest, size: u64) -> Self {
        Self {
            path,
            digest,
            size,
            is_pack: false,
        }
    }
}

impl Spot {
    /// Returns the object's size.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Pack { slot, .. } => u64::from(slot.length),
            Self::Own(size) => *size,
        }
    }
}

/// Why a text is no index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is of a later version.
    Newer(String),
    /// It is something else.
    Foreign,
}

impl Index {
    /// Makes the index of nothing.
    pub(super) fn new(project: Digest) -> Self {
        Self {
            project,
            packs: Vec::new(),
            objects: Vec::new(),
        }
    }

    /// Returns whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.objects.is_empty()
    }

    /// Returns its objects and where each is.
    pub(super) fn spots(&self) -> impl Iterator<Item = (Digest, Spot)> {
        let packed = self.packs.iter().flat_map(|pack| {
            let (name, size) = (pack.name, pack.size);
            pack.slots.iter().map(move |slot| {
                let pack = name;
                let slot = *slot;
                (slot.digest, Spot::Pack { pack, size, slot })
            })
        });
        let own = self.objects.iter();
        packed.chain(own.map(|(digest, size)| (*digest, Spot::Own(*size))))
    }

    /// Returns the files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = Named> {
        let packs = self.packs.iter().map(|pack| Named {
            path: pack_path(pack.name),
            digest: pack.name,
            size: pack.size,
            is_pack: true,
        });
        let own = self.objects.iter().map(|(digest, size)| {
            let path = Layout::Packs.path_of(*digest);
            Named::by_its_bytes(path, *digest, *size)
        });
        packs.chain(own)
    }

    /// Writes it, sorted, so that the same objects make the same text.
    pub(super) fn to_text(&self) -> String {
        let mut packs: Vec<&PackEntry> = self.packs.iter().collect();
        packs.sort_by_key(|pack| pack.name);
        let mut objects = self.objects.clone();
        objects.sort_unstable();
        objects.dedup();
        let mut text = format!("{NAME}{VERSION}\nproject {}\n", self.project);
        let infallible = "invariant: writing to a text does not fail";
        for pack in packs {
            writeln!(text, "pack {} {}", pack.name, pack.size).expect(infallible);
            let mut slots = pack.slots.clone();
            slots.sort_by_key(|slot| slot.offset);
            slots.dedup();
            for Slot {
                digest,
                offset,
                length,
            } in slots
            {
                writeln!(text, "{digest} {offset} {length}").expect(infallible);
            }
        }
        for (digest, size) in objects {
            writeln!(text, "object {digest} {size}").expect(infallible);
        }
        text
    }

    /// Returns whose index a text seems to be that may be damaged.
    pub(super) fn project_of(text: &str) -> Option<Digest> {
        let mut lines = text.lines();
        let version = lines.next()?.strip_prefix(NAME)?;
        let project = lines.next()?.strip_prefix("project ")?;
        (version == VERSION).then(|| project.parse().ok())?
    }

    /// Reads one.
    pub(super) fn parse(text: &str) -> Result<Self, Unread> {
        let mut lines = text.lines();
        let version = lines.next().and_then(|line| line.strip_prefix(NAME));
        match version {
            Some(VERSION) => {}
            Some(other) => return Err(Unread::Newer(other.to_owned())),
            None => return Err(Unread::Foreign),
        }
        let project = lines.next().and_then(|line| line.strip_prefix("project "));
        let project = project.and_then(|text| text.parse().ok());
        let mut index = Self::new(project.ok_or(Unread::Foreign)?);
        for line in lines {
            index.read_line(line).ok_or(Unread::Foreign)?;
        }
        Ok(index)
    }

    fn read_line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        match words.next()? {
            "pack" => {
                let name = words.next()?.parse().ok()?;
                let size = words.next()?.parse().ok()?;
                let slots = Vec::new();
                (size <= LARGEST).then(|| self.packs.push(PackEntry { name, size, slots }))?;
            }
            "object" => {
                let digest = words.next()?.parse().ok()?;
                self.objects.push((digest, words.next()?.parse().ok()?));
            }
            digest => {
                let pack = self.packs.last_mut()?;
                let slot = Slot {
                    digest: digest.parse().ok()?,
                    offset: words.next()?.parse().ok()?,
                    length: words.next()?.parse().ok()?,
                };
                let end = slot.offset.checked_add(u64::from(slot.length))?;
                // What would be read beyond the pack's end is not there.
                (end <= pack.size).then(|| pack.slots.push(slot))?;
            }
        }
        words.next().is_none().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_nothing_else_is() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let slot = |text: &str, offset| Slot {
            digest: digest(text),
            offset,
            length: 3,
        };
        let index = Index {
            project: digest("project"),
            packs: vec![PackEntry {
                name: digest("pack"),
                size: 99,
                slots: vec![slot("a", 14), slot("b", 17)],
            }],
            objects: vec![(digest("big"), 1 << 40)],
        };
        let text = index.to_text();
        assert_eq!(Index::parse(&text).as_ref(), Ok(&index));
        let newer = text.replace("mlpipe-index 1", "mlpipe-index 2");
        assert_eq!(Index::parse(&newer), Err(Unread::Newer("2".to_owned())));
        assert_eq!(Index::parse("<html>"), Err(Unread::Foreign));
        let beyond = text.replace(" 99\n", " 19\n");
        assert_eq!(Index::parse(&beyond), Err(Unread::Foreign));
        assert_eq!(Index::parse(&format!("{text}x")), Err(Unread::Foreign));
    }
}

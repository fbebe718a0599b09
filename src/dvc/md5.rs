//! `Md5`: the names of DVC's objects.

use std::fmt;
use std::str::FromStr;

use md5::{Digest as _, Md5 as Hash};

/// DVC 2 decided by so many first bytes whether a file is text.
const SAMPLE: usize = 512;

/// DVC 2 replaced line ends within blocks of this size, and not where one begins.
const BLOCK: usize = 1024 * 1024;

/// The MD5 of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Md5([u8; 16]);

impl FromStr for Md5 {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(());
        }
        let mut bytes = [0; 16];
        for (byte, at) in bytes.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| ())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Md5 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Md5 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Which DVC has named an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Era {
    /// Before version 3: line ends of text count as those of Unix.
    Two,
    /// From version 3 on: by its bytes.
    Three,
}

/// An MD5 in the making.
pub(crate) struct Md5Hasher {
    exact: Hash,
    /// The hash by the rules of DVC 2, while the file may still be text.
    text: Option<TextHasher>,
}

/// Hashes text as if all its lines ended as in Unix.
struct TextHasher {
    hash: Hash,
    block: Vec<u8>,
    is_begun: bool,
}

impl Md5Hasher {
    /// Begins one by the rules of `era`.
    pub(crate) fn new(era: Era) -> Self {
        let text = (era == Era::Two).then(|| TextHasher {
            hash: Hash::new(),
            block: Vec::new(),
            is_begun: false,
        });
        Self {
            exact: Hash::new(),
            text,
        }
    }

    /// Adds `bytes`.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.exact.update(bytes);
        if let Some(text) = &mut self.text
            && !text.update(bytes)
        {
            self.text = None;
        }
    }

    /// Returns whether the bytes so far are those that `name` stands for.
    pub(crate) fn is(self, name: Md5) -> bool {
        let text = self.text.map(TextHasher::finish);
        Md5(self.exact.finalize().into()) == name || text.flatten() == Some(name)
    }
}

impl TextHasher {
    /// Adds `bytes`; returns whether it may still be text.
    fn update(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = rest.len().min(BLOCK - self.block.len());
            self.block.extend(&rest[..count]);
            rest = &rest[count..];
            if self.block.len() == BLOCK && !self.end_block() {
                return false;
            }
        }
        true
    }

    fn end_block(&mut self) -> bool {
        if !self.is_begun && !is_text(&self.block[..self.block.len().min(SAMPLE)]) {
            return false;
        }
        self.is_begun = true;
        let mut rest = self.block.as_slice();
        while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
            self.hash.update(&rest[..at]);
            self.hash.update(b"\n");
            rest = &rest[at + 2..];
        }
        self.hash.update(rest);
        self.block.clear();
        true
    }

    fn finish(mut self) -> Option<Md5> {
        (self.block.is_empty() || self.end_block()).then(|| Md5(self.hash.finalize().into()))
    }
}

/// Guesses as DVC does: no zero bytes, and hardly any others that no text has.
fn is_text(sample: &[u8]) -> bool {
    let is_plain = |byte: u8| matches!(byte, 32..=126 | b'\n' | b'\r' | b'\t' | 12 | 8);
    let odd = sample.iter().filter(|byte| !is_plain(**byte)).count();
    !sample.contains(&0) && odd * 10 <= sample.len() * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(era: Era, pieces: &[&[u8]], name: &str) -> bool {
        let mut hasher = Md5Hasher::new(era);
        pieces.iter().for_each(|piece| hasher.update(piece));
        hasher.is(name.parse().expect("an MD5"))
    }

    // As `printf 'a,b\r\n1,2\r\n' | md5sum` and the same without `\r` say.
    const EXACT: &str = "b202f333fba4fd38d4b8e5e693077aab";
    const AS_UNIX: &str = "e5ebd4c02cefbe7955977c67ada242b7";

    #[test]
    fn line_ends_of_text_do_not_count_in_version_two() {
        let pieces: [&[u8]; 3] = [b"a,b\r", b"\n1,2", b"\r\n"];
        assert!(is(Era::Three, &pieces, EXACT));
        assert!(!is(Era::Three, &pieces, AS_UNIX));
        assert!(is(Era::Two, &pieces, AS_UNIX));
        assert!(is(Era::Two, &pieces, EXACT));
        assert!(!is(Era::Two, &[b"other"], AS_UNIX));
    }

    #[test]
    fn what_is_no_text_is_hashed_as_it_is() {
        // As `printf '\0\r\n' | md5sum` says, and `printf '\0\n' | md5sum`.
        let bytes: [&[u8]; 1] = [b"\0\r\n"];
        let unix = format!("{:?}", Md5(Hash::digest(b"\0\n").into()));
        let exact = format!("{:?}", Md5(Hash::digest(b"\0\r\n").into()));
        assert!(is(Era::Two, &bytes, &exact));
        assert!(!is(Era::Two, &bytes, &unix));
    }

    #[test]
    fn nothing_is_text_too() {
        assert!(is(Era::Two, &[], "d41d8cd98f00b204e9800998ecf8427e"));
    }
}

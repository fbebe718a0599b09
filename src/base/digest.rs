//! SHA-256 digests of bytes, readers and files, computed while streaming.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A read is large enough that system calls stop mattering and small enough for the L2 cache.
const BLOCK: usize = 128 * 1024;

/// The SHA-256 of some bytes, written as 64 lower-case hexadecimal digits.
///
/// ```
/// use mlpipe::base::digest::Digest;
/// let digest = Digest::of(b"abc");
/// assert!(digest.to_string().starts_with("ba7816bf"));
/// assert_eq!(digest.to_string().parse::<Digest>().ok(), Some(digest));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Text that is no digest.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest (64 hexadecimal digits)")]
pub struct ParseDigestError(String);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads `reader` to its end; returns the digest and the number of bytes.
    pub(crate) fn of_reader(reader: &mut impl Read) -> io::Result<(Self, u64)> {
        Self::of_about(reader, u64::MAX)
    }

    /// Like [`Self::of_reader`], where the number of bytes is known, but for somebody's writing.
    fn of_about(reader: &mut impl Read, size: u64) -> io::Result<(Self, u64)> {
        let mut hasher = Hasher::default();
        let mut block = vec![0; block_for(size)];
        loop {
            match reader.read(&mut block) {
                Ok(0) => return Ok((hasher.digest(), hasher.length)),
                Ok(count) => hasher.update(&block[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the digest of the file at `path` and its size in bytes.
    pub(crate) fn of_file(path: &Path) -> io::Result<(Self, u64)> {
        Self::of_opened(&mut File::open(path)?)
    }

    /// Returns the digest of a file and its size in bytes.
    pub(crate) fn of_opened(file: &mut File) -> io::Result<(Self, u64)> {
        let size = file.metadata()?.len();
        Self::of_about(file, size)
    }

    /// Returns the 32 bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Makes a digest of its 32 bytes.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Writes the 64 digits to the end of `text`.
    pub(crate) fn push_to(&self, text: &mut String) {
        text.push_str(as_text(&mut [0; 64], self));
    }

    /// Returns the first eight digits, enough for a person to tell two apart.
    pub(crate) fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

/// Returns how many bytes are read at once of a file of this size; one more shows that it ends.
pub(crate) fn block_for(size: u64) -> usize {
    usize::try_from(size).map_or(BLOCK, |size| size.saturating_add(1).min(BLOCK))
}

/// A digest in the making, for bytes that come in pieces.
#[derive(Default)]
pub(crate) struct Hasher {
    sha: Sha256,
    length: u64,
}

impl Hasher {
    /// Adds `bytes` to what is hashed.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Adds `text` with its length in front, so that no two sequences of texts hash alike.
    pub(crate) fn field(&mut self, text: &str) {
        self.update(&(text.len() as u64).to_le_bytes());
        self.update(text.as_bytes());
    }

    /// Returns the digest of all bytes so far.
    pub(crate) fn digest(&self) -> Digest {
        Digest(self.sha.clone().finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(as_text(&mut [0; 64], self))
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn as_text<'a>(text: &'a mut [u8; 64], digest: &Digest) -> &'a str {
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest.0) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(text).expect("invariant: digits are ASCII")
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What each byte stands for as a hexadecimal digit; [`NO_DIGIT`] for those that are none. A lock of
/// many stages is mostly digits, which a comparison for each would be slow to read.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let digit = DIGITS[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

const NO_DIGIT: u8 = 0xf0;

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseDigestError(text.to_owned());
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| error())?;
        let (mut bytes, mut seen) = ([0; 32], 0);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = [pair[0], pair[1]].map(|digit| VALUES[usize::from(digit)]);
            seen |= high | low;
            *byte = high << 4 | low;
        }
        if seen >= NO_DIGIT {
            return Err(error());
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_vector() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), empty);
    }

    #[test]
    fn streaming_and_one_shot_agree() {
        let bytes: Vec<u8> = (0..3 * BLOCK + 17).map(|at| at.to_le_bytes()[0]).collect();
        let (digest, length) = Digest::of_reader(&mut bytes.as_slice()).expect("memory reads");
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(length, bytes.len() as u64);
    }

    #[test]
    fn fields_do_not_run_together() {
        let hash = |texts: &[&str]| {
            let mut hasher = Hasher::default();
            texts.iter().for_each(|text| hasher.field(text));
            hasher.digest()
        };
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }

    #[test]
    fn refuses_what_is_no_digest() {
        assert!("12".parse::<Digest>().is_err());
        assert!("+".repeat(64).parse::<Digest>().is_err());
        assert!("A".repeat(64).parse::<Digest>().is_ok());
        let last = format!("{}g", "0".repeat(63));
        assert!(last.parse::<Digest>().is_err());
    }
}

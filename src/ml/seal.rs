//! `Seal`: the SHA-256 of a file in the file itself, so that each byte that changes is seen.
//!
//! It is the digest of the whole file with zeros in the place of the digest's digits.

use crate::base::digest::{Digest, Hasher};

/// The name of the note in the header that holds the digits.
pub(crate) const NOTE: &str = "sha256";
const DIGITS: usize = 64;
const BLANK: [u8; DIGITS] = [b'0'; DIGITS];

/// Returns what the note holds until the content is known.
pub(crate) fn blank() -> String {
    "0".repeat(DIGITS)
}

/// Writes the digest of `parts`, one after the other, into the first, which has the blank note.
pub(crate) fn seal(header: &mut [u8], rest: &[u8]) {
    let at = place(header).expect("invariant: whoever seals has put the note in");
    let digest = digest(&[header, rest], at).to_string();
    header[at..at + DIGITS].copy_from_slice(digest.as_bytes());
}

/// Returns whether each byte of a file is as it was sealed; what was never sealed is not.
pub(crate) fn is_intact(file: &[u8]) -> bool {
    place(file).is_some_and(|at| {
        // As text, for digits in capitals would be the same number.
        digest(&[file], at).to_string().as_bytes() == &file[at..at + DIGITS]
    })
}

/// Returns where the digits begin. Within other notes the quotes are escaped, and tensors have no
/// text, so that the first such place is the note.
fn place(file: &[u8]) -> Option<usize> {
    let start = format!("\"{NOTE}\":\"");
    let found = file
        .windows(start.len())
        .position(|bytes| bytes == start.as_bytes())?;
    let at = found + start.len();
    (file.len() >= at + DIGITS).then_some(at)
}

/// Returns the digest of a file in pieces, of which the first has the digits at `at`.
fn digest(pieces: &[&[u8]], at: usize) -> Digest {
    let (first, rest) = pieces
        .split_first()
        .expect("invariant: a file has a beginning");
    let mut hasher = Hasher::default();
    hasher.update(&first[..at]);
    hasher.update(&BLANK);
    hasher.update(&first[at + DIGITS..]);
    for piece in rest {
        hasher.update(piece);
    }
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed(rest: &[u8]) -> Vec<u8> {
        let mut header = format!("before{{\"{NOTE}\":\"{}\"}}  ", blank()).into_bytes();
        seal(&mut header, rest);
        header.extend(rest);
        header
    }

    #[test]
    fn every_bit_that_is_flipped_is_seen() {
        let file = sealed(b"weights \"sha256\":\"000");
        assert!(is_intact(&file));
        for bit in 0..file.len() * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_intact(&changed), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_changed_cut_off_or_added_is_seen(
            rest in proptest::collection::vec(any::<u8>(), 0..300),
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let file = sealed(&rest);
            prop_assert!(is_intact(&file));
            let at = at.index(file.len());
            prop_assert!(!is_intact(&file[..at]));
            prop_assert!(!is_intact(&[&file[..], &[byte]].concat()));
            let mut changed = file.clone();
            changed[at] = byte;
            prop_assert_eq!(is_intact(&changed), byte == file[at]);
        }
    }
}

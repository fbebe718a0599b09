//! Records in a file that only grows, each behind its digest and length: one that was cut short, by
//! a kill or a full disk, is known for what it is, and those behind it are found all the same.

use crate::base::digest::Digest;

/// Writes a record as it stands in a file.
pub(crate) fn frame(record: &str) -> String {
    format!(
        "{} {}\n{record}",
        Digest::of(record.as_bytes()),
        record.len()
    )
}

/// Returns the whole records in `bytes`, each with where it ends.
pub(crate) fn records(bytes: &[u8]) -> impl Iterator<Item = (&str, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            if let Some((record, end)) = record_at(bytes, at) {
                at = end;
                return Some((record, end));
            }
            // Not the start of a record, or of one that is broken: the next begins some line.
            let line_end = bytes[at..].iter().position(|byte| *byte == b'\n');
            at = line_end.map_or(bytes.len(), |length| at + length + 1);
        }
        None
    })
}

/// The bytes of a digest and the space behind it.
const DIGEST: usize = 65;

/// The most digits that a length has.
const DIGITS: usize = 20;

fn record_at(bytes: &[u8], start: usize) -> Option<(&str, usize)> {
    let rest = &bytes[start..];
    let head = rest.get(..rest.len().min(DIGEST + DIGITS + 1))?;
    let head_end = head.iter().position(|byte| *byte == b'\n')?;
    let (digest, length) = std::str::from_utf8(&head[..head_end])
        .ok()?
        .split_once(' ')?;
    let digest: Digest = digest.parse().ok()?;
    let from = head_end + 1;
    let to = from.checked_add(length.parse().ok()?)?;
    let record = rest.get(from..to)?;
    let is_whole = Digest::of(record) == digest;
    let record = std::str::from_utf8(record).ok().filter(|_| is_whole)?;
    Some((record, start + to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whole_records_are_found_whatever_was_cut_short(
            texts in prop::collection::vec("(\\PC|\n){0,19}\\PC", 0..6),
            cut in any::<prop::sample::Index>(),
            torn in any::<prop::sample::Index>(),
        ) {
            let torn = torn.index(texts.len() + 1);
            let mut bytes = Vec::new();
            for (index, text) in texts.iter().enumerate() {
                let framed = frame(text);
                let length = if index == torn { cut.index(framed.len()) } else { framed.len() };
                bytes.extend(&framed.as_bytes()[..length]);
                // What is written after a record that was cut short begins a line of its own.
                bytes.extend((index == torn).then_some(b'\n'));
            }
            let found: Vec<&str> = records(&bytes).map(|(record, _)| record).collect();
            let mut whole: Vec<&str> = texts.iter().map(String::as_str).collect();
            if torn < whole.len() {
                whole.remove(torn);
            }
            prop_assert_eq!(found, whole);
        }
    }
}

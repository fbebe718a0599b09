//! Finds the objects of a pack whose directory cannot be believed. What is told by the pack's name,
//! by the objects' own digests, and by that nothing stands between them, is mostly enough.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::base::digest::Digest;
use crate::store::pack::{self, END, FOOTER, HEADER, RECORD, Slot};

/// Returns where the objects of the pack `name` are, or may be.
pub(super) fn find_slots(file: &File, name: Digest) -> io::Result<Vec<Slot>> {
    let Ok(size) = usize::try_from(file.metadata()?.len()) else {
        return Ok(Vec::new());
    };
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, 0)?;
    let Some(end) = size.checked_sub(FOOTER) else {
        return Ok(Vec::new());
    };
    if let Some(start) = find_directory(&bytes[..end], name) {
        return Ok(read_records(&bytes[start..end]));
    }
    if !bytes.ends_with(END) {
        // It was cut off, or something was written behind it.
        return Ok(find_torn(&bytes));
    }
    let count = bytes[end..]
        .first_chunk::<4>()
        .map(|count| u32::from_le_bytes(*count));
    let length = count.and_then(|count| usize::try_from(count).ok()?.checked_mul(RECORD));
    let start = length.and_then(|length| end.checked_sub(length));
    Ok(start.map_or_else(Vec::new, |start| mend(&bytes, start, end)))
}

/// Finds where the directory begins that the name vouches for, whatever the count behind it says.
fn find_directory(bytes: &[u8], name: Digest) -> Option<usize> {
    let starts = (1..).map_while(|count| bytes.len().checked_sub(RECORD * count));
    let mut starts = starts.take_while(|start| *start >= HEADER.len());
    starts.find(|start| {
        // The first object begins behind the header, which is quicker to see.
        let first = bytes.get(start + 32..start + 40);
        first == Some(&(HEADER.len() as u64).to_le_bytes()) && Digest::of(&bytes[*start..]) == name
    })
}

/// Finds the directory, or what is left of it, by its first record: that of an object which begins
/// right behind the header, and is what the record says.
fn find_torn(bytes: &[u8]) -> Vec<Slot> {
    let first = (HEADER.len() as u64).to_le_bytes();
    let mut starts = HEADER.len()..bytes.len().saturating_sub(RECORD - 1);
    let start = starts.find(|start| {
        bytes[start + 32..start + 40] == first
            && pack::slot(&bytes[*start..]).is_some_and(|slot| is_whole(&bytes[..*start], &slot))
    });
    let Some(start) = start else {
        return Vec::new();
    };
    let mut slots = read_records(&bytes[start..]);
    let mut begin = HEADER.len() as u64;
    let count = slots.iter().take_while(|slot| {
        let is_next = slot.offset == begin;
        begin = begin.saturating_add(slot.length.into());
        is_next && begin <= start as u64
    });
    let count = count.count();
    slots.truncate(count);
    slots
}

fn is_whole(bytes: &[u8], slot: &Slot) -> bool {
    let place = usize::try_from(slot.offset)
        .ok()
        .zip(usize::try_from(slot.length).ok());
    let object = place.and_then(|(offset, length)| bytes.get(offset..offset.checked_add(length)?));
    object.is_some_and(|object| Digest::of(object) == slot.digest)
}

fn read_records(bytes: &[u8]) -> Vec<Slot> {
    bytes.chunks_exact(RECORD).filter_map(pack::slot).collect()
}

/// Reads the directory between `start` and `end`, some of which is wrong: where an object begins and
/// ends is told by its neighbours too, and what is there is an object whatever it is called.
fn mend(bytes: &[u8], start: usize, end: usize) -> Vec<Slot> {
    let records = read_records(&bytes[start..end]);
    let mut slots: Vec<Slot> = Vec::with_capacity(records.len());
    let mut begin = HEADER.len() as u64;
    for (index, record) in records.iter().enumerate() {
        let next = records.get(index + 1);
        let next = next.map_or(start as u64, |next| next.offset);
        let until_next = |offset: u64| u32::try_from(next.checked_sub(offset)?).ok();
        let candidates = [
            Some((record.offset, record.length)),
            Some((begin, record.length)),
            until_next(begin).map(|length| (begin, length)),
            until_next(record.offset).map(|length| (record.offset, length)),
        ];
        let digest_of = |(offset, length): (u64, u32)| {
            let offset = usize::try_from(offset).ok()?;
            let end = offset.checked_add(usize::try_from(length).ok()?)?;
            Some(Digest::of(bytes[..start].get(offset..end)?))
        };
        let mut places = candidates.into_iter().flatten();
        let good = places.find(|place| digest_of(*place) == Some(record.digest));
        let place = good.or_else(|| until_next(begin).map(|length| (begin, length)));
        let (offset, length) = place.unwrap_or((record.offset, record.length));
        let slot = |digest| Slot {
            digest,
            offset,
            length,
        };
        if good.is_none() {
            // Either the digest is wrong or the object: the latter is good for nothing then, and
            // does no harm.
            slots.extend(digest_of((offset, length)).map(slot));
        }
        if good.is_some() || digest_of((offset, length)).is_none() {
            slots.push(slot(record.digest));
        }
        begin = offset.saturating_add(length.into());
    }
    slots
}

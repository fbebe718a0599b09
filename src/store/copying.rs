//! Copies a file and hashes what is copied, in one pass.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use crate::base::digest::{Digest, Hasher, block_for};
use crate::base::fs::{AtomicFile, failed};
use crate::store::error::Error;
use crate::store::meter::Meter;

/// From this size on, writing is worth a thread of its own beside the one that hashes.
const BIG: u64 = 4 * 1024 * 1024;

/// What goes from one thread to the other at once: it is still in the second's reach of the first's
/// cache, and system calls do not count.
const BLOCK: usize = 256 * 1024;

/// So many blocks are on their way, which makes up for either thread's short stops.
const BLOCKS: usize = 16;

/// Copies `source`, the file at `path` of about `size` bytes, into `target`; returns the digest and
/// the number of the bytes that were copied. Memory stays the same whatever the size.
pub(super) fn copy_hashing(
    source: &mut File,
    path: &Path,
    target: &mut AtomicFile,
    size: u64,
    meter: &Meter,
) -> Result<(Digest, u64), Error> {
    let unfinished = target.unfinished().to_owned();
    let outcome = if size < BIG {
        copy_small(source, target.file(), size, meter)
    } else {
        copy_big(source, target.file(), meter)
    };
    outcome.map_err(|fault| {
        match fault {
            Fault::Read(error) => failed("cannot read", path)(error),
            Fault::Write(error) => failed("cannot write", &unfinished)(error),
        }
        .into()
    })
}

enum Fault {
    Read(io::Error),
    Write(io::Error),
}

fn copy_small(
    source: &mut File,
    target: &mut File,
    size: u64,
    meter: &Meter,
) -> Result<(Digest, u64), Fault> {
    let mut hasher = Hasher::default();
    let mut block = vec![0; block_for(size)];
    let mut total = 0;
    loop {
        let count = source.read(&mut block).map_err(Fault::Read)?;
        if count == 0 {
            return Ok((hasher.digest(), total));
        }
        hasher.update(&block[..count]);
        target.write_all(&block[..count]).map_err(Fault::Write)?;
        total += count as u64;
        meter.add_bytes(count as u64);
    }
}

/// Hashes here and writes on another thread; blocks go around between the two.
fn copy_big(source: &mut File, target: &mut File, meter: &Meter) -> Result<(Digest, u64), Fault> {
    let (full_sender, full) = mpsc::sync_channel::<(Vec<u8>, usize)>(BLOCKS);
    let (free_sender, free) = mpsc::channel::<Vec<u8>>();
    for _ in 0..BLOCKS {
        free_sender
            .send(vec![0; BLOCK])
            .expect("invariant: the receiver is right here");
    }
    thread::scope(|scope| {
        let writer = scope.spawn(move || -> io::Result<()> {
            for (block, count) in full {
                target.write_all(&block[..count])?;
                // The other end is gone when all has been read.
                let _gone = free_sender.send(block);
            }
            Ok(())
        });
        let mut hasher = Hasher::default();
        let mut total = 0;
        // Without a free block the writer has failed.
        let mut read = || -> Result<(), io::Error> {
            while let Ok(mut block) = free.recv() {
                let count = source.read(&mut block)?;
                if count == 0 {
                    return Ok(());
                }
                hasher.update(&block[..count]);
                total += count as u64;
                meter.add_bytes(count as u64);
                if full_sender.send((block, count)).is_err() {
                    return Ok(());
                }
            }
            Ok(())
        };
        let outcome = read();
        drop(full_sender);
        let written = writer.join().expect("invariant: the writer does not panic");
        outcome.map_err(Fault::Read)?;
        written.map_err(Fault::Write)?;
        Ok((hasher.digest(), total))
    })
}

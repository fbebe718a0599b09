//! Copies a file and hashes what is copied, in one pass.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use crate::base::digest::{Digest, Hasher, block_for};
use crate::base::fs::{AtomicFile, failed};
use crate::store::error::Error;
use crate::store::meter::Meter;
use crate::store::uncached::Uncached;

/// From this size on, hashing is worth a thread of its own beside the one that reads and writes.
const BIG: u64 = 4 * 1024 * 1024;

/// A file of this size is worth being kept out of memory where nobody reads it soon.
const HUGE: u64 = 64 * 1024 * 1024;

/// What goes from one thread to the other at once: large enough for a disk that is written to at once,
/// and still in a processor's cache when the second thread comes to it.
const BLOCK: usize = 1024 * 1024;

/// So many blocks are on their way, which makes up for either thread's short stops.
const BLOCKS: usize = 8;

/// What becomes of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// It is read soon.
    Used,
    /// It rests: the original is what is read.
    Stored,
}

/// What both threads read at the same time.
type Block = Arc<[u8]>;

/// Copies `source`, the file at `path` of about `size` bytes, into `target`; returns the digest and
/// the number of the bytes that were copied. Memory stays the same whatever the size.
pub(super) fn copy_hashing(
    (source, path): (&mut File, &Path),
    target: &mut AtomicFile,
    size: u64,
    outlook: Outlook,
    meter: &Meter,
) -> Result<(Digest, u64), Error> {
    let unfinished = target.unfinished().to_owned();
    let target = target.file();
    let outcome = if size < BIG {
        copy_small(source, target, size, meter)
    } else if size < HUGE || outlook == Outlook::Used {
        copy_big(source, |bytes| target.write_all(bytes), meter)
    } else {
        let mut target = Uncached::new(target);
        copy_big(source, |bytes| target.write_all(bytes), meter)
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

/// Reads and writes here, and hashes on another thread, which takes about as long as the two together;
/// blocks go around between the two.
fn copy_big(
    source: &mut File,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
    meter: &Meter,
) -> Result<(Digest, u64), Fault> {
    let (full_sender, full) = mpsc::sync_channel::<(Block, usize)>(BLOCKS);
    let (free_sender, free) = mpsc::channel::<Block>();
    let blocks = (0..BLOCKS).map(|_| Arc::from(vec![0; BLOCK]));
    let mut unused: Vec<Block> = blocks.collect();
    thread::scope(|scope| {
        let hashing = scope.spawn(move || {
            let mut hasher = Hasher::default();
            for (block, count) in full {
                hasher.update(&block[..count]);
                // The other end is gone when all has been read.
                let _gone = free_sender.send(block);
            }
            hasher.digest()
        });
        let mut copy = || -> Result<u64, Fault> {
            let mut total = 0;
            loop {
                let next = unused.pop().or_else(|| free.recv().ok());
                let mut block =
                    next.expect("invariant: the other thread goes on as long as this one");
                let bytes = Arc::get_mut(&mut block).expect("invariant: it was written and hashed");
                let count = source.read(bytes).map_err(Fault::Read)?;
                if count == 0 {
                    return Ok(total);
                }
                // Nobody hashes any more only if that thread has panicked, which joining it shows.
                let _gone = full_sender.send((Arc::clone(&block), count));
                write(&block[..count]).map_err(Fault::Write)?;
                total += count as u64;
                meter.add_bytes(count as u64);
            }
        };
        let copied = copy();
        drop(full_sender);
        let digest = hashing.join().expect("invariant: hashing does not panic");
        Ok((digest, copied?))
    })
}

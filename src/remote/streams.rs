//! The bytes of an object as they come and go.

use std::fs::File;
use std::io::Read;
use std::ops::{ControlFlow, RangeBounds};

use opendal::options::{ReaderOptions, WriteOptions};
use opendal::{ErrorKind, Operator};

use crate::store::Meter;

/// The bytes of one part of a big object.
pub(crate) const PART: u64 = 8 * 1024 * 1024;

/// So many parts of one object travel at once.
pub(super) const PARTS_AT_ONCE: usize = 4;

/// Reads a range, but at most so many bytes, whatever the other side sends.
pub(super) async fn read_some(
    operator: &Operator,
    path: &str,
    range: impl RangeBounds<u64>,
    length: u64,
) -> opendal::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(in_memory(length).min(1 << 20));
    let take = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        ControlFlow::Continue(())
    };
    read_each(operator, path, range, length, take).await?;
    Ok(bytes)
}

/// Hands a range to `take`, piece by piece, until it breaks off, but at most so many bytes; returns how
/// many there were.
pub(super) async fn read_each(
    operator: &Operator,
    path: &str,
    range: impl RangeBounds<u64>,
    length: u64,
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> opendal::Result<u64> {
    let reader = operator
        .reader_options(path, ReaderOptions::default())
        .await?;
    let mut reader = reader.into_futures_async_read(range).await?;
    let mut count = 0;
    while count < length {
        let chunk = reader.read_buffer(in_memory(length - count)).await;
        let chunk = chunk.map_err(of_io)?;
        if chunk.is_empty() {
            break;
        }
        for piece in chunk {
            count += piece.len() as u64;
            if take(&piece).is_break() {
                return Ok(count);
            }
        }
    }
    Ok(count)
}

fn in_memory(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// Takes the client's error out of the one that its reader has wrapped it into.
fn of_io(error: std::io::Error) -> opendal::Error {
    let kind = error.kind();
    let Some(inner) = error.into_inner() else {
        return opendal::Error::new(ErrorKind::Unexpected, kind.to_string());
    };
    match inner.downcast::<opendal::Error>() {
        Ok(inner) => *inner,
        Err(inner) => opendal::Error::new(ErrorKind::Unexpected, inner.to_string()),
    }
}

/// Writes a file as an object, in parts where the other side takes some; `size` is in bytes.
pub(super) async fn write_parts(
    operator: &Operator,
    path: &str,
    file: &mut File,
    size: u64,
    meter: &Meter,
) -> opendal::Result<()> {
    let can_part = operator.info().capability().write_can_multi;
    let part = usize::try_from(if can_part { PART } else { size.max(1) }).unwrap_or(usize::MAX);
    let options = WriteOptions {
        concurrent: PARTS_AT_ONCE,
        chunk: (can_part && size > PART).then_some(part),
        ..WriteOptions::default()
    };
    let mut writer = operator.writer_options(path, options).await?;
    let mut rest = size;
    loop {
        let length = rest.min(part as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        if let Err(error) = file.read_exact(&mut bytes) {
            let _left = writer.abort().await;
            let message = "the local file became shorter";
            return Err(opendal::Error::new(ErrorKind::Unexpected, message).set_source(error));
        }
        if let Err(error) = writer.write(bytes).await {
            let _left = writer.abort().await;
            return Err(error);
        }
        meter.add_bytes(length);
        rest -= length;
        if rest == 0 {
            break;
        }
    }
    writer.close().await.map(|_| ())
}

//! The bytes of an object as they come and go.

use std::fs::File;
use std::io::Read;

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
    range: impl std::ops::RangeBounds<u64>,
    length: u64,
) -> opendal::Result<Vec<u8>> {
    let length_in_memory = usize::try_from(length).unwrap_or(usize::MAX);
    let reader = operator
        .reader_options(path, ReaderOptions::default())
        .await?;
    let mut reader = reader.into_futures_async_read(range).await?;
    let mut bytes = Vec::with_capacity(length_in_memory.min(1 << 20));
    while bytes.len() < length_in_memory {
        let chunk = reader.read_buffer(length_in_memory - bytes.len()).await;
        let chunk = chunk.map_err(of_io)?;
        if chunk.is_empty() {
            break;
        }
        for piece in chunk {
            bytes.extend_from_slice(&piece);
        }
    }
    Ok(bytes)
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

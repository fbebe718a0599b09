//! Whole objects as they come: into a file, in parts where the other side gives parts, or just past a
//! reader.

use std::fs::File;
use std::io::{Seek, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::base::digest::{Digest, Hasher};
use crate::base::fs::failed;
use crate::remote::backend::Backend;
use crate::remote::error::Error;
use crate::remote::parallel::in_parallel;
use crate::remote::place::Kind;
use crate::remote::streams::{PART, PARTS_AT_ONCE, read_each};
use crate::store::Meter;

impl Backend {
    /// Reads an object into a file; returns its digest and size. Where `size` is known, an object of
    /// another one is an error. Big ones come in parts, several at once, where the other side gives
    /// parts.
    pub(crate) fn download(
        &self,
        path: &str,
        size: Option<u64>,
        file: &File,
        shown: &Path,
        meter: &Meter,
    ) -> Result<(Digest, u64), Error> {
        let size = match size {
            Some(size) => size,
            None => match self.stat(path)? {
                Some(found) => found.size,
                None => return Err(self.missing(path)),
            },
        };
        if self.gives_parts(path, size)? {
            self.download_parts(path, size, file, shown, meter)?;
        } else {
            self.download_whole(path, size, file, shown, meter)?;
        }
        if self.stat(path)?.is_none_or(|found| found.size != size) {
            return Err(self.wrong(path, format!("it does not end after {size} bytes")));
        }
        let mut file = file;
        let hashed = file.rewind().and_then(|()| Digest::of_reader(&mut file));
        Ok(hashed.map_err(failed("cannot read", shown))?)
    }

    /// Returns the digest of an object of a known size, which is kept nowhere; one of another size is an
    /// error.
    pub(crate) fn digest(&self, path: &str, size: u64) -> Result<Digest, Error> {
        let mut hasher = Hasher::default();
        self.read_past(path, size, |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        Ok(hasher.digest())
    }

    /// Web servers need not know of ranges, and then send all there is: by one byte it is seen.
    fn gives_parts(&self, path: &str, size: u64) -> Result<bool, Error> {
        if self.kind() != Kind::Http || size <= PART {
            return Ok(true);
        }
        match self.read_range(path, size - 1, 1) {
            Ok(_) => Ok(true),
            Err(Error::Wrong { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn download_parts(
        &self,
        path: &str,
        size: u64,
        file: &File,
        shown: &Path,
        meter: &Meter,
    ) -> Result<(), Error> {
        let parts: Vec<u64> = (0..size.div_ceil(PART)).collect();
        in_parallel(PARTS_AT_ONCE, &parts, &self.cancel, |part| {
            let start = part * PART;
            let bytes = self.read_range(path, start, PART.min(size - start))?;
            let written = file.write_all_at(&bytes, start);
            written.map_err(failed("cannot write", shown))?;
            meter.add_bytes(bytes.len() as u64);
            Ok(())
        })?;
        Ok(())
    }

    fn download_whole(
        &self,
        path: &str,
        size: u64,
        mut file: &File,
        shown: &Path,
        meter: &Meter,
    ) -> Result<(), Error> {
        self.read_past(path, size, |piece| {
            file.write_all(piece)
                .map_err(failed("cannot write", shown))?;
            meter.add_bytes(piece.len() as u64);
            Ok(())
        })
    }

    /// Hands an object to `take`, piece by piece.
    fn read_past(
        &self,
        path: &str,
        size: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut refused = None;
        let read = self.run(read_each(
            &self.operator,
            path,
            ..,
            size + 1,
            |piece| match take(piece) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    refused = Some(error);
                    ControlFlow::Break(())
                }
            },
        ))?;
        if let Some(error) = refused {
            return Err(error);
        }
        let count = read.map_err(|error| self.explain(&error, "read", path))?;
        if count == size {
            return Ok(());
        }
        Err(self.wrong(path, format!("it does not end after {size} bytes")))
    }
}

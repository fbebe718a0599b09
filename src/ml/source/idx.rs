//! IDX files, gzipped or not: a header of big-endian numbers, then the bytes.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::gathered::Gathered;
use super::raster;
use crate::base::fs;
use crate::ml::dataset::Shape;
use crate::ml::error::Error;
use crate::ml::flaw::Flaw;
use crate::ml::params::Files;

/// Unsigned bytes, the only type that images come in.
const BYTES: u8 = 0x08;
/// A header that names more than this is damaged.
const MOST_SIDE: usize = 1 << 13;

/// Reads the images at `path` and the labels beside it.
pub(super) fn read(path: &Path, files: &Files) -> Result<Gathered, Error> {
    let labels_path = labels_beside(path)?;
    let labels = read_labels(&labels_path)?;
    let mut file = IdxFile::open(path)?;
    let [count, height, width] = file.header()?;
    if count != labels.len() {
        let what = format!(
            "it has {count} images, and `{}` has {} labels",
            labels_path.display(),
            labels.len()
        );
        return Err(file.flaw(what));
    }
    if height == 0 || width == 0 || height.max(width) > MOST_SIDE {
        return Err(file.flaw(format!("its header says that images are {width}×{height}")));
    }
    let own = Shape {
        channels: 1,
        height,
        width,
    };
    let wanted = raster::target(own, files);
    let (mut images, mut image) = (Vec::new(), vec![0; own.bytes()]);
    for number in 0..count {
        file.fill(&mut image, |file| {
            file.flaw(format!(
                "it ends in image {number} of {count}, counted from 0"
            ))
        })?;
        raster::append(&mut images, &image, own, wanted);
    }
    file.end(&format!("{count} images of {width}×{height}"))?;
    Ok(Gathered::with_numbers(path, wanted, images, labels))
}

fn read_labels(path: &Path) -> Result<Vec<usize>, Error> {
    let mut file = IdxFile::open(path)?;
    let [count] = file.header()?;
    // The count may be a lie: what is there decides how much is held.
    let mut labels = Vec::new();
    let taken = Read::take(&mut file.bytes, count as u64).read_to_end(&mut labels);
    taken.map_err(|error| file.unreadable(&error))?;
    if labels.len() < count {
        return Err(file.flaw(format!("it ends after {} of {count} labels", labels.len())));
    }
    file.end(&format!("{count} labels"))?;
    Ok(labels.into_iter().map(usize::from).collect())
}

/// Returns the labels that belong to the images at `path`, by the names that MNIST gave them.
fn labels_beside(path: &Path) -> Result<PathBuf, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = stem.replace("images", "labels").replace("idx3", "idx1");
    for ending in ["", ".gz"] {
        let labels = path.with_file_name(format!("{stem}{ending}"));
        if fs::exists(&labels)? {
            return Ok(labels);
        }
    }
    let what = format!("its labels are missing: there is no `{stem}` beside it, gzipped or not");
    Err(Flaw::new(path, what, "put the file of labels into the same folder").into())
}

struct IdxFile {
    path: PathBuf,
    bytes: Box<dyn Read>,
}

impl IdxFile {
    fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(fs::failed("cannot read", path))?;
        let file = BufReader::with_capacity(1 << 16, file);
        let bytes: Box<dyn Read> = if path.extension().is_some_and(|kind| kind == "gz") {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Self {
            path: path.to_owned(),
            bytes,
        })
    }

    /// Reads the header of a file with `N` dimensions.
    fn header<const N: usize>(&mut self) -> Result<[usize; N], Error> {
        let cut = |file: &Self| file.flaw("it ends within its header".to_owned());
        let mut magic = [0; 4];
        self.fill(&mut magic, cut)?;
        let [zero, nil, kind, dimensions] = magic;
        if (zero, nil) != (0, 0) {
            return Err(self.flaw("it is no IDX file: those begin with two zeros".to_owned()));
        }
        if kind != BYTES {
            let what = format!(
                "its values are of type 0x{kind:02x}, and only unsigned bytes (0x08) are read"
            );
            return Err(self.flaw(what));
        }
        if usize::from(dimensions) != N {
            return Err(self.flaw(format!("it has {dimensions} dimensions instead of {N}")));
        }
        let mut sizes = [0; N];
        for size in &mut sizes {
            let mut bytes = [0; 4];
            self.fill(&mut bytes, cut)?;
            *size = u32::from_be_bytes(bytes) as usize;
        }
        Ok(sizes)
    }

    /// Reads as many bytes as `into` holds; `cut` says what is wrong where the file ends before.
    fn fill(&mut self, into: &mut [u8], cut: impl FnOnce(&Self) -> Error) -> Result<(), Error> {
        match self.bytes.read_exact(into) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(cut(self)),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// Makes sure that nothing follows.
    fn end(&mut self, expected: &str) -> Result<(), Error> {
        match self.bytes.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.flaw(format!("it goes on after its {expected}"))),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    fn unreadable(&self, error: &io::Error) -> Error {
        self.flaw(format!("it cannot be read or unpacked: {error}"))
    }

    fn flaw(&self, what: String) -> Error {
        Flaw::new(
            &self.path,
            what,
            "fetch the file again: it is damaged or not what its name says",
        )
        .into()
    }
}

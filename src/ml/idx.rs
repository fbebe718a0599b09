//! MNIST as it is distributed: four IDX files, gzipped or not, each checked by its digest.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use flate2::read::GzDecoder;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::ml::dataset::{Form, Part};
use crate::ml::error::Error;

/// One of the files, by the SHA-256 of its unpacked content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdxFile {
    /// The name of the unpacked file.
    pub(crate) name: &'static str,
    sha256: &'static str,
}

/// The files of the original distribution.
pub(crate) const FILES: [IdxFile; 4] = [
    IdxFile {
        name: "train-images-idx3-ubyte",
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    IdxFile {
        name: "train-labels-idx1-ubyte",
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
    IdxFile {
        name: "t10k-images-idx3-ubyte",
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    IdxFile {
        name: "t10k-labels-idx1-ubyte",
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
];

impl IdxFile {
    /// Returns the name of the gzipped file.
    pub(crate) fn packed_name(&self) -> String {
        format!("{}.gz", self.name)
    }

    /// Returns where the file is in `folder`: unpacked, else gzipped, else nowhere.
    pub(crate) fn find(&self, folder: &Path) -> Result<Option<PathBuf>, Error> {
        for name in [self.name.to_owned(), self.packed_name()] {
            let path = folder.join(name);
            if fs::exists(&path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Returns the unpacked content of the file at `path` once its digest has been found right.
    fn verified(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let bytes = fs::read(path)?.unwrap_or_default();
        let bytes = if path.extension().is_some_and(|kind| kind == "gz") {
            unpack(&bytes).map_err(|source| Error::Packed {
                path: path.to_owned(),
                source,
            })?
        } else {
            bytes
        };
        let found = Digest::of(&bytes);
        if found == self.digest() {
            Ok(bytes)
        } else {
            Err(Error::Altered {
                path: path.to_owned(),
                expected: self.digest(),
                found,
            })
        }
    }

    /// Returns whether `packed`, gzipped bytes, are this file.
    pub(crate) fn is(&self, packed: &[u8]) -> bool {
        unpack(packed).is_ok_and(|bytes| Digest::of(&bytes) == self.digest())
    }

    fn digest(&self) -> Digest {
        let digest = self.sha256.parse();
        digest.expect("invariant: the table holds digests")
    }
}

fn unpack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// The two sources of MNIST.
pub(crate) struct Mnist {
    pub(crate) train: Part,
    pub(crate) test: Part,
}

/// Reads the files in `folder`, which must be all there.
pub(crate) fn load(folder: &Path) -> Result<Mnist, Error> {
    // The reader wants unpacked files in one folder; what it reads is what was checked.
    let unpacked = tempfile::tempdir().map_err(fs::failed("cannot unpack", folder))?;
    for file in FILES {
        let path = file.find(folder)?.unwrap_or_else(|| folder.join(file.name));
        let bytes = file.verified(&path)?;
        fs::write_atomic(&unpacked.path().join(file.name), &bytes)?;
    }
    let dataset = candle_datasets::vision::mnist::load_dir(unpacked.path())?;
    Ok(Mnist {
        train: part(&dataset.train_images, &dataset.train_labels)?,
        test: part(&dataset.test_images, &dataset.test_labels)?,
    })
}

/// Takes a source back from the reader's floats between 0 and 1 to bytes.
fn part(images: &Tensor, labels: &Tensor) -> Result<Part, Error> {
    let bytes = (images * 255.0)?.round()?.to_dtype(DType::U8)?;
    let images = bytes.flatten_all()?.to_vec1()?;
    let labels: Vec<u8> = labels.to_vec1()?;
    let labels = labels.into_iter().map(u16::from).collect();
    Ok(Part::in_order(Form::DIGITS, images, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_readers_floats() {
        let bytes: Vec<f32> = (0u8..=255).map(|byte| f32::from(byte) / 255.0).collect();
        let tensor = Tensor::new(bytes, &candle_core::Device::Cpu).expect("a tensor");
        let back = (tensor * 255.0).and_then(|tensor| tensor.round()?.to_dtype(DType::U8));
        let back: Vec<u8> = back.and_then(|tensor| tensor.to_vec1()).expect("bytes");
        assert_eq!(back, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn damaged_and_altered_files_are_told_apart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let packed = folder.path().join("train-labels-idx1-ubyte.gz");
        fs::write_atomic(&packed, b"\x1f\x8b but then no gzip").expect("writes");
        let error = FILES[1].verified(&packed).expect_err("damaged");
        assert!(matches!(error, Error::Packed { .. }), "{error}");
        let raw = folder.path().join("train-labels-idx1-ubyte");
        fs::write_atomic(&raw, b"other labels").expect("writes");
        let error = FILES[1].verified(&raw).expect_err("altered").to_string();
        assert!(error.contains(FILES[1].sha256), "{error}");
        assert!(
            error.contains(&Digest::of(b"other labels").to_string()),
            "{error}"
        );
    }
}

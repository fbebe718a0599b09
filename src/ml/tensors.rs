//! Safetensors files, written whole and in one order, so that the same tensors are the same bytes.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::fs::{self, AtomicFile};
use crate::ml::error::Error;
use crate::ml::model::Slot;
use crate::ml::seal;

/// Writes the tensors under their names; the format's library sorts them by type and name.
pub(crate) fn write<K>(tensors: &HashMap<K, Tensor>, path: &Path) -> Result<(), Error>
where
    K: AsRef<str> + Ord + Display,
{
    let mut file = AtomicFile::begin(path)?;
    candle_core::safetensors::save(tensors, file.unfinished()).map_err(|source| {
        Error::Tensors {
            path: path.to_owned(),
            source,
        }
    })?;
    // It writes a file of its own, which nobody else may read.
    file.retake()?;
    Ok(file.commit()?)
}

/// Reads the tensors at `path`, which `stage` wrote.
pub(crate) fn read(path: &Path, stage: &'static str) -> Result<HashMap<String, Tensor>, Error> {
    Ok(Stored::read(path, stage)?.tensors)
}

/// Whether a file holds its own digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sealing {
    /// It does, and is refused where a byte has changed.
    Sealed,
    /// It does not: whoever keeps it hashes it.
    Open,
}

/// Writes tensors of single precision in the order of their names, with notes as JSON in the
/// format's field for metadata, which candle's own writer does not have.
///
/// The format: the length of the header in eight bytes, the header as JSON with type, shape and
/// place of each tensor, and their bytes.
pub(crate) fn write_with(
    tensors: &BTreeMap<String, Tensor>,
    notes: &[(&str, &dyn erased::Json)],
    sealing: Sealing,
    path: &Path,
) -> Result<(), Error> {
    let numbers: usize = tensors.values().map(Tensor::elem_count).sum();
    let mut bytes = Vec::with_capacity(numbers * size_of::<f32>());
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), metadata(notes, sealing));
    for (name, tensor) in tensors {
        let start = bytes.len();
        for value in tensor.flatten_all()?.to_vec1::<f32>()? {
            bytes.extend(value.to_le_bytes());
        }
        let place = serde_json::json!({
            "dtype": "F32",
            "shape": tensor.dims(),
            "data_offsets": [start, bytes.len()],
        });
        header.insert(name.clone(), place);
    }
    let mut header = with_length(serde_json::Value::Object(header).to_string());
    if sealing == Sealing::Sealed {
        seal::seal(&mut header, &bytes);
    }
    let mut file = AtomicFile::begin(path)?;
    for part in [&header, &bytes] {
        let written = file.file().write_all(part);
        written.map_err(fs::failed("cannot write", path))?;
    }
    Ok(file.commit()?)
}

fn metadata(notes: &[(&str, &dyn erased::Json)], sealing: Sealing) -> serde_json::Value {
    let texts = notes.iter();
    let mut texts: serde_json::Map<String, serde_json::Value> = texts
        .map(|(name, note)| ((*name).to_owned(), note.text().into()))
        .collect();
    if sealing == Sealing::Sealed {
        texts.insert(seal::NOTE.to_owned(), seal::blank().into());
    }
    texts.into()
}

/// Puts the length of a header in front of it. The tensors begin at a multiple of eight bytes.
fn with_length(mut header: String) -> Vec<u8> {
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes()].concat()
}

/// The tensors and notes of a file.
pub(crate) struct Stored {
    path: PathBuf,
    stage: &'static str,
    tensors: HashMap<String, Tensor>,
    notes: HashMap<String, String>,
}

impl Stored {
    /// Reads the file at `path`, which `stage` wrote.
    pub(crate) fn read(path: &Path, stage: &'static str) -> Result<Self, Error> {
        let bytes = fs::read(path)?.ok_or_else(|| Error::Missing {
            path: path.to_owned(),
            stage,
        })?;
        Self::of(&bytes, path, stage)
    }

    /// Takes the content of the sealed file at `path`; returns `None` where a byte of it has
    /// changed.
    pub(crate) fn unsealed(
        bytes: &[u8],
        path: &Path,
        stage: &'static str,
    ) -> Result<Option<Self>, Error> {
        if !seal::is_intact(bytes) {
            return Ok(None);
        }
        Self::of(bytes, path, stage).map(Some)
    }

    fn of(bytes: &[u8], path: &Path, stage: &'static str) -> Result<Self, Error> {
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu);
        let tensors = tensors.map_err(|source| Error::Tensors {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            stage,
            tensors,
            notes: notes(bytes).unwrap_or_default(),
        })
    }

    /// Returns the note under `name`, if it is there and of this kind.
    pub(crate) fn note<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.notes.get(name)?).ok()
    }

    /// Returns the tensor of a slot.
    pub(crate) fn take(&mut self, slot: &Slot) -> Result<Tensor, Error> {
        self.take_named(&slot.name, &slot.shape)
    }

    /// Returns the tensor `name`, which must have this shape.
    pub(crate) fn take_named(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        match self.tensors.remove(name) {
            Some(tensor) if tensor.dims() == shape && tensor.dtype() == DType::F32 => Ok(tensor),
            _ => Err(Error::Damaged {
                path: self.path.clone(),
                what: format!("it has no `{name}` of shape {shape:?}"),
                stage: self.stage,
            }),
        }
    }
}

/// Reads the notes of a file whose tensors were read.
fn notes(bytes: &[u8]) -> Option<HashMap<String, String>> {
    #[derive(serde::Deserialize)]
    struct Header {
        __metadata__: HashMap<String, String>,
    }
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let header: Header = serde_json::from_slice(rest.get(..length)?).ok()?;
    Some(header.__metadata__)
}

/// Notes of different types in one list.
mod erased {
    use super::Serialize;

    pub(crate) trait Json {
        fn text(&self) -> String;
    }

    impl<T: Serialize> Json for T {
        fn text(&self) -> String {
            serde_json::to_string(self).expect("invariant: notes are numbers, text and lists")
        }
    }
}

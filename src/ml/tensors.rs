//! Safetensors files, written whole and in one order, so that the same tensors are the same bytes.

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;

use candle_core::{Device, Tensor};

use crate::base::fs::{self, AtomicFile};
use crate::ml::error::Error;

/// Writes the tensors under their names; the format's library sorts them by type and name.
pub(crate) fn write<K>(tensors: &HashMap<K, Tensor>, path: &Path) -> Result<(), Error>
where
    K: AsRef<str> + Ord + Display,
{
    let file = AtomicFile::begin(path)?;
    candle_core::safetensors::save(tensors, file.unfinished()).map_err(|source| {
        Error::Tensors {
            path: path.to_owned(),
            source,
        }
    })?;
    Ok(file.commit()?)
}

/// Reads the tensors at `path`, which `stage` wrote.
pub(crate) fn read(path: &Path, stage: &'static str) -> Result<HashMap<String, Tensor>, Error> {
    let bytes = fs::read(path)?.ok_or_else(|| Error::Missing {
        path: path.to_owned(),
        stage,
    })?;
    candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|source| Error::Tensors {
        path: path.to_owned(),
        source,
    })
}

//! `TensorFile`: a safetensors file read piece by piece, whatever types its tensors have.
//!
//! The format: the header's length as 8 bytes, little-endian, the header as JSON, then the data.
//! <https://huggingface.co/docs/safetensors/index#format>

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::fs;
use crate::ml::error::Error;
use crate::ml::flaw::Flaw;

/// A header is names and shapes; one that says it is longer is damaged.
const MOST_HEADER: u64 = 100 << 20;
const HELP: &str = "write it again: it is damaged or no safetensors file";

/// An open file.
pub(crate) struct TensorFile {
    path: PathBuf,
    file: File,
    data: u64,
    tensors: BTreeMap<String, TensorInfo>,
}

/// Takes numbers as the bytes that they consist of.
type TakeBytes<'a> = &'a mut dyn FnMut(&[u8], Kind) -> Result<(), Error>;

/// What the header says of a tensor.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TensorInfo {
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    data_offsets: [u64; 2],
}

impl TensorInfo {
    /// Returns how many numbers the tensor has.
    pub(crate) fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A type of numbers that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Kind {
    /// Returns the type that the header calls so.
    pub(crate) fn named(dtype: &str) -> Option<Self> {
        Some(match dtype {
            "U8" | "BOOL" => Self::U8,
            "I8" => Self::I8,
            "U16" => Self::U16,
            "I16" => Self::I16,
            "U32" => Self::U32,
            "I32" => Self::I32,
            "U64" => Self::U64,
            "I64" => Self::I64,
            "F32" => Self::F32,
            "F64" => Self::F64,
            _ => return None,
        })
    }

    /// Returns how many bytes a number takes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Returns the numbers that these bytes are.
    pub(crate) fn numbers(self, bytes: &[u8]) -> impl Iterator<Item = f64> {
        let chunks = bytes.chunks_exact(self.bytes());
        chunks.map(move |chunk| self.number(chunk))
    }

    #[expect(clippy::cast_precision_loss, reason = "labels and pixels are small")]
    fn number(self, bytes: &[u8]) -> f64 {
        fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
            bytes
                .try_into()
                .expect("invariant: chunks are of the type's size")
        }
        match self {
            Self::U8 => f64::from(bytes[0]),
            Self::I8 => f64::from(i8::from_le_bytes(array(bytes))),
            Self::U16 => f64::from(u16::from_le_bytes(array(bytes))),
            Self::I16 => f64::from(i16::from_le_bytes(array(bytes))),
            Self::U32 => f64::from(u32::from_le_bytes(array(bytes))),
            Self::I32 => f64::from(i32::from_le_bytes(array(bytes))),
            Self::U64 => u64::from_le_bytes(array(bytes)) as f64,
            Self::I64 => i64::from_le_bytes(array(bytes)) as f64,
            Self::F32 => f64::from(f32::from_le_bytes(array(bytes))),
            Self::F64 => f64::from_le_bytes(array(bytes)),
        }
    }
}

impl TensorFile {
    /// Opens the file at `path` and checks that it consists of its tensors.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let unreadable = || fs::failed("cannot read", path);
        let flaw = |what: &str| Flaw::new(path, what, HELP);
        let mut file = File::open(path).map_err(unreadable())?;
        let size = file.metadata().map_err(unreadable())?.len();
        let mut length = [0; 8];
        if size < 8 {
            return Err(flaw("it ends within its header").into());
        }
        file.read_exact(&mut length).map_err(unreadable())?;
        let length = u64::from_le_bytes(length);
        if length > MOST_HEADER || length > size - 8 {
            return Err(
                flaw("its header is longer than the file: it is no safetensors file").into(),
            );
        }
        let mut header = Vec::new();
        let taken = (&mut file).take(length).read_to_end(&mut header);
        taken.map_err(unreadable())?;
        let tensors = described(&header).map_err(|what| flaw(&what))?;
        check(&tensors, size - 8 - length).map_err(|what| flaw(&what))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            data: 8 + length,
            tensors,
        })
    }

    /// Returns what the header says of the tensor `name`.
    pub(crate) fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// Returns the names of all tensors.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).collect()
    }

    /// Gives the numbers of the tensor `name` to `take`, `count` at a time and in their order.
    pub(crate) fn read(
        &mut self,
        name: &str,
        count: usize,
        take: &mut dyn FnMut(&[f64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut numbers = Vec::new();
        self.read_bytes(name, count, &mut |bytes, kind| {
            numbers.clear();
            numbers.extend(kind.numbers(bytes));
            take(&numbers)
        })
    }

    /// Like [`Self::read`], but gives the bytes that the numbers consist of, and their type.
    pub(crate) fn read_bytes(
        &mut self,
        name: &str,
        count: usize,
        take: TakeBytes,
    ) -> Result<(), Error> {
        let info = self.tensors.get(name).cloned();
        let info = info.expect("invariant: callers ask for tensors that are there");
        let Some(kind) = Kind::named(&info.dtype) else {
            let what = format!(
                "its tensor `{name}` has the type {}, which is not read",
                info.dtype
            );
            return Err(Flaw::new(&self.path, what, "write it as U8 or F32").into());
        };
        let unreadable = || fs::failed("cannot read", &self.path);
        let start = SeekFrom::Start(self.data + info.data_offsets[0]);
        self.file.seek(start).map_err(unreadable())?;
        let (mut left, mut bytes) = (info.count(), Vec::new());
        while left > 0 {
            let now = left.min(count.max(1));
            bytes.resize(now * kind.bytes(), 0);
            self.file.read_exact(&mut bytes).map_err(unreadable())?;
            take(&bytes, kind)?;
            left -= now;
        }
        Ok(())
    }
}

/// Returns the class that a label is, if it is a whole number from 0 on.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a whole number that is small enough"
)]
pub(crate) fn class(label: f64) -> Option<usize> {
    let is_whole = (0.0..=f64::from(u32::MAX)).contains(&label) && label.fract() == 0.0;
    is_whole.then_some(label as usize)
}

/// Reads the header's JSON; says what is wrong with it.
fn described(header: &[u8]) -> Result<BTreeMap<String, TensorInfo>, String> {
    let mut entries: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header)
        .map_err(|error| format!("its header is no JSON: {error}"))?;
    entries.remove("__metadata__");
    let tensors = entries.into_iter().map(|(name, entry)| {
        let info = serde_json::from_value(entry);
        let info =
            info.map_err(|error| format!("its tensor `{name}` is described wrongly: {error}"))?;
        Ok((name, info))
    });
    tensors.collect()
}

/// Checks that the tensors fill the `room` after the header, one after the other and each with the
/// bytes that its shape needs.
fn check(tensors: &BTreeMap<String, TensorInfo>, room: u64) -> Result<(), String> {
    for (name, info) in tensors {
        let [begin, end] = info.data_offsets;
        if begin > end || end > room {
            return Err(format!(
                "its tensor `{name}` lies behind its end: it was cut off"
            ));
        }
        let Some(kind) = Kind::named(&info.dtype) else {
            continue;
        };
        let sides = info.shape.iter();
        let volume = sides.copied().try_fold(kind.bytes(), usize::checked_mul);
        if volume.map(|volume| volume as u64) != Some(end - begin) {
            return Err(format!(
                "its tensor `{name}` has not as many bytes as its shape needs"
            ));
        }
    }
    let mut places: Vec<_> = tensors.values().map(|info| info.data_offsets).collect();
    places.sort_unstable();
    let mut filled = 0;
    for [begin, end] in places {
        if begin != filled {
            return Err(format!(
                "its tensors do not follow each other: one ends at byte {filled}, the next begins at {begin}"
            ));
        }
        filled = end;
    }
    match room - filled {
        0 => Ok(()),
        more => Err(format!("it has {more} bytes after its tensors")),
    }
}

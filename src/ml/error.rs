//! Everything that the built-in stages can fail on.

use std::io;
use std::path::PathBuf;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::problem::Problem;
use crate::ml::dataset::Form;
use crate::ml::flaw::Flaw;

/// A built-in stage failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The params file has something wrong in it.
    #[error(transparent)]
    Params(#[from] Problem),
    /// Reading or writing a file failed.
    #[error(transparent)]
    File(#[from] fs::Error),
    /// A file of MNIST is gzipped, and the gzip is damaged.
    #[error(
        "`{}` cannot be unpacked; delete it, and the next run fetches it again",
        path.display()
    )]
    Packed { path: PathBuf, source: io::Error },
    /// A file has the name of one of MNIST's, but another content.
    #[error(
        "`{}` is not the file of MNIST: its unpacked SHA-256 is {found}, expected {expected}; \
         delete it, and the next run fetches it again",
        path.display()
    )]
    Altered {
        path: PathBuf,
        expected: Digest,
        found: Digest,
    },
    /// A download failed at one address.
    #[error("cannot download `{url}`")]
    Download { url: String, source: reqwest::Error },
    /// What came from an address is not MNIST.
    #[error("`{url}` gave something that is not the file of MNIST")]
    Delivered { url: String },
    /// Files of MNIST are missing and no address gave them.
    #[error(
        "MNIST is not in `{}` and cannot be downloaded; put these files there, gzipped or not: {}",
        folder.display(),
        names.join(", ")
    )]
    Unobtainable {
        folder: PathBuf,
        names: Vec<String>,
        source: Box<Error>,
    },
    /// The folder for the prepared data holds files that are not ours.
    #[error(
        "`{}` holds `{stranger}`, which `prepare` did not write; name another folder with `--out`",
        folder.display()
    )]
    Occupied { folder: PathBuf, stranger: String },
    /// A file that an earlier stage writes is missing.
    #[error("`{}` is missing; run `mlpipe ml {stage}` first", path.display())]
    Missing { path: PathBuf, stage: &'static str },
    /// A file of ours is not what its stage writes.
    #[error("`{}` is damaged: {what}; run `mlpipe ml {stage}` again", path.display())]
    Damaged {
        path: PathBuf,
        what: String,
        stage: &'static str,
    },
    /// A tensor file cannot be read or written.
    #[error("cannot read or write the tensors of `{}`", path.display())]
    Tensors {
        path: PathBuf,
        source: candle_core::Error,
    },
    /// The network is made for other images or another number of classes.
    #[error(
        "the network takes {} images in {} classes, and the data are {} images in {}",
        wanted.shape, wanted.classes, found.shape, found.classes
    )]
    Unfit { found: Form, wanted: Form },
    /// A file of a data set is not what it should be.
    #[error(transparent)]
    Broken(#[from] Flaw),
    /// `MLPIPE_KERNELS` names instructions that cannot be used.
    #[error("`MLPIPE_KERNELS={name}` names instructions that cannot be used: {why}")]
    NoPath { name: String, why: &'static str },
    /// A checkpoint is of another training.
    #[error("the checkpoint `{}` is of {of}", path.display())]
    Stale { path: PathBuf, of: &'static str },
    /// The checkpoints that are needed to go on, or the best one at the end, are damaged.
    #[error("no checkpoint can be used: {}", states(found))]
    Checkpoints { found: Vec<(PathBuf, String)> },
    /// Prepared data have faults.
    #[error("the data in `{}` cannot be used: {count} {} above", folder.display(), if *count == 1 { "fault" } else { "faults" })]
    Unusable { folder: PathBuf, count: usize },
    /// What the data are to be compared with is not what `inspect` writes.
    #[error("`{name}` is not what `mlpipe ml inspect` writes")]
    NoFindings {
        name: String,
        source: serde_json::Error,
    },
    /// The numbers ran away: a loss that is not finite teaches nothing.
    #[error("the loss is no finite number any more in epoch {epoch}; try a smaller `train.lr`")]
    Diverged { epoch: usize },
    /// An operation on tensors failed.
    #[error("a computation failed")]
    Compute(#[from] candle_core::Error),
}

fn states(found: &[(PathBuf, String)]) -> String {
    let states = found
        .iter()
        .map(|(path, why)| format!("`{}` is {why}", path.display()));
    states.collect::<Vec<_>>().join("; ")
}

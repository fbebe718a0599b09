//! The stage `prepare`: from a source to the folder of train, validation and test part.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::ml::dataset::{self, CLASSES, Counts, Summary, TEST, TRAIN, VALIDATION, numbered};
use crate::ml::error::Error;
use crate::ml::event::Event;
use crate::ml::flaw::Flaw;
use crate::ml::params::{DataParams, Source};
use crate::ml::random::Purpose;
use crate::ml::source::{self, Loaded};
use crate::ml::split::split;
use crate::ml::{download, idx, synthetic};

/// Where `prepare` reads and writes.
pub(crate) struct Preparation {
    /// The file with the section `data`.
    pub(crate) params: PathBuf,
    /// The folder that is made.
    pub(crate) out: PathBuf,
    /// An address that is asked for MNIST instead of the public ones.
    pub(crate) mirror: Option<String>,
}

/// Makes the prepared data anew; on any error the old folder stays as it was.
pub(crate) fn prepare(task: &Preparation, on_event: &mut dyn FnMut(Event)) -> Result<(), Error> {
    let params = DataParams::read(&task.params)?;
    refuse_strangers(&task.out)?;
    let Loaded {
        train: source,
        test,
        classes,
    } = load(&params, task.mirror.as_deref(), on_event)?;
    let (share, seed) = (params.validation, params.seed);
    let (train, validation) = split(&source, (share, 1), seed, Purpose::Split);
    let aside = folder_beside(&task.out)?;
    let counts = Counts {
        test: test.len(),
        train: train.len(),
        validation: validation.len(),
    };
    let (mean, std) = dataset::brightness(&train);
    refuse_emptiness(&params.source, std)?;
    train.write(&aside.path().join(TRAIN))?;
    validation.write(&aside.path().join(VALIDATION))?;
    test.write(&aside.path().join(TEST))?;
    let summary = Summary {
        classes,
        counts,
        mean,
        shape: train.form().shape,
        source: params.source.name().to_owned(),
        std,
        test_set: dataset::test_set(aside.path())?,
    };
    summary.write(aside.path())?;
    put_in_place(aside, &task.out)?;
    on_event(Event::Prepared {
        folder: task.out.clone(),
        counts,
    });
    Ok(())
}

/// Reads or renders the source.
fn load(
    params: &DataParams,
    mirror: Option<&str>,
    on_event: &mut dyn FnMut(Event),
) -> Result<Loaded, Error> {
    match &params.source {
        Source::Synthetic {
            train_count,
            test_count,
        } => Ok(Loaded {
            train: synthetic::render(*train_count, params.seed, Purpose::TrainImage),
            test: synthetic::render(*test_count, params.seed, Purpose::TestImage),
            classes: numbered(CLASSES),
        }),
        Source::Mnist { path } => {
            download::complete(path, mirror, on_event)?;
            let mnist = idx::load(path)?;
            Ok(Loaded {
                train: mnist.train,
                test: mnist.test,
                classes: numbered(CLASSES),
            })
        }
        Source::Files(files) => source::load(files, params.seed),
    }
}

/// Images that have one brightness everywhere cannot be normalised, nor learned from.
fn refuse_emptiness(source: &Source, std: f64) -> Result<(), Error> {
    let path = match source {
        Source::Mnist { path } => path,
        Source::Files(files) => &files.path,
        Source::Synthetic { .. } => return Ok(()),
    };
    if std > 0.0 {
        return Ok(());
    }
    let what = "all pixels of its images to train on are the same";
    let help = "nothing can be learned from them: look at the files, and at `data.size`";
    Err(Flaw::new(path, what, help).into())
}

/// Makes an empty folder on the file system of `out`, so that a rename can put it in place.
fn folder_beside(out: &Path) -> Result<tempfile::TempDir, Error> {
    let parent = fs::parent(out);
    fs::make_folder(parent)?;
    let folder = tempfile::Builder::new()
        .prefix(fs::LITTER)
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(parent)
        .map_err(fs::failed("cannot make a folder in", parent))?;
    Ok(folder)
}

/// Swaps the finished folder in: at any moment the old or the new one can be had.
fn put_in_place(finished: tempfile::TempDir, out: &Path) -> Result<(), Error> {
    if fs::exists(out)? {
        let old = folder_beside(out)?;
        fs::rename(out, &old.path().join("old"))?;
        fs::rename(&finished.keep(), out)?;
        return Ok(());
    }
    Ok(fs::rename(&finished.keep(), out)?)
}

/// Replacing a folder deletes what is in it, so it must hold nothing but our own files.
fn refuse_strangers(out: &Path) -> Result<(), Error> {
    let unreadable = || fs::failed("cannot read", out);
    if !fs::exists(out)? {
        return Ok(());
    }
    // What is no folder fails here, and so is never replaced by one.
    let entries = std::fs::read_dir(out).map_err(unreadable())?;
    let ours = dataset::files(out);
    for entry in entries {
        let path = entry.map_err(unreadable())?.path();
        if !ours.contains(&path) {
            let stranger = path.strip_prefix(out).unwrap_or(&path);
            return Err(Error::Occupied {
                folder: out.to_owned(),
                stranger: stranger.display().to_string(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write_atomic(&folder.path().join("thesis.tex"), b"years").expect("writes");
        let error = refuse_strangers(folder.path())
            .expect_err("refuses")
            .to_string();
        assert!(error.contains("`thesis.tex`"), "{error}");
        refuse_strangers(&folder.path().join("new")).expect("nothing is there");
        refuse_strangers(&folder.path().join("thesis.tex")).expect_err("a file is no folder");
    }
}

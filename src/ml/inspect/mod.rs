//! The check `inspect`: what is wrong or odd with prepared data, before anything learns from it.
//!
//! What makes the data unusable is a [`Fault`], and the check fails. What may be meant so (images
//! that are there twice, rare classes) is a number, for a gate to judge.

mod drift;
mod examined;
mod findings;
mod pixels;

use std::path::PathBuf;

pub(crate) use drift::Drift;
pub(crate) use examined::Fault;
pub(crate) use findings::{Findings, PartFindings};

use crate::base::fs;
use crate::ml::dataset::{self, SUMMARY, Summary, TEST, TRAIN, VALIDATION};
use crate::ml::error::Error;
use crate::ml::event::Event;
use crate::ml::report::{self, significant};
use examined::{Examined, examine};

/// Where `inspect` reads and writes.
pub(crate) struct Inspection {
    /// The prepared data.
    pub(crate) data: PathBuf,
    /// The file for what was found.
    pub(crate) metrics: PathBuf,
    /// What was found in the data that these are compared with.
    pub(crate) base: Option<Base>,
    /// The file for the differences from the base.
    pub(crate) drift: PathBuf,
}

/// What an earlier `inspect` found.
pub(crate) struct Base {
    /// What people call it: a revision or a file.
    pub(crate) name: String,
    /// The content of its file.
    pub(crate) bytes: Vec<u8>,
}

/// Checks the data, writes what was found, and fails if the data cannot be used.
pub(crate) fn inspect(task: &Inspection, on_event: &mut dyn FnMut(Event)) -> Result<(), Error> {
    let summary = Summary::read(&task.data)?;
    let [train, validation, test] =
        [TRAIN, VALIDATION, TEST].map(|name| examine(&task.data.join(name), &summary));
    let (train, validation, test) = (train?, validation?, test?);
    let faults = faults(task, &summary, [&train, &validation, &test])?;
    let findings = Findings::of(&summary, [&train, &validation, &test], faults.len());
    report::write_json(&findings, &task.metrics)?;
    let drift = match &task.base {
        Some(base) => Some(findings.drift_from(base)?),
        None => None,
    };
    if let Some(drift) = &drift {
        report::write_json(drift, &task.drift)?;
    }
    let count = faults.len();
    on_event(Event::Inspected {
        findings: Box::new(findings),
        drift,
        faults,
    });
    match count {
        0 => Ok(()),
        count => Err(Error::Unusable {
            folder: task.data.clone(),
            count,
        }),
    }
}

/// Gathers the faults of the parts, and those in what the summary says of them.
fn faults(
    task: &Inspection,
    summary: &Summary,
    parts: [&Examined; 3],
) -> Result<Vec<Fault>, Error> {
    let mut faults: Vec<Fault> = parts.iter().flat_map(|part| part.faults.clone()).collect();
    let counts = [
        summary.counts.train,
        summary.counts.validation,
        summary.counts.test,
    ];
    for ((part, count), file) in parts.iter().zip(counts).zip([TRAIN, VALIDATION, TEST]) {
        if part.count != count && part.faults.is_empty() {
            let what = format!("it has {} images, and `{SUMMARY}` says {count}", part.count);
            faults.push(Fault::new(file, "images", what));
        }
    }
    faults.extend(false_brightness(summary, parts[0]));
    if fs::exists(&task.data.join(TEST))? && dataset::test_set(&task.data)? != summary.test_set {
        let what = format!("`{SUMMARY}` tells of another test part");
        faults.push(Fault::new(TEST, "file", what));
    }
    Ok(faults)
}

/// Returns the faults of what the summary says of the train part's brightness, by which images are
/// normalised.
fn false_brightness(summary: &Summary, train: &Examined) -> Vec<Fault> {
    if !train.faults.is_empty() {
        return Vec::new();
    }
    let (mean, std) = train.pixels.brightness();
    let told = [("mean", summary.mean, mean), ("std", summary.std, std)];
    // Rounding differs by less, for both are of the same sums.
    let differs = |told: f64, found: f64| (told - found).abs() > 1e-6;
    let is_false = told
        .into_iter()
        .filter(|(_, told, found)| differs(*told, *found));
    let faults = is_false.map(|(key, told, found)| {
        let found = significant(found);
        let what = format!("its `{key}` is {told}, and that of the images is {found}");
        Fault::new(SUMMARY, key, what)
    });
    faults.collect()
}

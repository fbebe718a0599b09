//! `Backing`: what the predictions of single examples say of the metrics of a comparison. Made once,
//! and asked by everything that judges or shows a metric.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::Digest;
use crate::base::path::RepoPath;
use crate::base::source::{Snapshot, read_text};
use crate::metrics::claims::{Claim, claims, settle, unknown_metrics, untold_statistics};
use crate::metrics::collect::Collection;
use crate::metrics::measured::{Measured, Share};
use crate::metrics::memory::{Memory, Place};
use crate::metrics::paired::{self, Significance, Tested};
use crate::metrics::pairing::Pairs;
use crate::metrics::predictions::Predictions;
use crate::metrics::testimony::{Incomparable, agrees};
use crate::pipeline::{self, Lock, MetricRef, PredictionFile, Statistic};
use crate::statistics::Confidence;

/// One side of a comparison.
pub(crate) struct Side<'a> {
    /// Reads files, those of the cache too.
    pub(crate) snapshot: &'a dyn Snapshot,
    /// What its lock records.
    pub(crate) lock: &'a Lock,
    /// Its metrics.
    pub(crate) metrics: &'a Collection,
}

/// What predictions say of metrics.
#[derive(Debug, Default)]
pub(crate) struct Backing {
    metrics: BTreeMap<MetricRef, Finding>,
    /// Files of predictions that cannot be compared, and why.
    pub(crate) obstacles: Vec<(RepoPath, Incomparable)>,
    /// The metrics of which a file of predictions might have told, had it been read, and why it was not.
    pub(super) untold: BTreeMap<MetricRef, (RepoPath, Incomparable)>,
    /// Files here that could not be read.
    pub(crate) faults: Vec<pipeline::Error>,
}

/// What predictions say of one metric.
#[derive(Debug)]
pub(crate) enum Finding {
    /// They agree with its value.
    Backed(Box<Backed>),
    /// Those here say something else, so that they prove nothing of it.
    Contradicted {
        /// The name of the side here.
        side: String,
        /// What they say.
        computed: f64,
    },
}

/// A metric whose predictions are known.
#[derive(Debug)]
pub(crate) struct Backed {
    /// The share of examples that it is, if it is one.
    pub(crate) share: Option<Share>,
    /// How it differs from the base: `None` where no base was asked for, or it lacks the metric. What
    /// is wrong with the base says nothing of the value here.
    pub(crate) change: Option<Result<Tested, Incomparable>>,
}

impl Finding {
    /// Returns what predictions mean for the change; `None` where they say nothing of it.
    pub(crate) fn significance(&self) -> Option<Significance> {
        match self {
            Self::Backed(backed) => {
                let tested = backed.change.as_ref()?.as_ref().ok()?;
                Some(tested.significance(Confidence::default()))
            }
            Self::Contradicted { .. } => None,
        }
    }
}

impl Backing {
    /// Finds what the predictions in `files`, which are those that the pipeline here declares, say of
    /// the metrics here and, where there is a base, of how they differ from its.
    pub(crate) fn of(
        base: Option<(&Side<'_>, &Memory)>,
        here: &Side<'_>,
        files: &[PredictionFile],
    ) -> Self {
        let mut backing = Self::default();
        for file in files {
            let unknown = unknown_metrics(file, here.metrics).map(pipeline::Error::from);
            backing.faults.extend(unknown);
            let claims = claims(file, here.metrics);
            if claims.is_empty() {
                continue;
            }
            match here.read(file) {
                Ok(predictions) => {
                    let base = base.map(|(side, memory)| (side, memory.place(&file.path)));
                    backing.add(base, here, file, &claims, &predictions);
                }
                Err(Obstacle { why, fault }) => {
                    let obstacle = (file.path.clone(), why);
                    let metrics = claims.iter().map(|claim| claim.metric.clone());
                    let untold = metrics.map(|metric| (metric, obstacle.clone()));
                    backing.untold.extend(untold);
                    backing.obstacles.push(obstacle);
                    backing.faults.extend(fault.map(|fault| *fault));
                }
            }
        }
        backing
    }

    /// Returns what predictions say of a metric; `None` if nothing.
    pub(crate) fn get(&self, file: &RepoPath, key: &str) -> Option<&Finding> {
        let (file, key) = (file.clone(), key.to_owned());
        self.metrics.get(&MetricRef { file, key })
    }

    /// Returns whether predictions say anything of any metric.
    pub(crate) fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    fn add(
        &mut self,
        base: Option<(&Side<'_>, Place)>,
        here: &Side<'_>,
        file: &PredictionFile,
        claims: &[Claim],
        predictions: &Predictions,
    ) {
        let measured = Measured::new(predictions);
        let untold = untold_statistics(file, predictions).map(pipeline::Error::from);
        self.faults.extend(untold);
        let settled = settle(claims, &measured);
        let statistics = settled.iter().filter(|one| one.agrees);
        let statistics: BTreeSet<Statistic> = statistics.map(|one| one.statistic.clone()).collect();
        let tested = base.as_ref().map(|(base, place)| {
            let pairing = Pairing { base, here, file };
            pairing.test(predictions, &statistics, place)
        });
        let base = base.map(|(base, _)| base);
        if let Some(Err(why)) = &tested {
            self.obstacles.push((file.path.clone(), why.clone()));
        }
        for one in settled {
            let finding = if one.agrees {
                let old = base.and_then(|base| number(base.metrics, &one.metric));
                Finding::Backed(Box::new(Backed {
                    share: measured.share(&one.statistic),
                    change: confront(&one.statistic, old, base, tested.as_ref()),
                }))
            } else {
                Finding::Contradicted {
                    side: here.snapshot.name().to_owned(),
                    computed: one.computed,
                }
            };
            self.metrics.insert(one.metric, finding);
        }
    }
}

/// Confronts the base's value of a metric with its predictions.
fn confront(
    statistic: &Statistic,
    old: Option<f64>,
    base: Option<&Side<'_>>,
    tested: Option<&Result<Vec<Tested>, Incomparable>>,
) -> Option<Result<Tested, Incomparable>> {
    match (old, tested) {
        (None, _) | (_, None) => None,
        (_, Some(Err(why))) => Some(Err(why.clone())),
        (Some(old), Some(Ok(tested))) => {
            let found = tested.iter().find(|one| one.statistic == *statistic);
            if let (Some(found), Some(base)) = (found, base)
                && !agrees(old, found.base)
            {
                return Some(Err(Incomparable::Contradicted {
                    side: base.snapshot.name().to_owned(),
                    computed: found.base,
                }));
            }
            found.cloned().map(Ok)
        }
    }
}

/// A file of predictions on both sides.
struct Pairing<'a> {
    base: &'a Side<'a>,
    here: &'a Side<'a>,
    file: &'a PredictionFile,
}

impl Pairing<'_> {
    /// Compares both sides, if they can be compared.
    fn test(
        &self,
        predictions: &Predictions,
        statistics: &BTreeSet<Statistic>,
        place: &Place,
    ) -> Result<Vec<Tested>, Incomparable> {
        if let Some(path) = &self.file.test_set
            && self.base.hash(path)? != self.here.hash(path)?
        {
            return Err(Incomparable::TestSet { path: path.clone() });
        }
        let old = self.base.read(self.file);
        let old = old.map_err(|obstacle| obstacle.why)?;
        let pairs = Pairs::new(&old, predictions).map_err(Incomparable::Examples)?;
        Ok(paired::compare(&pairs, statistics, place))
    }
}

/// Why the predictions of a side cannot be used, and what is wrong with its file.
struct Obstacle {
    why: Incomparable,
    fault: Option<Box<pipeline::Error>>,
}

impl Side<'_> {
    fn read(&self, file: &PredictionFile) -> Result<Predictions, Obstacle> {
        let side = || self.snapshot.name().to_owned();
        let unreadable = |fault: pipeline::Error| Obstacle {
            why: Incomparable::Unreadable { side: side() },
            fault: Some(Box::new(fault)),
        };
        let label = self.snapshot.label(&file.path);
        let text =
            read_text(self.snapshot, &file.path).map_err(|error| unreadable(error.into()))?;
        let Some(text) = text else {
            let why = if self.makes(&file.path) {
                Incomparable::NotCached { side: side() }
            } else {
                Incomparable::Absent { side: side() }
            };
            return Err(Obstacle { why, fault: None });
        };
        Predictions::read(&label, &text, file).map_err(|problem| unreadable(problem.into()))
    }

    /// Returns whether the lock says that the file is data or made by a stage.
    fn makes(&self, path: &RepoPath) -> bool {
        let mut outs = self.lock.stages.values().map(|entry| &entry.outs);
        outs.any(|outs| outs.get(path.as_str()).is_some()) || self.lock.data.contains_key(path)
    }

    /// Returns the hash that the lock records of a dep, an out or tracked data.
    fn hash(&self, path: &RepoPath) -> Result<Digest, Incomparable> {
        let entries = self.lock.stages.values();
        let mut parts = entries.flat_map(|entry| [&entry.outs, &entry.deps]);
        let recorded = parts.find_map(|part| part.get(path.as_str()));
        let recorded = recorded.or_else(|| self.lock.data.get(path));
        recorded.map(|content| content.sha256).ok_or_else(|| {
            let (path, side) = (path.clone(), self.snapshot.name().to_owned());
            Incomparable::UnknownTestSet { path, side }
        })
    }
}

/// Returns the number that a metric is.
pub(super) fn number(metrics: &Collection, metric: &MetricRef) -> Option<f64> {
    let leaves = metrics.files.get(&metric.file)?;
    let (_, value) = leaves.iter().find(|(key, _)| *key == metric.key)?;
    value.as_number()
}

//! `Claim`: which metrics a file of predictions may have something to say of.

use crate::metrics::backing::number;
use crate::metrics::collect::Collection;
use crate::metrics::testimony::agrees;
use crate::pipeline::{MetricRef, PredictionFile, Statistic};

/// A metric and what it may be.
pub(super) struct Claim {
    pub(super) metric: MetricRef,
    /// Its value.
    written: f64,
    /// The statistics that it may be, the likeliest first.
    candidates: Vec<Statistic>,
    /// Whether the pipeline says so, or only its name.
    is_declared: bool,
}

/// A metric and the statistic that it is.
pub(super) struct Settled {
    pub(super) metric: MetricRef,
    pub(super) statistic: Statistic,
    /// Its value by the predictions.
    pub(super) computed: f64,
    /// Whether its written value is the same.
    pub(super) agrees: bool,
}

/// Lists the metrics that `file` may tell: those that it declares, and others by their names: of the
/// stage that makes the file, or of all files if no stage does.
pub(super) fn claims(file: &PredictionFile, metrics: &Collection) -> Vec<Claim> {
    let declared = file.metrics.iter().filter_map(|(statistic, metric)| {
        Some(Claim {
            metric: metric.clone(),
            written: number(metrics, metric)?,
            candidates: vec![statistic.clone()],
            is_declared: true,
        })
    });
    let mut claims: Vec<Claim> = declared.collect();
    let is_near = |path| file.made_with.is_empty() || file.made_with.contains(path);
    for (path, leaves) in metrics.files.iter().filter(|(path, _)| is_near(*path)) {
        for (key, value) in leaves {
            let (candidates, written) = (Statistic::candidates(key), value.as_number());
            let metric = MetricRef {
                file: path.clone(),
                key: key.clone(),
            };
            let is_new = claims.iter().all(|claim| claim.metric != metric);
            if let (Some(written), true, false) = (written, is_new, candidates.is_empty()) {
                claims.push(Claim {
                    metric,
                    written,
                    candidates,
                    is_declared: false,
                });
            }
        }
    }
    claims
}

/// Decides what each metric is, by the values that the predictions have for statistics. Where metrics
/// only have the name of a statistic, those with its value are meant if there are any: the others are
/// of another part of the data.
pub(super) fn settle(claims: &[Claim], value: impl Fn(&Statistic) -> Option<f64>) -> Vec<Settled> {
    let settled = claims.iter().filter_map(|claim| {
        let known = claim
            .candidates
            .iter()
            .filter_map(|statistic| Some((statistic, value(statistic)?)));
        let known: Vec<(&Statistic, f64)> = known.collect();
        let fits = known
            .iter()
            .find(|(_, computed)| agrees(claim.written, *computed));
        // A name that may mean several things contradicts nothing.
        let only = (claim.candidates.len() == 1)
            .then(|| known.first())
            .flatten();
        let (statistic, computed) = *fits.or(only)?;
        let settled = Settled {
            metric: claim.metric.clone(),
            statistic: statistic.clone(),
            computed,
            agrees: fits.is_some(),
        };
        Some((settled, claim.is_declared))
    });
    let settled: Vec<(Settled, bool)> = settled.collect();
    let has_other = |one: &Settled| {
        let mut others = settled.iter().map(|(other, _)| other);
        others.any(|other| other.agrees && other.statistic == one.statistic)
    };
    let is_meant =
        |(one, is_declared): &&(Settled, bool)| one.agrees || *is_declared || !has_other(one);
    let meant: Vec<bool> = settled.iter().map(|one| is_meant(&one)).collect();
    let pairs = settled.into_iter().zip(meant);
    pairs
        .filter(|(_, is_meant)| *is_meant)
        .map(|((one, _), _)| one)
        .collect()
}

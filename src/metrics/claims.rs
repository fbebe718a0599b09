//! `Claim`: which metrics a file of predictions may have something to say of.

use crate::base::human;
use crate::base::problem::{Problem, did_you_mean};
use crate::metrics::backing::number;
use crate::metrics::collect::Collection;
use crate::metrics::measured::Measured;
use crate::metrics::predictions::Predictions;
use crate::metrics::testimony::agrees;
use crate::pipeline::{MetricRef, Over, PredictionFile, Statistic};

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
    let declared = file.metrics.iter().filter_map(|declared| {
        Some(Claim {
            metric: declared.metric.clone(),
            written: number(metrics, &declared.metric)?,
            candidates: vec![declared.statistic.clone()],
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

/// Says which metrics `file` declares that do not exist, where their files have been read.
pub(super) fn unknown_metrics<'a>(
    file: &'a PredictionFile,
    metrics: &'a Collection,
) -> impl Iterator<Item = Problem> + 'a {
    file.metrics.iter().filter_map(|declared| {
        let MetricRef { file, key } = &declared.metric;
        let leaves = metrics.files.get(file)?;
        let keys = || leaves.iter().map(|(key, _)| key.as_str());
        match metrics.value(file, key) {
            None => {
                let message = format!("there is no metric `{key}` in `{file}`");
                let help = did_you_mean(key, keys()).unwrap_or_else(|| {
                    let some: Vec<String> = keys().map(|key| format!("`{key}`")).collect();
                    format!("there are {}", human::first_of(&some))
                });
                Some(declared.origin.problem(message).help(help))
            }
            Some(value) if value.as_number().is_none() => {
                let message = format!("`{key}` in `{file}` is {}, not a number", value.kind());
                Some(
                    declared
                        .origin
                        .problem(message)
                        .help("name a metric that is a number"),
                )
            }
            Some(_) => None,
        }
    })
}

/// Says which statistics `file` declares that its predictions cannot tell.
pub(super) fn untold_statistics<'a>(
    file: &'a PredictionFile,
    predictions: &'a Predictions,
) -> impl Iterator<Item = Problem> + 'a {
    file.metrics.iter().filter_map(|declared| {
        let (message, help) = why_untold(&declared.statistic, predictions)?;
        let message = format!("`{}` of `{}`: {message}", declared.statistic, file.path);
        Some(declared.origin.key_problem(message).help(help))
    })
}

fn why_untold(statistic: &Statistic, predictions: &Predictions) -> Option<(String, String)> {
    let column = |what: &str, key: &str| {
        let message = format!("no column has the {what}");
        Some((message, format!("name it, as in `{key}: column`")))
    };
    match statistic {
        Statistic::Auc if predictions.scores.is_none() => column("scores", "score"),
        Statistic::Loss if predictions.losses.is_none() => column("losses", "loss"),
        Statistic::Accuracy | Statistic::Quality(..) if predictions.predicted.is_none() => {
            column("predicted classes", "predicted")
        }
        Statistic::Quality(_, Over::Class(name)) if predictions.class(name).is_none() => {
            let classes = || predictions.classes.iter().map(String::as_str);
            let help = did_you_mean(name, classes()).unwrap_or_else(|| {
                let some: Vec<String> = classes().map(|class| format!("`{class}`")).collect();
                format!("classes there are {}", human::first_of(&some))
            });
            Some((format!("no example is of the class `{name}`"), help))
        }
        Statistic::Auc | Statistic::Quality(_, Over::Positive)
            if predictions.positive.is_none() =>
        {
            let message = "nobody knows which of the classes is the positive one".to_owned();
            Some((message, "say it, as in `positive: spam`".to_owned()))
        }
        _ => None,
    }
}

/// Decides what each metric is, by the values that the predictions have for statistics. Where metrics
/// only have the name of a statistic, those with its value are meant if there are any: the others are
/// of another part of the data.
pub(super) fn settle(claims: &[Claim], measured: &Measured<'_>) -> Vec<Settled> {
    let settled = claims.iter().filter_map(|claim| {
        let known = claim
            .candidates
            .iter()
            .filter_map(|statistic| Some((statistic, measured.value(statistic)?)));
        let known: Vec<(&Statistic, f64)> = known.collect();
        let fits = known
            .iter()
            .find(|(_, computed)| agrees(claim.written, *computed));
        // A name that may mean several things contradicts nothing, nor does a column that may.
        let is_guess = |statistic| !claim.is_declared && measured.is_guess(statistic);
        let only = known
            .first()
            .filter(|(statistic, _)| claim.candidates.len() == 1 && !is_guess(statistic));
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

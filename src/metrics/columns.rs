//! `Chosen`: which columns of a file of predictions hold what.

use crate::base::problem::did_you_mean;
use crate::metrics::predictions::Fault;
use crate::pipeline::PredictionFile;

/// What a column of actual classes is usually called.
pub(crate) const ACTUAL: &[&str] = &["actual", "label", "target", "y_true"];
/// What a column of predicted classes is usually called.
pub(crate) const PREDICTED: &[&str] = &["predicted", "prediction", "pred", "y_pred"];

/// What a column of scores of the positive class is usually called.
const SCORE: &[&str] = &["score", "y_score", "probability", "prob", "y_prob"];
/// What a column of losses is usually called.
const LOSS: &[&str] = &["loss", "nll"];

/// A column's name and position.
type Column = (String, usize);

/// The columns that are read.
pub(super) struct Chosen {
    pub(super) id: Option<Column>,
    pub(super) actual: Column,
    /// Not needed where there are scores or losses.
    pub(super) predicted: Option<Column>,
    pub(super) score: Option<Measure>,
    pub(super) loss: Option<Measure>,
}

/// A column of numbers.
pub(super) struct Measure {
    pub(super) column: Column,
    /// Whether the user names it. One that only has the usual name may hold something else: it is left
    /// out where it holds no numbers, and contradicts nothing.
    pub(super) is_named: bool,
}

/// Chooses among the columns with `names`: those that `file` names, which must be there, else the
/// first of the usual ones.
pub(super) fn choose(names: &[&str], file: &PredictionFile) -> Result<Chosen, Fault> {
    let columns = &file.columns;
    let find = |wanted: &Option<String>, usual: &[&str]| match wanted {
        Some(name) => named(names, name).map(Some),
        None => Ok(usual.iter().find_map(|name| named(names, name).ok())),
    };
    let measure = |wanted: &Option<String>, usual: &[&str]| {
        let found = find(wanted, usual)?;
        let is_named = wanted.is_some();
        Ok(found.map(|column| Measure { column, is_named }))
    };
    let score = measure(&columns.score, SCORE)?;
    let loss = measure(&columns.loss, LOSS)?;
    let predicted = find(&columns.predicted, PREDICTED)?;
    if predicted.is_none() && score.is_none() && loss.is_none() {
        return Err(no_predicted());
    }
    let actual = find(&columns.actual, ACTUAL)?;
    Ok(Chosen {
        id: find(&columns.id, &["id"])?,
        actual: actual.ok_or_else(|| missing("actual", ACTUAL))?,
        predicted,
        score,
        loss,
    })
}

/// What is wrong where nothing is predicted.
pub(super) fn no_predicted() -> Fault {
    missing("predicted", PREDICTED)
}

fn missing(what: &str, usual: &[&str]) -> Fault {
    let usual = usual.join("`, `");
    Fault::new(
        format!("no column has the {what} classes"),
        format!("call it one of `{usual}`, or name it, as in `{what}: class`"),
    )
}

fn named(names: &[&str], wanted: &str) -> Result<Column, Fault> {
    let position = names.iter().position(|name| *name == wanted);
    position
        .map(|position| (wanted.to_owned(), position))
        .ok_or_else(|| {
            let help = did_you_mean(wanted, names.iter().copied())
                .unwrap_or_else(|| format!("there are `{}`", names.join("`, `")));
            Fault::new(format!("there is no column `{wanted}`"), help)
        })
}

//! `Chosen`: which columns of a file of predictions hold what.

use crate::base::problem::did_you_mean;
use crate::metrics::predictions::Fault;
use crate::pipeline::PredictionFile;

/// What a column of actual classes is usually called.
pub(crate) const ACTUAL: &[&str] = &["actual", "label", "target", "y_true"];
/// What a column of predicted classes is usually called.
pub(crate) const PREDICTED: &[&str] = &["predicted", "prediction", "pred", "y_pred"];

/// A column's name and position.
type Column = (String, usize);

/// The columns that are read.
pub(super) struct Chosen {
    pub(super) id: Option<Column>,
    pub(super) actual: Column,
    /// Not needed where there are scores or losses.
    pub(super) predicted: Option<Column>,
    pub(super) score: Option<Column>,
    pub(super) loss: Option<Column>,
}

/// Chooses among the columns with `names`: those that `file` names, which must be there, else the
/// first of the usual ones.
pub(super) fn choose(names: &[&str], file: &PredictionFile) -> Result<Chosen, Fault> {
    let columns = &file.columns;
    let find = |wanted: &Option<String>, usual: &[&str]| match wanted {
        Some(name) => named(names, name).map(Some),
        None => Ok(usual.iter().find_map(|name| named(names, name).ok())),
    };
    let missing = |what: &str, key: &str, usual: &[&str]| {
        let message = format!("no column has the {what} classes");
        let usual = usual.join("`, `");
        Fault::new(
            message,
            format!("call it one of `{usual}`, or name it, as in `{key}: class`"),
        )
    };
    let score = find(&columns.score, &[])?;
    let loss = find(&columns.loss, &[])?;
    let predicted = find(&columns.predicted, PREDICTED)?;
    if predicted.is_none() && score.is_none() && loss.is_none() {
        return Err(missing("predicted", "predicted", PREDICTED));
    }
    let actual = find(&columns.actual, ACTUAL)?;
    Ok(Chosen {
        id: find(&columns.id, &["id"])?,
        actual: actual.ok_or_else(|| missing("actual", "actual", ACTUAL))?,
        predicted,
        score,
        loss,
    })
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

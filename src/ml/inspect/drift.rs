//! `Drift`: by how much data differ from those of another revision.

use serde::Serialize;
use serde_json::Value;

use super::findings::PartFindings;
use crate::ml::report::significant;

/// The drift of each part.
#[derive(Debug, Serialize)]
pub(crate) struct Drift {
    /// What is compared with.
    #[serde(skip)]
    pub(crate) against: String,
    pub(crate) test: Option<PartDrift>,
    pub(crate) train: Option<PartDrift>,
    pub(crate) validation: Option<PartDrift>,
}

/// By how much one part differs; all are distances, 0 where nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct PartDrift {
    /// Of the number of images, as a share of the base's.
    pub(crate) count: f64,
    /// Of the mean brightness.
    pub(crate) mean: f64,
    /// Of the class shares: the total variation distance, from 0 to 1.
    pub(crate) shares: f64,
    /// Of the standard deviation of brightness.
    pub(crate) std: f64,
}

impl PartDrift {
    /// Compares with what `base` says of a part; `None` where it says nothing.
    pub(super) fn between(base: &Value, here: &PartFindings) -> Option<Self> {
        let number = |key: &str| base.get(key)?.as_f64();
        let old = base.get("share")?.as_object()?;
        let share = |name: &str| old.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        let kept = here
            .share
            .iter()
            .map(|(name, new)| (new - share(name)).abs());
        let gone = old.keys().filter(|name| !here.share.contains_key(*name));
        let distance: f64 = kept.chain(gone.map(|name| share(name))).sum();
        #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
        let count = here.count as f64;
        let old_count = number("count")?;
        Some(Self {
            count: significant((count - old_count).abs() / old_count.max(1.0)),
            mean: significant((here.mean - number("mean")?).abs()),
            shares: significant(distance / 2.0),
            std: significant((here.std - number("std")?).abs()),
        })
    }
}

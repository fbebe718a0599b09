//! `Verdict`, `Effect` and `Conclusion`: what came of a metric under a gate, and what follows.

use serde::Serialize;

use crate::pipeline::{Gate, Level, MissingBase};

/// What came of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The metric keeps to the limit.
    Pass,
    /// It does not, which is only told.
    Info,
    /// It does not, of which people are warned.
    Warn,
    /// It does not, and must.
    Fail,
    /// Nobody can tell with the confidence that was asked for.
    Inconclusive,
    /// There is nothing that it could be compared with.
    Incomparable,
}

impl Verdict {
    /// Returns the word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Incomparable => "incomparable",
        }
    }
}

/// What follows from a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// It is told.
    Info,
    /// A warning.
    Warn,
    /// The whole judgement fails.
    Fail,
}

impl From<Level> for Effect {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Fail => Self::Fail,
        }
    }
}

/// What came of one metric.
pub(super) struct Conclusion {
    pub(super) verdict: Verdict,
    pub(super) effect: Effect,
    pub(super) reason: String,
}

impl Conclusion {
    pub(super) fn pass(reason: String) -> Self {
        Self {
            verdict: Verdict::Pass,
            effect: Effect::None,
            reason,
        }
    }

    pub(super) fn fail(gate: &Gate, reason: String) -> Self {
        let verdict = match gate.level {
            Level::Info => Verdict::Info,
            Level::Warn => Verdict::Warn,
            Level::Fail => Verdict::Fail,
        };
        Self {
            verdict,
            effect: gate.level.into(),
            reason,
        }
    }

    pub(super) fn inconclusive(gate: &Gate, reason: String) -> Self {
        Self {
            verdict: Verdict::Inconclusive,
            effect: Effect::Warn.min(gate.level.into()),
            reason,
        }
    }

    pub(super) fn incomparable(gate: &Gate, reason: String) -> Self {
        let effect = match gate.missing_base {
            MissingBase::Pass => Effect::None,
            MissingBase::Warn => Effect::Warn,
            MissingBase::Fail => Effect::Fail,
        };
        Self {
            verdict: Verdict::Incomparable,
            effect: effect.min(gate.level.into()),
            reason,
        }
    }
}

//! `Trial`: one metric under one gate: what was measured, and what follows from it.

use crate::base::path::RepoPath;
use crate::base::value::Value;
use crate::metrics::conclusion::Conclusion;
use crate::metrics::direction::direction;
use crate::metrics::evidence::{About, Margin};
use crate::metrics::gate::{Corrected, Sides};
use crate::metrics::number::{change, say_number, show_interval};
use crate::pipeline::{Better, Burden, Gate, Limit, Proof};

/// The key that names the examples which a file's metrics were measured on.
const TEST_SET: &str = "test_set";

/// One metric under one gate.
pub(super) struct Trial<'a> {
    gate: &'a Gate,
    /// The file and the key, if there is such a metric.
    pub(super) metric: Option<(&'a RepoPath, &'a str)>,
    pub(super) old: Option<&'a Value>,
    pub(super) new: Option<&'a Value>,
    pub(super) finding: Finding,
}

/// What was found.
pub(super) enum Finding {
    /// It cannot pass, and why.
    Broken(String),
    /// There is nothing to compare it with, and why.
    Alone(String),
    /// It was measured.
    Measured(Measure),
}

/// How a number stands to its limit.
pub(super) struct Measure {
    /// How much room it leaves, negative beyond the limit.
    pub(super) room: f64,
    /// The same in words.
    said: String,
    /// The proof that is asked for.
    test: Option<(Proof, Margin)>,
}

/// A number under its limit: the room is `sign * number + shift`.
struct Standing {
    number: f64,
    sign: f64,
    shift: f64,
    about: About,
    said: String,
    /// How much of the room may be an error of floating point.
    slack: f64,
}

impl<'a> Trial<'a> {
    /// The trial of a gate that names no metric.
    pub(super) fn lost(gate: &'a Gate, reason: String) -> Self {
        Self {
            gate,
            metric: None,
            old: None,
            new: None,
            finding: Finding::Broken(reason),
        }
    }

    /// Measures a metric.
    pub(super) fn of(gate: &'a Gate, metric: (&'a RepoPath, &'a str), sides: &Sides<'a>) -> Self {
        let (path, key) = metric;
        let mut trial = Self {
            gate,
            metric: Some(metric),
            old: sides.base.and_then(|base| base.value(path, key)),
            new: sides.here.value(path, key),
            finding: Finding::Broken(String::new()),
        };
        trial.finding = trial
            .examine(metric, sides)
            .unwrap_or_else(|finding| finding);
        trial
    }

    fn examine(
        &self,
        (path, key): (&'a RepoPath, &'a str),
        sides: &Sides<'a>,
    ) -> Result<Finding, Finding> {
        let new = number(self.new).map_err(Finding::Broken)?;
        let standing = match self.gate.limit {
            Limit::Min(least) => at_least(new, least),
            Limit::Max(most) => at_most(new, most),
            Limit::Drop(_) | Limit::RelativeDrop(_) => {
                let declared = &sides.here.directions;
                let better = self.gate.better.or_else(|| direction(declared, path, key));
                let better = better.ok_or_else(|| Finding::Broken(unknown_direction(key)))?;
                let old = self.base_number(path, sides).map_err(Finding::Alone)?;
                let allowed = match self.gate.limit {
                    Limit::RelativeDrop(share) => share * old.abs(),
                    Limit::Drop(allowed) => allowed,
                    Limit::Min(_) | Limit::Max(_) => 0.0,
                };
                drop_of(old, new, allowed, better)
            }
        };
        self.weigh(standing, (path, key), sides)
    }

    /// Finds the evidence for where a number stands, if a proof is asked for.
    fn weigh(
        &self,
        standing: Standing,
        (path, key): (&'a RepoPath, &'a str),
        sides: &Sides<'a>,
    ) -> Result<Finding, Finding> {
        let Standing {
            number,
            sign,
            shift,
            about,
            said,
            slack,
        } = standing;
        let room = sign * number + shift;
        let test = match self.gate.proof {
            None => None,
            Some(proof) => {
                let evidence = (sides.evidence)(path, key, about);
                let evidence =
                    evidence.map_err(|why| Finding::Alone(format!("{said}; untested: {why}")))?;
                let margin = Margin {
                    evidence,
                    sign,
                    shift,
                };
                Some((proof, margin))
            }
        };
        Ok(Finding::Measured(Measure {
            room: if room.abs() <= slack { 0.0 } else { room },
            said,
            test,
        }))
    }

    /// Returns the base's number, or why there is none that could be compared.
    fn base_number(&self, path: &RepoPath, sides: &Sides<'_>) -> Result<f64, String> {
        let Some(base) = sides.base else {
            return Err("there is no base to compare with".to_owned());
        };
        if self.old.is_none() {
            return Err(if base.unread.contains(path) {
                format!("the base's `{path}` cannot be read")
            } else if base.missing.contains(path) {
                format!("the base's `{path}` is neither in git nor in the cache")
            } else {
                "the base has no such metric".to_owned()
            });
        }
        let old = number(self.old).map_err(|why| format!("in the base {why}"))?;
        let sets = [base.value(path, TEST_SET), sides.here.value(path, TEST_SET)];
        match sets {
            [Some(one), Some(other)] if one != other => {
                Err("the base was measured on another test set".to_owned())
            }
            _ => Ok(old),
        }
    }

    /// Returns the value here minus the base's, of numbers.
    pub(super) fn change(&self) -> Option<f64> {
        change(self.old?, self.new?)?.as_number()
    }

    /// Returns how much room is left to the limit; nothing is worse than what cannot be measured.
    pub(super) fn room(&self) -> f64 {
        match &self.finding {
            Finding::Measured(Measure { room, .. }) => *room,
            Finding::Broken(_) | Finding::Alone(_) => f64::NEG_INFINITY,
        }
    }

    /// Returns the p-value of what has to be proven, if anything has to.
    pub(super) fn p_value(&self) -> Option<f64> {
        let Finding::Measured(Measure { test, .. }) = &self.finding else {
            return None;
        };
        let (proof, margin) = test.as_ref()?;
        Some(match proof.burden {
            Burden::Worse => margin.p_worse(),
            Burden::NotWorse => margin.p_not_worse(),
        })
    }

    /// Returns the p-value of what fails a gate that asks for a proof of the opposite.
    pub(super) fn p_of_failure(&self) -> Option<f64> {
        let Finding::Measured(Measure { test, .. }) = &self.finding else {
            return None;
        };
        let (proof, margin) = test.as_ref()?;
        (proof.burden == Burden::NotWorse).then(|| margin.p_worse())
    }

    /// Judges what was found, by the corrected p-values of what has to be proven and of what fails
    /// instead.
    pub(super) fn conclude(
        &self,
        asked: Option<Corrected>,
        failure: Option<Corrected>,
    ) -> Conclusion {
        match &self.finding {
            Finding::Broken(why) => Conclusion::fail(self.gate, why.clone()),
            Finding::Alone(why) => Conclusion::incomparable(self.gate, why.clone()),
            Finding::Measured(measure) => match (&measure.test, asked) {
                (Some((proof, margin)), Some(asked)) => {
                    let test = Test {
                        proof,
                        margin,
                        asked,
                        failure,
                    };
                    test.conclude(self.gate, measure)
                }
                _ if measure.room >= 0.0 => Conclusion::pass(measure.said.clone()),
                _ => Conclusion::fail(self.gate, measure.said.clone()),
            },
        }
    }
}

/// A proof that is asked for, and how it went.
struct Test<'t> {
    proof: &'t Proof,
    margin: &'t Margin,
    asked: Corrected,
    failure: Option<Corrected>,
}

impl Test<'_> {
    fn conclude(&self, gate: &Gate, measure: &Measure) -> Conclusion {
        let is_shown = |test: &Corrected| test.p_value <= 1.0 - self.proof.confidence;
        let is_proven = is_shown(&self.asked);
        let say_of = |word: &str, test| format!("{}; {word}: {}", measure.said, self.numbers(test));
        let say = |word: &str| say_of(word, &self.asked);
        match (self.proof.burden, &self.failure) {
            (Burden::Worse, _) if is_proven => Conclusion::fail(gate, say("proven")),
            (Burden::Worse, _) if measure.room >= 0.0 => Conclusion::pass(say("not proven worse")),
            (Burden::NotWorse, _) if is_proven => Conclusion::pass(say("proven not worse")),
            (Burden::NotWorse, Some(failure)) if is_shown(failure) => {
                Conclusion::fail(gate, say_of("proven worse", failure))
            }
            _ => Conclusion::inconclusive(gate, say("not proven")),
        }
    }

    fn numbers(&self, test: &Corrected) -> String {
        let confidence = self.proof.confidence;
        let evidence = &self.margin.evidence;
        let (low, high) = show_interval((evidence.interval)(confidence));
        let percent = say_number(confidence * 100.0);
        let holm = match test.tests {
            0 | 1 => String::new(),
            tests => format!(" after Holm's correction for {tests} tests"),
        };
        format!(
            "{percent} % interval {} … {} ({}, n = {}), {}{holm}",
            low,
            high,
            evidence.method,
            evidence.examples,
            say_probability(test.p_value)
        )
    }
}

fn say_probability(p_value: f64) -> String {
    if p_value < 0.0001 {
        "p < 0.0001".to_owned()
    } else if p_value < 0.1 {
        format!("p = {p_value:.4}")
    } else {
        format!("p = {p_value:.2}")
    }
}

fn number(value: Option<&Value>) -> Result<f64, String> {
    match value {
        None => Err("there is no value".to_owned()),
        Some(value) => match value.as_number() {
            Some(number) if number.is_nan() => Err("it is not a number: NaN".to_owned()),
            Some(number) if number.is_infinite() => Err("it is infinite".to_owned()),
            Some(number) => Ok(number),
            None => Err(format!("it is {}, not a number", value.kind())),
        },
    }
}

fn unknown_direction(key: &str) -> String {
    format!("nobody knows which way it is better: say `better: {{{key}: higher}}` or `lower`")
}

/// Numbers that differ by less than this share of their size are the same: 0.95 − 0.948 is 0.002.
const ROUNDING: f64 = 1e-12;

fn at_least(number: f64, least: f64) -> Standing {
    let slack = ROUNDING * number.abs().max(least.abs());
    let below = least - number;
    let said = if below > slack {
        format!("below it by {}", say_number(below))
    } else {
        "not below it".to_owned()
    };
    Standing {
        number,
        sign: 1.0,
        shift: -least,
        about: About::Value,
        said,
        slack,
    }
}

fn at_most(number: f64, most: f64) -> Standing {
    let slack = ROUNDING * number.abs().max(most.abs());
    let above = number - most;
    let said = if above > slack {
        format!("above it by {}", say_number(above))
    } else {
        "not above it".to_owned()
    };
    Standing {
        number,
        sign: -1.0,
        shift: most,
        about: About::Value,
        said,
        slack,
    }
}

fn drop_of(old: f64, new: f64, allowed: f64, better: Better) -> Standing {
    let change = new - old;
    let gain = better.sign() * change;
    let said = if gain > 0.0 {
        format!("better by {}", say_number(gain))
    } else if gain < 0.0 {
        let worse = say_number(-gain);
        format!("worse by {worse}, {} allowed", say_number(allowed))
    } else {
        "unchanged".to_owned()
    };
    Standing {
        number: change,
        sign: better.sign(),
        shift: allowed,
        about: About::Change,
        said,
        slack: ROUNDING * old.abs().max(new.abs()).max(allowed),
    }
}

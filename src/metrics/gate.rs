//! Judges the gates of a pipeline: each limit against the metrics here and those of the base.

use crate::base::path::RepoPath;
use crate::base::value::Value;
use crate::metrics::collect::Collection;
use crate::metrics::conclusion::{Conclusion, Effect, Verdict};
use crate::metrics::evidence::FindEvidence;
use crate::metrics::named::{find, gone, unknown, unseen};
use crate::metrics::number::say_number;
use crate::metrics::trial::Trial;
use crate::pipeline::{Gate, Level, Limit};
use crate::statistics::holm;

/// What gates are judged by.
pub(crate) struct Sides<'a> {
    /// The metrics here.
    pub(crate) here: &'a Collection,
    /// Those of the base; `None` where there is no base.
    pub(crate) base: Option<&'a Collection>,
    /// How sure they are.
    pub(crate) evidence: &'a FindEvidence<'a>,
}

/// What came of a gate, and why; of the metrics that a pattern names, the worst is told.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// The gate as it is written.
    pub(crate) gate: String,
    /// The file of the metric, if it was found.
    pub(crate) file: Option<RepoPath>,
    /// The metric, if it was found.
    pub(crate) key: Option<String>,
    /// How many metrics were judged.
    pub(crate) checked: usize,
    /// The limit, as in `≥ 0.95`.
    pub(crate) limit: String,
    /// How much the gate matters.
    pub(crate) level: Level,
    /// The base's value.
    pub(crate) base: Option<Value>,
    /// The value here.
    pub(crate) here: Option<Value>,
    /// The value here minus the base's, of numbers.
    pub(crate) change: Option<f64>,
    /// What came of it.
    pub(crate) verdict: Verdict,
    /// What follows.
    pub(crate) effect: Effect,
    /// Why, in words.
    pub(crate) reason: String,
}

/// Judges the gates, in their order. Those that want a proof share one error by Holm's correction;
/// that of failing where `not_worse` is not proven is shared likewise.
pub(crate) fn judge<'a>(gates: &[&'a Gate], sides: &Sides<'a>) -> Vec<Judgement> {
    let trials: Vec<Vec<Trial<'_>>> = gates.iter().map(|gate| trials(gate, sides)).collect();
    let all = || trials.iter().flatten();
    let mut asked = correct(all().map(Trial::p_value).collect());
    let mut failures = correct(all().map(Trial::p_of_failure).collect());
    let mut judgements = Vec::new();
    for (gate, trials) in gates.iter().zip(&trials) {
        let judged = trials
            .iter()
            .map(|trial| trial.conclude(asked.next().flatten(), failures.next().flatten()));
        judgements.extend(worst(gate, trials, judged.collect()));
    }
    judgements
}

/// A p-value that is corrected for there being so many tests.
pub(super) struct Corrected {
    pub(super) p_value: f64,
    pub(super) tests: usize,
}

/// Corrects the p-values that there are, which share one error.
fn correct(p_values: Vec<Option<f64>>) -> impl Iterator<Item = Option<Corrected>> {
    let tested: Vec<f64> = p_values.iter().flatten().copied().collect();
    let tests = tested.len();
    let mut adjusted = holm::adjusted(&tested).into_iter();
    p_values.into_iter().map(move |p_value| {
        let p_value = p_value.and_then(|_| adjusted.next())?;
        Some(Corrected { p_value, tests })
    })
}

/// Makes the judgement of a gate of what came of the metrics that it names.
fn worst(gate: &Gate, trials: &[Trial<'_>], judged: Vec<Conclusion>) -> Option<Judgement> {
    let (trial, conclusion) = trials.iter().zip(judged).min_by(|one, other| {
        let rank = |pair: &(&Trial<'_>, Conclusion)| pair.1.effect;
        let room = |pair: &(&Trial<'_>, Conclusion)| pair.0.room();
        let by_effect = rank(other).cmp(&rank(one));
        by_effect.then_with(|| room(one).total_cmp(&room(other)))
    })?;
    let reason = match trials.len() {
        0 | 1 => conclusion.reason,
        several => format!("{}; the worst of {several}", conclusion.reason),
    };
    Some(Judgement {
        gate: gate.full_name(),
        file: trial.metric.map(|metric| metric.0.clone()),
        key: trial.metric.map(|metric| metric.1.to_owned()),
        checked: trials.len(),
        limit: describe(gate.limit),
        level: gate.level,
        base: trial.old.cloned(),
        here: trial.new.cloned(),
        change: trial.change(),
        verdict: conclusion.verdict,
        effect: conclusion.effect,
        reason,
    })
}

/// Finds the metrics that a gate names and measures each; a gate that names none has one trial, which
/// says so.
fn trials<'a>(gate: &'a Gate, sides: &Sides<'a>) -> Vec<Trial<'a>> {
    let lost = |reason| vec![Trial::lost(gate, reason)];
    let mut found = find(gate, sides.here);
    let files: Vec<&RepoPath> = found.iter().map(|metric| metric.0).collect();
    if gate.key.is_exact()
        && let [first, second, ..] = files.as_slice()
    {
        return lost(format!(
            "`{first}` and `{second}` both have it: name one, as in `{first}:{}`",
            gate.key
        ));
    }
    if found.is_empty() {
        return lost(unknown(gate, sides.here));
    }
    let mut hidden = Vec::new();
    if !gate.key.is_exact() {
        hidden = unseen(gate, sides);
        found.extend(gone(gate, sides));
    }
    let measured = found
        .into_iter()
        .map(|metric| Trial::of(gate, metric, sides));
    let hidden = hidden.into_iter().map(|why| Trial::lost(gate, why));
    measured.chain(hidden).collect()
}

fn describe(limit: Limit) -> String {
    match limit {
        Limit::Min(least) => format!("≥ {}", say_number(least)),
        Limit::Max(most) => format!("≤ {}", say_number(most)),
        Limit::Drop(allowed) => format!("drop ≤ {}", say_number(allowed)),
        Limit::RelativeDrop(share) => format!("drop ≤ {} %", say_number(share * 100.0)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::metrics::evidence::{About, Evidence};
    use crate::pipeline::{Better, Burden, MissingBase, Proof};

    fn path() -> RepoPath {
        RepoPath::parse("m.json").expect("a path")
    }

    fn metrics(pairs: &[(&str, f64)]) -> Collection {
        let leaves = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::Float(*value)));
        Collection {
            files: BTreeMap::from([(path(), leaves.collect())]),
            ..Collection::default()
        }
    }

    fn gate(key: &str, limit: Limit) -> Gate {
        Gate {
            name: key.to_owned(),
            folder: RepoPath::root(),
            file: None,
            key: crate::pipeline::KeyPattern::new(key),
            limit,
            level: Level::Fail,
            better: None,
            proof: None,
            missing_base: MissingBase::Warn,
        }
    }

    fn proven(key: &str, allowed: f64, burden: Burden) -> Gate {
        let proof = Proof {
            confidence: 0.95,
            burden,
        };
        Gate {
            better: Some(Better::Higher),
            proof: Some(proof),
            ..gate(key, Limit::Drop(allowed))
        }
    }

    /// Judges with intervals that reach `half` to both sides at a confidence of 0.95.
    fn verdicts(gates: &[Gate], old: &Collection, new: &Collection, half: f64) -> Vec<Judgement> {
        let evidence = |path: &RepoPath, key: &str, about: About| {
            let value = |side: &Collection| side.value(path, key).and_then(Value::as_number);
            let (Some(old), Some(new)) = (value(old), value(new)) else {
                return Err("nothing".to_owned());
            };
            assert_eq!(about, About::Change);
            // The logistic distribution, whose quantiles need no tables.
            let spread = half / (0.975_f64 / 0.025).ln();
            let interval = move |confidence: f64| {
                let tail = f64::midpoint(1.0, confidence);
                let reach = spread * (tail / (1.0 - tail)).ln();
                (new - old - reach, new - old + reach)
            };
            Ok(Evidence {
                interval: Box::new(interval),
                examples: 100,
                method: "test",
                least_error: 1e-12,
            })
        };
        let sides = Sides {
            here: new,
            base: Some(old),
            evidence: &evidence,
        };
        judge(&gates.iter().collect::<Vec<_>>(), &sides)
    }

    #[test]
    fn a_drop_of_exactly_what_is_allowed_passes() {
        let gates = [gate("accuracy", Limit::Drop(0.002))];
        for (new, verdict) in [(0.948, Verdict::Pass), (0.947, Verdict::Fail)] {
            let judged = verdicts(
                &gates,
                &metrics(&[("accuracy", 0.95)]),
                &metrics(&[("accuracy", new)]),
                0.0,
            );
            assert_eq!(judged[0].verdict, verdict, "{}", judged[0].reason);
        }
    }

    #[test]
    fn less_is_worse_only_where_more_is_better() {
        let gates = [
            gate("loss", Limit::RelativeDrop(0.1)),
            gate("size", Limit::Drop(1.0)),
        ];
        let old = metrics(&[("loss", 1.0), ("size", 1.0)]);
        let judged = verdicts(&gates, &old, &metrics(&[("loss", 1.2), ("size", 1.0)]), 0.0);
        let said: Vec<_> = judged
            .iter()
            .map(|one| (one.verdict, one.reason.as_str()))
            .collect();
        assert_eq!(said[0], (Verdict::Fail, "worse by 0.2, 0.1 allowed"));
        assert_eq!(said[1].0, Verdict::Fail);
        assert!(said[1].1.starts_with("nobody knows which way it is better"));
    }

    #[test]
    fn a_proof_of_worse_fails_warns_or_passes() {
        let old = metrics(&[("a", 0.9)]);
        let judged = |burden, new, half| {
            let gates = [proven("a", 0.01, burden)];
            let judged = verdicts(&gates, &old, &metrics(&[("a", new)]), half);
            (judged[0].verdict, judged[0].effect)
        };
        let pass = (Verdict::Pass, Effect::None);
        let unsure = (Verdict::Inconclusive, Effect::Warn);
        let fail = (Verdict::Fail, Effect::Fail);
        assert_eq!(judged(Burden::Worse, 0.87, 0.015), fail);
        assert_eq!(judged(Burden::Worse, 0.87, 0.025), unsure);
        assert_eq!(judged(Burden::Worse, 0.895, 0.025), pass);
        assert_eq!(judged(Burden::NotWorse, 0.895, 0.001), pass);
        assert_eq!(judged(Burden::NotWorse, 0.895, 0.025), unsure);
        assert_eq!(judged(Burden::NotWorse, 0.87, 0.001), fail);
    }

    #[test]
    fn what_is_proven_has_a_small_p() {
        for burden in [Burden::Worse, Burden::NotWorse] {
            for change in -20..=20 {
                for half in [0.0, 0.001, 0.01, 0.1, 1.0] {
                    let new = 0.5 + f64::from(change) / 100.0;
                    let gates = [
                        proven("accuracy", 0.01, burden),
                        proven("accuracy", 0.1, burden),
                    ];
                    let sides = [metrics(&[("accuracy", 0.5)]), metrics(&[("accuracy", new)])];
                    for one in verdicts(&gates, &sides[0], &sides[1], half) {
                        let reason = &one.reason;
                        let is_proven = reason.contains("; proven");
                        let p_value = reason.split("p = ").nth(1).unwrap_or("0");
                        let p_value = p_value.split(' ').next().unwrap_or_default();
                        let p_value: f64 = p_value.parse().expect("a number");
                        // The text has four digits; on the limit itself either may be said.
                        let is_small = if is_proven {
                            p_value <= 0.05
                        } else {
                            p_value >= 0.05
                        };
                        assert!(is_small, "{burden:?} {new} {half}: {reason}");
                    }
                }
            }
        }
    }

    #[test]
    fn several_proofs_share_their_error() {
        let (old, new) = (
            metrics(&[("a", 0.9), ("b", 0.9)]),
            metrics(&[("a", 0.868), ("b", 0.9)]),
        );
        let one = [proven("a", 0.01, Burden::Worse)];
        assert_eq!(verdicts(&one, &old, &new, 0.02)[0].verdict, Verdict::Fail);
        let two = [
            proven("a", 0.01, Burden::Worse),
            proven("b", 0.01, Burden::Worse),
        ];
        let judged = verdicts(&two, &old, &new, 0.02);
        assert_eq!(
            judged[0].verdict,
            Verdict::Inconclusive,
            "{}",
            judged[0].reason
        );
        assert!(judged[0].reason.contains("Holm's correction for 2 tests"));
        let not_worse = |key| proven(key, 0.01, Burden::NotWorse);
        let one = verdicts(&[not_worse("a")], &old, &new, 0.02);
        assert_eq!(one[0].verdict, Verdict::Fail, "{}", one[0].reason);
        let two = verdicts(&[not_worse("a"), not_worse("b")], &old, &new, 0.02);
        assert_eq!(two[0].verdict, Verdict::Inconclusive, "{}", two[0].reason);
    }

    #[test]
    fn a_metric_of_the_base_that_is_gone_fails_a_pattern() {
        let (old, new) = (
            metrics(&[("r.a", 0.95), ("r.b", 0.5)]),
            metrics(&[("r.a", 0.95)]),
        );
        let judged = |old: &Collection, new: &Collection| {
            let mut judged = verdicts(&[gate("r.*", Limit::Min(0.9))], old, new, 0.0);
            judged.remove(0)
        };
        let one = judged(&old, &new);
        assert_eq!(
            (one.key.as_deref(), one.verdict),
            (Some("r.b"), Verdict::Fail)
        );
        assert_eq!(one.reason, "there is no value; the worst of 2");
        // What came is not gone.
        assert_eq!(judged(&new, &new).verdict, Verdict::Pass);
        // Another file may have it now.
        let mut moved = metrics(&[("r.a", 0.95)]);
        let other = RepoPath::parse("n.json").expect("a path");
        moved
            .files
            .insert(other.clone(), vec![("r.b".to_owned(), Value::Float(0.95))]);
        assert_eq!(judged(&old, &moved).verdict, Verdict::Pass);
        // Nobody knows what a file holds that is not there.
        let mut hidden = metrics(&[("r.a", 0.95)]);
        hidden.missing.push(other);
        let one = judged(&new, &hidden);
        assert_eq!(one.reason, "`n.json` is not there; the worst of 2");
        assert_eq!(one.verdict, Verdict::Fail);
    }

    #[test]
    fn of_a_pattern_the_worst_is_told() {
        let new = metrics(&[("r.a", 0.95), ("r.b", 0.7), ("r.c", 0.8)]);
        let judged = verdicts(&[gate("r.*", Limit::Min(0.9))], &new, &new, 0.0);
        let one = &judged[0];
        assert_eq!(
            (one.key.as_deref(), one.checked, one.verdict),
            (Some("r.b"), 3, Verdict::Fail)
        );
        assert_eq!(one.reason, "below it by 0.2; the worst of 3");
    }
}

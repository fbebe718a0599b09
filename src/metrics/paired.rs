//! `Tested`: how a statistic differs between two models, and whether that is more than noise.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::metrics::measured::{Judge, are_positive};
use crate::metrics::memory::Place;
use crate::metrics::pairing::Pairs;
use crate::metrics::predictions::Predictions;
use crate::pipeline::Statistic;
use crate::statistics::bootstrap::{self, Bootstrap};
use crate::statistics::classification::Tally;
use crate::statistics::newcombe::{self, Agreement};
use crate::statistics::{Confidence, Estimate, Interval, auc, mcnemar, mean};

/// How a statistic differs between the two sides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tested {
    /// What was compared.
    pub(crate) statistic: Statistic,
    /// How, and what came of it.
    pub(crate) test: Test,
    /// The number of examples.
    pub(crate) count: u32,
    /// The value of the base by its predictions.
    pub(crate) base: f64,
    /// The value compared with it.
    pub(crate) here: f64,
}

/// The way in which two models are compared, with what it needs to know of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// The mid-p test of `McNemar`, with Newcombe's interval.
    McNemar(Agreement),
    /// Resampled examples; `None` where the predictions are the same.
    Bootstrap(Option<Bootstrap>),
    /// The test and interval of `DeLong`.
    DeLong(Estimate),
    /// The t test of pairs.
    PairedT(Estimate),
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Significance {
    /// It is more than noise, for the better.
    Better,
    /// It is more than noise, for the worse.
    Worse,
    /// It may be noise.
    Noise,
}

impl Test {
    /// Returns its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::McNemar(_) => "McNemar mid-p",
            Self::Bootstrap(_) => "paired bootstrap",
            Self::DeLong(_) => "DeLong",
            Self::PairedT(_) => "paired t",
        }
    }
}

impl Tested {
    /// Returns here minus base.
    pub(crate) fn difference(&self) -> f64 {
        self.here - self.base
    }

    /// Returns where the difference lies; `None` where there is too little to tell.
    pub(crate) fn interval(&self, confidence: Confidence) -> Option<Interval> {
        match &self.test {
            Test::McNemar(seen) => newcombe::interval(seen, confidence),
            Test::Bootstrap(None) => Some(Interval {
                low: 0.0,
                high: 0.0,
            }),
            Test::Bootstrap(Some(resampled)) => resampled.interval(confidence),
            Test::DeLong(estimate) | Test::PairedT(estimate) => estimate.interval(confidence),
        }
    }

    /// Returns how likely so great a difference is where there is none, two-sided; `None` as above.
    pub(crate) fn p_value(&self) -> Option<f64> {
        match &self.test {
            Test::McNemar(seen) => Some(mcnemar::mid_p(seen.only_base, seen.only_here)),
            Test::Bootstrap(None) => Some(1.0),
            Test::Bootstrap(Some(resampled)) => resampled.p_value(),
            Test::DeLong(estimate) | Test::PairedT(estimate) => estimate.p_value(),
        }
    }

    /// Judges the difference: it is more than noise where both the interval and the test say so.
    ///
    /// At the very border they may not agree, for they are made by different formulas. What is then
    /// printed, an interval and a word, must not contradict itself, and doubt is no proof.
    pub(crate) fn significance(&self, confidence: Confidence) -> Significance {
        let interval = self.interval(confidence);
        let excludes_zero = interval.is_some_and(|interval| !interval.contains(0.0));
        let is_rare = self.p_value().is_some_and(|p| p < confidence.error());
        let is_lower_better = self.statistic == Statistic::Loss;
        match (excludes_zero && is_rare, self.difference() > 0.0) {
            (false, _) => Significance::Noise,
            (true, is_higher) if is_higher == is_lower_better => Significance::Worse,
            _ => Significance::Better,
        }
    }
}

/// Compares each of `statistics` that both sides have the columns for; what is resampled is remembered
/// in `place`.
pub(super) fn compare(
    pairs: &Pairs<'_>,
    statistics: &BTreeSet<Statistic>,
    place: &Place,
) -> Vec<Tested> {
    let comparison = Comparison { pairs, place };
    let mut found = Vec::new();
    let of_classes = |statistic: &&Statistic| Judge::new(statistic, pairs.here).is_some();
    let (of_classes, others): (Vec<&Statistic>, Vec<&Statistic>) =
        statistics.iter().partition(of_classes);
    if !of_classes.is_empty()
        && let Some(cells) = count_cells(pairs)
    {
        found = comparison.of_classes(&of_classes, &cells);
    }
    found.extend(others.into_iter().filter_map(|statistic| match statistic {
        Statistic::Auc => comparison.areas(),
        Statistic::Loss => comparison.losses(),
        _ => None,
    }));
    found
}

/// How many examples are of one kind.
#[derive(Serialize)]
struct Cell {
    actual: usize,
    base: usize,
    here: usize,
    count: u32,
}

/// Counts the examples by their actual class and both predictions; sorted, so that the order of rows
/// means nothing. `None` if a side has no predicted classes.
fn count_cells(pairs: &Pairs<'_>) -> Option<Vec<Cell>> {
    let here = pairs.here.predicted.as_deref()?;
    let base = pairs.base_predicted()?;
    let classes = pairs.class_count() as u64;
    let rows = pairs.here.actual.iter().zip(base).zip(here);
    let key = |((actual, base), here): ((&u32, u32), &u32)| {
        // 2²¹ classes fit; there are at most as many as `Judge` admits, but for accuracy.
        (u64::from(*actual) * classes + u64::from(base))
            .checked_mul(classes)
            .map(|key| key + u64::from(*here))
    };
    let mut keys: Vec<u64> = rows.map(key).collect::<Option<_>>()?;
    keys.sort_unstable();
    let cells = keys.chunk_by(|one, other| one == other).map(|equal| {
        let key = equal[0];
        let class = |key: u64| usize::try_from(key % classes).ok();
        Some(Cell {
            actual: class(key / classes / classes)?,
            base: class(key / classes)?,
            here: class(key)?,
            count: u32::try_from(equal.len()).ok()?,
        })
    });
    cells.collect()
}

struct Comparison<'a> {
    pairs: &'a Pairs<'a>,
    place: &'a Place,
}

impl Comparison<'_> {
    fn areas(&self) -> Option<Tested> {
        let (base, here) = (self.pairs.base, self.pairs.here);
        let positive = |side: &Predictions| Some(side.classes[side.positive? as usize].clone());
        if positive(base) != positive(here) {
            return None;
        }
        let scores: Vec<f64> = self.pairs.column(base.scores.as_deref()?).collect();
        let estimate = auc::compare(&are_positive(here)?, &scores, here.scores.as_deref()?)?;
        self.tested(
            &Statistic::Auc,
            Test::DeLong(estimate),
            (estimate.base, estimate.here),
        )
    }

    fn losses(&self) -> Option<Tested> {
        let base: Vec<f64> = self
            .pairs
            .column(self.pairs.base.losses.as_deref()?)
            .collect();
        let estimate = mean::compare(&base, self.pairs.here.losses.as_deref()?)?;
        self.tested(
            &Statistic::Loss,
            Test::PairedT(estimate),
            (estimate.base, estimate.here),
        )
    }

    fn tested(&self, statistic: &Statistic, test: Test, sides: (f64, f64)) -> Option<Tested> {
        let count = match &test {
            Test::McNemar(seen) => seen.count(),
            _ => u32::try_from(self.pairs.here.count()).ok()?,
        };
        Some(Tested {
            statistic: statistic.clone(),
            test,
            count,
            base: sides.0,
            here: sides.1,
        })
    }

    fn of_classes(&self, statistics: &[&Statistic], cells: &[Cell]) -> Vec<Tested> {
        let judges = statistics
            .iter()
            .filter_map(|statistic| Some((*statistic, Judge::new(statistic, self.pairs.here)?)));
        let (shares, others): (Vec<_>, Vec<_>) =
            judges.partition(|(_, judge)| judge.share_of().is_some());
        let shares = shares
            .into_iter()
            .filter_map(|(statistic, judge)| self.share(statistic, judge, cells));
        shares.chain(self.resampled(&others, cells)).collect()
    }

    /// Compares a share of the same examples: all of them, or those of one class.
    fn share(&self, statistic: &Statistic, judge: Judge, cells: &[Cell]) -> Option<Tested> {
        let examples = judge.share_of()?;
        let mut seen = Agreement::default();
        for cell in cells.iter().filter(|cell| examples.have(cell.actual)) {
            let part = match (cell.base == cell.actual, cell.here == cell.actual) {
                (true, true) => &mut seen.both,
                (true, false) => &mut seen.only_base,
                (false, true) => &mut seen.only_here,
                (false, false) => &mut seen.neither,
            };
            *part += cell.count;
        }
        let count = seen.count();
        let share = |right: u32| f64::from(right) / f64::from(count);
        let sides = (share(seen.base()), share(seen.here()));
        (count > 0).then(|| self.tested(statistic, Test::McNemar(seen), sides))?
    }

    /// Compares what is no share of the same examples by resampling them, all statistics at once.
    fn resampled(&self, judges: &[(&Statistic, Judge)], cells: &[Cell]) -> Vec<Tested> {
        if judges.is_empty() {
            return Vec::new();
        }
        let classes = self.pairs.class_count();
        let values = |counts: &[u32], side: fn(&Cell) -> usize| -> Vec<f64> {
            let mut tallies = vec![Tally::default(); classes];
            for (cell, count) in cells.iter().zip(counts) {
                Tally::add(&mut tallies, cell.actual, side(cell), *count);
            }
            judges
                .iter()
                .map(|(_, judge)| judge.value(&tallies))
                .collect()
        };
        let counts: Vec<u32> = cells.iter().map(|cell| cell.count).collect();
        let (base, here) = (
            values(&counts, |cell| cell.base),
            values(&counts, |cell| cell.here),
        );
        let is_same = cells.iter().all(|cell| cell.base == cell.here);
        let mut resampled = if is_same {
            Vec::new()
        } else {
            let judges: Vec<Judge> = judges.iter().map(|(_, judge)| *judge).collect();
            let resample = || {
                bootstrap::resample(&counts, |drawn| {
                    let base = values(drawn, |cell| cell.base);
                    let here = values(drawn, |cell| cell.here);
                    here.iter()
                        .zip(&base)
                        .map(|(here, base)| here - base)
                        .collect()
                })
            };
            self.place.recall(&(cells, judges), resample)
        }
        .into_iter();
        let tested = judges.iter().zip(base.into_iter().zip(here));
        let tested = tested.filter_map(|((statistic, _), sides)| {
            self.tested(statistic, Test::Bootstrap(resampled.next()), sides)
        });
        tested.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::predictions::tests::read;

    fn nowhere() -> Place {
        let nowhere = std::path::PathBuf::from("/nowhere/at/all");
        let file = crate::base::path::RepoPath::parse("p.csv").expect("a path");
        crate::metrics::memory::Memory::new(nowhere).place(&file)
    }

    /// Of 200 examples in two classes the base gets 150 right and the other 180.
    fn tested(names: &[&str]) -> Vec<Tested> {
        let text = |is_wrong: fn(usize) -> bool| {
            let row = |row: usize| {
                let label = row % 2;
                let predicted = if is_wrong(row) { 1 - label } else { label };
                format!("{row},{label},{predicted}\n")
            };
            format!("id,label,pred\n{}", (0..200).map(row).collect::<String>())
        };
        let base = read(&text(|row| row < 50));
        let here = read(&text(|row| (40..60).contains(&row)));
        let pairs = Pairs::new(&base, &here).expect("the same examples");
        let statistics = names
            .iter()
            .flat_map(|name| Statistic::candidates(name).into_iter().take(1));
        compare(&pairs, &statistics.collect(), &nowhere())
    }

    #[test]
    fn shares_are_tested_exactly() {
        let found = tested(&["accuracy", "recall.1"]);
        let accuracy = &found[0];
        assert_eq!(
            (accuracy.test.name(), accuracy.count),
            ("McNemar mid-p", 200)
        );
        assert!((accuracy.difference() - 0.15).abs() < 1e-15);
        assert_eq!(accuracy.p_value(), Some(mcnemar::mid_p(40, 10)));
        assert_eq!(
            accuracy.significance(Confidence::default()),
            Significance::Better
        );
        assert_eq!(
            (found[1].count, found[1].p_value()),
            (100, Some(mcnemar::mid_p(20, 5)))
        );
    }

    #[test]
    fn other_statistics_are_resampled_together() {
        let found = tested(&["f1.macro", "precision.1", "f1.7", "loss"]);
        assert_eq!(found.len(), 2);
        for one in &found {
            assert_eq!((one.test.name(), one.count), ("paired bootstrap", 200));
            assert_eq!(
                one.significance(Confidence::default()),
                Significance::Better
            );
            let interval = one.interval(Confidence::default()).expect("defined");
            assert!(interval.contains(one.difference()), "{interval:?}");
        }
    }

    #[test]
    fn a_higher_loss_is_worse() {
        let mut file = crate::metrics::predictions::tests::settings();
        file.columns.loss = Some("loss".to_owned());
        let side = |more: f64| {
            let row = |row: u32| format!("1,{}\n", f64::from(row % 7) + more * f64::from(row % 3));
            let text = format!("label,loss\n{}", (0..90).map(row).collect::<String>());
            Predictions::read("p.csv", &text, &file).expect("reads")
        };
        let (base, here) = (side(0.0), side(0.5));
        let pairs = Pairs::new(&base, &here).expect("the same examples");
        let found = compare(&pairs, &BTreeSet::from([Statistic::Loss]), &nowhere());
        assert_eq!(
            found[0].significance(Confidence::default()),
            Significance::Worse
        );
        assert!((found[0].difference() - 0.5).abs() < 1e-12);
    }
}

//! Leaves out points that nobody could see: a page of a hundred thousand opens at once.

use std::cmp::Ordering;
use std::collections::HashSet;

/// Keeps of a curve the first, lowest, highest and last point in each of `columns` equal parts of
/// the x axis, which draws the same pixels as all of them. The points are in the order of x; one
/// whose y is NaN is a gap and stays a gap. After U. Jugel et al., M4: a visualization-oriented
/// time series data aggregation, VLDB 2014.
pub(crate) fn thin_curve(points: &[(f64, f64)], columns: usize) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    if points.len() <= 4 * columns {
        return points.to_vec();
    }
    #[expect(clippy::cast_precision_loss, reason = "as many as a screen has")]
    let per_unit = columns as f64 / (last.0 - first.0);
    let column_of = |x: f64| ((x - first.0) * per_unit).floor();
    let mut kept = Vec::new();
    let same_column = |one: &(f64, f64), other: &(f64, f64)| {
        let (one, other) = (column_of(one.0), column_of(other.0));
        // All at one x are one column.
        one.partial_cmp(&other) != Some(Ordering::Less)
    };
    for column in points.chunk_by(same_column) {
        for run in column.chunk_by(|one, other| one.1.is_nan() == other.1.is_nan()) {
            keep_extremes(run, &mut kept);
        }
    }
    kept
}

/// Keeps the first, lowest, highest and last of a few points, each once and in their order.
fn keep_extremes(run: &[(f64, f64)], kept: &mut Vec<(f64, f64)>) {
    let y = |index: &usize| run[*index].1;
    let by_y = |one: &usize, other: &usize| y(one).total_cmp(&y(other));
    let lowest = (0..run.len()).min_by(by_y);
    let highest = (0..run.len()).max_by(by_y);
    let mut indices = vec![0, run.len() - 1];
    indices.extend(lowest);
    indices.extend(highest);
    indices.sort_unstable();
    indices.dedup();
    // A gap needs only one point to be one.
    if run[0].1.is_nan() {
        indices.truncate(1);
    }
    kept.extend(indices.into_iter().map(|index| run[index]));
}

/// Keeps of points that lie in the same cell only the first. `cell_of` says in which one a point is.
pub(crate) fn thin_cloud(
    points: &[(f64, f64)],
    most: usize,
    cell_of: impl Fn((f64, f64)) -> (i32, i32),
) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let mut taken = HashSet::new();
    let is_first = |point: &&(f64, f64)| taken.insert(cell_of(**point));
    points.iter().filter(is_first).copied().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hundred_thousand_points_become_a_few_for_each_pixel() {
        let wave = |index: u32| {
            let x = f64::from(index);
            (x, (x / 700.0).sin() + f64::from(index % 7) * 0.1)
        };
        let points: Vec<_> = (0..100_000).map(wave).collect();
        let thin = thin_curve(&points, 600);
        assert!(thin.len() <= 4 * 601, "{}", thin.len());
        let highest =
            |points: &[(f64, f64)]| points.iter().map(|point| point.1).fold(0.0, f64::max);
        assert!((highest(&thin) - highest(&points)).abs() < f64::EPSILON);
    }

    #[test]
    fn gaps_stay_and_one_x_is_one_column() {
        let mut points: Vec<_> = (0..1000).map(|index| (f64::from(index), 1.0)).collect();
        points[500].1 = f64::NAN;
        let gaps = thin_curve(&points, 10);
        assert_eq!(gaps.iter().filter(|point| point.1.is_nan()).count(), 1);
        let upright: Vec<_> = (0..1000).map(|index| (1.0, f64::from(index))).collect();
        assert_eq!(thin_curve(&upright, 10), [(1.0, 0.0), (1.0, 999.0)]);
        assert!(thin_curve(&[], 10).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_kept_is_of_the_curve_in_its_order_with_its_ends(ys in prop::collection::vec(-1e3..1e3f64, 1..400), columns in 1usize..40) {
            let points: Vec<(f64, f64)> = ys.iter().zip(0u32..).map(|(y, x)| (f64::from(x), *y)).collect();
            let thin = thin_curve(&points, columns);
            prop_assert_eq!(thin.first(), points.first());
            prop_assert_eq!(thin.last(), points.last());
            prop_assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(thin.iter().all(|point| points.contains(point)));
            let low = |all: &[(f64, f64)]| all.iter().map(|point| point.1).fold(f64::MAX, f64::min);
            prop_assert!((low(&thin) - low(&points)).abs() < 1e-12);
        }
    }
}

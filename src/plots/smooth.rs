//! LOESS: the smooth curve through scattered points, as Vega draws it.

/// The share of all points that each local line is fitted to; that of Vega and of DVC's template.
const BANDWIDTH: f64 = 0.3;

/// How often points that lie far off the curve are made lighter.
const ROBUSTNESS_ROUNDS: usize = 2;

/// How many points are smoothed at most: the effort grows with their square, and a screen has no
/// more columns. Neighbours of more are averaged before.
const MOST: usize = 1000;

/// What a point far off weighs: not nothing, so that a line can be fitted through such points alone.
const NEARLY_NOTHING: f64 = 1e-12;

/// Smooths points in the order of their x, none of which is NaN: local lines, weighted by the
/// tricube of the distance, and twice again with less weight for outliers. Returns one point for
/// each x. After W. S. Cleveland, Robust locally weighted regression and smoothing scatterplots,
/// JASA 74, 1979, with the parameters of Vega's `loess`.
pub(crate) fn loess(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let points = averaged(points);
    if points.len() < 3 {
        return points;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of at most a thousand points"
    )]
    let neighbours = ((BANDWIDTH * points.len() as f64) as usize).max(2);
    let mut weights = vec![1.0; points.len()];
    let mut curve = fit(&points, &weights, neighbours);
    for _ in 0..ROBUSTNESS_ROUNDS {
        let residuals: Vec<f64> = points
            .iter()
            .zip(&curve)
            .map(|(point, fitted)| (point.1 - fitted).abs())
            .collect();
        let scale = 6.0 * median(residuals.clone());
        if scale < NEARLY_NOTHING {
            break;
        }
        for (weight, residual) in weights.iter_mut().zip(residuals) {
            let share = residual / scale;
            let bisquare = (1.0 - share * share).powi(2);
            *weight = if share >= 1.0 {
                NEARLY_NOTHING
            } else {
                bisquare
            };
        }
        curve = fit(&points, &weights, neighbours);
    }
    let mut smooth: Vec<_> = points.iter().zip(curve).map(|(p, y)| (p.0, y)).collect();
    smooth.dedup_by(|one, other| one.0.total_cmp(&other.0).is_eq());
    smooth
}

/// Fits a line around each point to its nearest neighbours, and returns its height there.
fn fit(points: &[(f64, f64)], weights: &[f64], neighbours: usize) -> Vec<f64> {
    let mut first = 0;
    let height = |(index, point): (usize, &(f64, f64))| {
        first = nearest(points, first, neighbours, index);
        let window = first..first + neighbours;
        line_at(point.0, &points[window.clone()], &weights[window])
    };
    points.iter().enumerate().map(height).collect()
}

/// Moves a window of as many neighbours on to where it is nearest to the point at `index`.
fn nearest(points: &[(f64, f64)], mut first: usize, neighbours: usize, index: usize) -> usize {
    let x = points[index].0;
    while first < index
        && first + neighbours < points.len()
        && points[first + neighbours].0 - x <= x - points[first].0
    {
        first += 1;
    }
    first
}

/// Fits a line to the points by weighted least squares, and returns its height at `x`.
fn line_at(x: f64, points: &[(f64, f64)], weights: &[f64]) -> f64 {
    let reach = (x - points[0].0).max(points[points.len() - 1].0 - x);
    let reach = if reach == 0.0 { 1.0 } else { reach };
    let (mut sum, mut sum_x, mut sum_y, mut sum_xy, mut sum_xx) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for ((px, py), weight) in points.iter().zip(weights) {
        // Relative to x, so that large numbers lose no digits.
        let dx = px - x;
        let weight = weight * tricube((dx / reach).abs());
        sum += weight;
        sum_x += weight * dx;
        sum_y += weight * py;
        sum_xy += weight * dx * py;
        sum_xx += weight * dx * dx;
    }
    let (mean_x, mean_y) = (sum_x / sum, sum_y / sum);
    let spread = sum_xx / sum - mean_x * mean_x;
    let slope = if spread.abs() < 1e-24 {
        0.0
    } else {
        (sum_xy / sum - mean_x * mean_y) / spread
    };
    mean_y - slope * mean_x
}

fn tricube(distance: f64) -> f64 {
    (1.0 - distance.powi(3)).powi(3)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// Averages neighbours where there are more points than are smoothed.
fn averaged(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let size = points.len().div_ceil(MOST);
    let mean = |part: &[(f64, f64)]| {
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let count = part.len() as f64;
        let sum = |axis: fn(&(f64, f64)) -> f64| part.iter().map(axis).sum::<f64>();
        (sum(|point| point.0) / count, sum(|point| point.1) / count)
    };
    match size {
        0 | 1 => points.to_vec(),
        size => points.chunks(size).map(mean).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_stays_one() {
        let points: Vec<_> = (0..50)
            .map(|x| (f64::from(x), 3.0 - 2.0 * f64::from(x)))
            .collect();
        for (x, y) in loess(&points) {
            assert!((y - (3.0 - 2.0 * x)).abs() < 1e-9);
        }
    }

    #[test]
    fn an_outlier_hardly_bends_the_curve() {
        let mut points: Vec<_> = (0..40)
            .map(|x| (f64::from(x), 1.0 + 0.001 * f64::from(x % 3)))
            .collect();
        points[20].1 = 50.0;
        assert!(
            loess(&points)
                .iter()
                .all(|point| (point.1 - 1.0).abs() < 0.1)
        );
    }

    /// The expected heights are those of vega-statistics 1.9, `regressionLoess`.
    #[test]
    fn the_curve_is_that_of_vega() {
        let point = |index: u32| {
            let jump = if index == 12 { 5.0 } else { 0.0 };
            let y = f64::from((index * 7) % 11) / 10.0 + f64::from(index) * 0.3 + jump;
            (f64::from(index * index) * 0.5, y)
        };
        let points: Vec<_> = (0..20).map(point).collect();
        let curve = loess(&points);
        for (index, expected) in [
            (0, 0.503_928_712_528_692_6),
            (1, 0.617_144_023_083_277_6),
            (5, 2.057_293_380_481_256_7),
            (11, 3.409_588_695_062_091),
            (12, 3.813_771_406_178_594),
            (13, 4.346_720_791_439_14),
            (19, 5.956_382_485_615_545),
        ] {
            assert!(
                (curve[index].1 - expected).abs() < 1e-9,
                "{index}: {:?}",
                curve[index]
            );
        }
    }

    #[test]
    fn one_x_has_one_height_and_many_points_become_a_thousand() {
        let twice = [(1.0, 1.0), (1.0, 3.0), (2.0, 2.0), (3.0, 2.0)];
        assert_eq!(loess(&twice).len(), 3);
        let many: Vec<_> = (0..100_000).map(|x| (f64::from(x), 1.0)).collect();
        assert_eq!(loess(&many).len(), 1000);
        assert!(loess(&[]).is_empty());
    }
}

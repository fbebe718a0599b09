//! Holm's correction of several tests.

/// Returns each p-value adjusted for all being tested: those below α are significant together, with
/// at most the chance α that any of them is by mistake.
///
/// The step-down method of Holm, Scand. J. Stat. 6:65, 1979; it holds whatever the tests have to do
/// with each other. Adjusted values are at most 1 and in the order of the given ones.
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least = 0.0_f64;
    for (position, index) in order.into_iter().enumerate() {
        let remaining = u32::try_from(p_values.len() - position).unwrap_or(u32::MAX);
        least = least.max(f64::from(remaining) * p_values[index]).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_adjusted_in_their_order() {
        let found = adjusted(&[0.03, 0.01, 0.04, 0.8]);
        for (found, wanted) in found.iter().zip([0.09, 0.04, 0.09, 0.8]) {
            assert!((found - wanted).abs() < 1e-15);
        }
        assert!(adjusted(&[]).is_empty());
    }
}

//! The least, the middle and the most of some numbers.

use serde::Serialize;

/// Least, middle and most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of `values`; all zero when there are none.
    pub(crate) fn of(values: &[f64]) -> Self {
        Self { min: quantile(values, 0.0), median: median(values), max: quantile(values, 1.0) }
    }
}

/// The middle of `values`, or the mean of the two in the middle; zero when there are none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The smallest of `values` that at least this `share` of them does not exceed; zero when there
/// are none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let sorted = sorted(values);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_two() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[7.0]), 7.0);
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[9.0, 1.0, 5.0, 2.0]), 3.5);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=60).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.99), 60.0);
        assert_eq!(quantile(&values, 0.5), 30.0);
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_spread_is_of_any_order() {
        let spread = Spread { min: 1.0, median: 3.0, max: 8.0 };
        assert_eq!(Spread::of(&[3.0, 8.0, 1.0]), spread);
    }
}

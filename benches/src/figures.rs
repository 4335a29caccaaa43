//! Middle values of measurements.

use std::time::Duration;

/// The value in the middle; that of the two middle ones which is greater. Zero of nothing.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The value below which `percent` of all lie. Zero of nothing.
#[must_use]
pub fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let index = values.len() * percent / 100;
    values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// A time in microseconds.
#[must_use]
pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_depend_on_the_order() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 3.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (0..200).map(f64::from).collect();
        assert_eq!(percentile(values.clone(), 99), 198.0);
        assert_eq!(percentile(values, 100), 199.0);
        assert_eq!(percentile(vec![5.0], 50), 5.0);
    }
}

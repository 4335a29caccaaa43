//! How many tests passed and failed, read from what nextest and rustdoc print.

use std::ops::AddAssign;

/// Tests that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The sum over every summary line in `output`.
pub(crate) fn count(output: &str) -> Count {
    let mut sum = Count::default();
    for line in output.lines() {
        if let Some((_, tail)) =
            line.split_once("tests run:").or_else(|| line.split_once("test run:"))
        {
            sum += fields(tail, ',');
        } else if let Some((_, tail)) = line.split_once("test result:") {
            sum += fields(tail.split_once('.').map_or(tail, |(_, counts)| counts), ';');
        }
    }
    sum
}

/// The counts of `12 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
fn fields(text: &str, separator: char) -> Count {
    let mut sum = Count::default();
    for field in text.split(separator) {
        let mut words = field.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
        match words.next() {
            Some("passed") => sum.passed += number,
            Some("failed" | "timed" | "exec") => sum.failed += number,
            _ => {}
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_both_runners_are_added_up() {
        let output = "     Summary [   0.2s] 15 tests run: 12 passed (1 slow), 1 failed, 2 timed out, 3 skipped\n\
             test result: FAILED. 4 passed; 1 failed; 0 ignored; finished in 0.00s\n\
             Summary [ 0.1s] 1 test run: 1 passed, 0 skipped\n";
        assert_eq!(count(output), Count { passed: 17, failed: 4 });
    }

    #[test]
    fn output_without_a_summary_counts_nothing() {
        assert_eq!(count("error: could not compile\n"), Count::default());
    }
}

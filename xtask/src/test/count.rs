//! How many tests passed and failed, read from what nextest, rustdoc and pytest print.

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

/// The sum over the summaries of nextest, or, where there are none, over those of libtest, or else
/// over those of pytest.
///
/// A failing test's own output, which nextest repeats, ends with a line of libtest as well; and who
/// compares what pytest found with what was expected has the last word in libtest's.
pub(crate) fn count(output: &str) -> Count {
    let mut nextest = None::<Count>;
    let mut libtest = None::<Count>;
    let mut pytest = Count::default();
    for line in output.lines() {
        let of_nextest =
            line.split_once("tests run:").or_else(|| line.split_once("test run:")).map(|it| it.1);
        if let Some(tail) = of_nextest.filter(|_| line.trim_start().starts_with("Summary [")) {
            *nextest.get_or_insert_default() += fields(tail, ',');
        } else if let Some((_, tail)) = line.split_once("test result:") {
            let counts = tail.split_once('.').map_or(tail, |(_, counts)| counts);
            *libtest.get_or_insert_default() += fields(counts, ';');
        } else if let Some(counts) = of_pytest(line) {
            pytest += fields(counts, ',');
        }
    }
    nextest.or(libtest).unwrap_or(pytest)
}

/// The counts of pytest's last line, `1 failed, 12 passed in 3.45s`.
fn of_pytest(line: &str) -> Option<&str> {
    let (counts, time) = line.trim_matches(['=', ' ']).rsplit_once(" in ")?;
    let time = time.split_once('s').map_or(time, |it| it.0);
    (time.parse::<f64>().is_ok() && counts.starts_with(|it: char| it.is_ascii_digit()))
        .then_some(counts)
}

/// The counts of `12 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
fn fields(text: &str, separator: char) -> Count {
    let mut sum = Count::default();
    for field in text.split(separator) {
        let mut words = field.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
        match words.next() {
            Some("passed") => sum.passed += number,
            Some("failed" | "timed" | "exec" | "error" | "errors") => sum.failed += number,
            _ => {}
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_tests_own_summary_is_not_counted_again() {
        let output = "    test result: FAILED. 0 passed; 1 failed; 0 ignored; finished in 0.00s\n\
             \x20    Summary [   0.2s] 15 tests run: 12 passed (1 slow), 1 failed, 2 timed out, 3 skipped\n";
        assert_eq!(count(output), Count { passed: 12, failed: 3 });
        assert_eq!(count(" Summary [ 0.1s] 1 test run: 1 passed"), Count { passed: 1, failed: 0 });
    }

    #[test]
    fn the_doctests_of_every_crate_are_added_up() {
        let output = "test result: FAILED. 4 passed; 1 failed; 0 ignored; finished in 0.00s\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; finished in 0.00s\n";
        assert_eq!(count(output), Count { passed: 6, failed: 1 });
    }

    #[test]
    fn the_last_line_of_pytest_is_counted() {
        let output = "....\n3 failed, 12 passed, 1 skipped in 322.97s (0:05:22)\n";
        assert_eq!(count(output), Count { passed: 12, failed: 3 });
        assert_eq!(count("== 2 passed in 0.10s =="), Count { passed: 2, failed: 0 });
        let judged = format!("{output}test result: ok. 12 passed; 0 failed; 0 ignored\n");
        assert_eq!(count(&judged), Count { passed: 12, failed: 0 });
        assert_eq!(count("it took 3 tries in 2 days"), Count::default());
    }

    #[test]
    fn output_without_a_summary_counts_nothing() {
        assert_eq!(count("error: could not compile\n"), Count::default());
    }
}

//! Our connection string parser and our wire session against libpq's own, which `AYA_LIBPQ`
//! names.

mod wire;

use aya_tests::conninfo_judge::{Finding, compare};
use aya_tests::conninfo_strings::{Dice, next};
use aya_tests::libpq::Libpq;

#[test]
fn libpq_agrees_on_the_cases_of_postgresql() {
    let libpq = Libpq::from_variable().unwrap();
    let text = include_str!("../spec/conninfo/uri.toml");
    let inputs = text.lines().filter_map(|line| line.strip_prefix("input = '")?.strip_suffix('\''));
    let mut count = 0;
    for input in inputs {
        assert_eq!(compare(&libpq, input).unwrap(), Finding::Agreement);
        count += 1;
    }
    assert_eq!(count, 63);
}

#[test]
fn libpq_agrees_on_random_strings() {
    const SEED: u64 = 18;
    let libpq = Libpq::from_variable().unwrap();
    let mut dice = Dice::new(SEED);
    for n in 0..20_000 {
        let finding = compare(&libpq, &next(&mut dice)).unwrap();
        let listed = match &finding {
            Finding::Agreement => true,
            Finding::Listed(name) => include_str!("disagreements.txt").contains(name),
            Finding::Disagreement(_) => false,
        };
        assert!(listed, "seed {SEED}, string {n}: {finding:?}");
    }
}

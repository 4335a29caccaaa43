//! Compares our connection string parser with libpq's on random strings.

#![expect(clippy::print_stdout, reason = "the report goes to standard output")]

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use aya_tests::conninfo_judge::{Finding, compare};
use aya_tests::conninfo_strings::{Dice, next};
use aya_tests::libpq::Libpq;
use clap::Parser;

#[derive(Debug, Parser)]
struct Arguments {
    /// How many strings.
    #[arg(long, default_value_t = 1_000_000)]
    strings: u64,
    /// Where the dice begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let libpq = Libpq::from_variable()?;
    let mut dice = Dice::new(arguments.seed);
    let (mut listed, mut accepted) = (BTreeMap::<&str, u64>::new(), 0u64);
    for n in 0..arguments.strings {
        let text = next(&mut dice);
        match compare(&libpq, &text)? {
            Finding::Agreement => {
                accepted += u64::from(aya_db_core::conninfo::parse(&text).is_ok());
            }
            Finding::Listed(name) => *listed.entry(name).or_default() += 1,
            Finding::Disagreement(what) => {
                bail!("seed {}, string {n}: {what}", arguments.seed);
            }
        }
    }
    println!(
        "seed {}: {} strings, {accepted} accepted by both, 0 unlisted disagreements, listed: \
         {listed:?}",
        arguments.seed, arguments.strings
    );
    Ok(())
}

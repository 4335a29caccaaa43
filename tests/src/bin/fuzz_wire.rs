//! Feeds the wire session what a server might send, and what none does.

#![expect(clippy::print_stdout, reason = "the report goes to standard output")]

use anyhow::{Context, Result};
use aya_tests::conninfo_strings::Dice;
use aya_tests::{wire_bytes, wire_judge};
use clap::Parser;

#[derive(Debug, Parser)]
struct Arguments {
    /// How many streams of bytes.
    #[arg(long, default_value_t = 1_000_000)]
    streams: u64,
    /// Where the dice begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut dice = Dice::new(arguments.seed);
    let mut refused = 0;
    for n in 0..arguments.streams {
        let bytes = wire_bytes::next(&mut dice);
        let is_refused = wire_judge::judge(&bytes, &mut dice)
            .with_context(|| format!("seed {}, stream {n}", arguments.seed))?;
        refused += u64::from(is_refused);
    }
    println!("seed {}: {} streams, {refused} refused", arguments.seed, arguments.streams);
    Ok(())
}

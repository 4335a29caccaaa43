//! `aya-ha`: the HA daemon for PostgreSQL.

use clap::Parser;

/// The HA daemon for PostgreSQL.
#[derive(Parser)]
#[command(version)]
struct Arguments {}

fn main() {
    Arguments::parse();
}

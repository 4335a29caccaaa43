//! Fetches the server programs and prints where they are, one `NAME=PATH` a line.
#![expect(clippy::print_stdout, reason = "the lines are this program's result")]

use anyhow::Result;
use aya_testkit::Servers;

fn main() -> Result<()> {
    let servers = Servers::ensure()?;
    println!("AYA_POSTGRES_BIN={}", servers.postgres_bin().display());
    println!("AYA_LIBPQ={}", servers.libpq().display());
    println!("AYA_ETCD={}", servers.etcd().display());
    println!("AYA_ETCDCTL={}", servers.etcdctl().display());
    println!("AYA_PYTHONPATH={}", servers.python_path().display());
    Ok(())
}

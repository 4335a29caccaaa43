//! Connects, says who leads, and asks the server a question.
//!
//! ```sh
//! cargo run -p aya-examples --bin connect -- "host=db1,db2 user=app dbname=app"
//! ```

#![expect(clippy::print_stdout, reason = "the answers are what the program is for")]

use anyhow::{Context, Result};

use aya_db::{Cluster, Error};

#[tokio::main]
async fn main() -> Result<()> {
    let conninfo = std::env::args().nth(1).context("give a connection string")?;

    // Waits for a server until `failover_timeout`; a wrong password is an error at once.
    let cluster = Cluster::connect(&conninfo).await?;
    match cluster.snapshot().leadership.confirmed() {
        Some(leader) => println!("{leader} leads"),
        None => println!("nobody leads"),
    }

    // Parameters are bound, never pasted into the text; types are tokio-postgres's own.
    let sql = "select current_database()::text as place, $1::bigint * 2 as double";
    let row = cluster.query_one(sql, &[&21_i64]).await?;
    println!("connected to {}", row.get::<_, &str>("place"));
    println!("the double of 21 is {}", row.get::<_, i64>("double"));

    // An error says what became of the statement and whether it is worth another try.
    if let Err(error) = cluster.query_one("select 1 / $1::int", &[&0_i32]).await {
        describe(&error);
    }
    Ok(())
}

fn describe(error: &Error) {
    println!("as it should, dividing by zero fails: {error}");
    println!("  code:      {}", error.code());
    println!("  SQLSTATE:  {}", error.sqlstate().unwrap_or("none"));
    println!("  fate:      {}", error.fate());
    println!("  try again: {}", if error.is_retryable() { "yes" } else { "no" });
}

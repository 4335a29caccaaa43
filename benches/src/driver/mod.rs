//! What both drivers are asked to do, each in the way its documentation proposes.

mod aya;
mod deadpool;

use std::future::Future;

use anyhow::Result;

pub use self::aya::Aya;
pub use self::deadpool::Deadpool;

/// A driver with its pool. Clones share the pool.
pub trait Driver: Clone + Send + Sync + 'static {
    /// A pool of at most `size` connections.
    fn open(conninfo: &str, size: usize) -> impl Future<Output = Result<Self>> + Send;

    /// Runs [`SELECT`] on a pooled connection.
    fn select(&self) -> impl Future<Output = Result<i32>> + Send;

    /// Runs [`INSERT`] on a pooled connection.
    fn insert(&self, row: &NewRow) -> impl Future<Output = Result<u64>> + Send;

    /// Runs [`INSERT`] in a transaction of its own, begun and committed by the program.
    fn transact(&self, row: &NewRow) -> impl Future<Output = Result<()>> + Send;

    /// Opens `count` connections, runs [`SELECT`] on each, and leaves them idle in the pool.
    fn fill(&self, count: usize) -> impl Future<Output = Result<()>> + Send;
}

/// The name of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// aya-db.
    Aya,
    /// tokio-postgres with deadpool-postgres.
    Deadpool,
}

impl Which {
    /// As it is given on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aya => "aya",
            Self::Deadpool => "deadpool",
        }
    }
}

/// The parameters of an insert, of five types.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRow {
    /// A `bigint`.
    pub id: i64,
    /// An `integer`.
    pub kind: i32,
    /// A `text`.
    pub name: String,
    /// A `double precision`.
    pub price: f64,
    /// A `boolean`.
    pub is_open: bool,
}

impl NewRow {
    /// A row like any other.
    #[must_use]
    pub fn new(id: i64) -> Self {
        Self { id, kind: 7, name: "a name of usual length".to_owned(), price: 9.5, is_open: true }
    }
}

/// A statement that costs the server next to nothing.
pub const SELECT: &str = "select 1";

/// An insert of five parameters.
pub const INSERT: &str =
    "insert into bench_row (id, kind, name, price, is_open) values ($1, $2, $3, $4, $5)";

/// What [`INSERT`] needs.
pub const TABLE: &str = "create table if not exists bench_row \
    (id bigint, kind integer, name text, price double precision, is_open boolean)";

//! A PostgreSQL driver that survives a failover.
//!
//! [`Cluster`] is the handle to all servers of a cluster. It knows who leads, waits while nobody
//! does, runs again what can safely be run again, and says of everything else what became of it
//! ([`Fate`]).
//!
//! ```no_run
//! use aya_db::Cluster;
//!
//! # async fn example() -> Result<(), aya_db::Error> {
//! let cluster = Cluster::connect("host=db1,db2,db3 user=app dbname=shop").await?;
//! let rows = cluster.query("select id, name from items where price < $1", &[&10_i64]).await?;
//! for row in rows {
//!     println!("{}: {}", row.get::<_, i64>("id"), row.get::<_, &str>("name"));
//! }
//! # Ok(()) }
//! ```
//!
//! Rows and types are [`tokio_postgres`]'s own. Connection strings are libpq's, with parameters of
//! our own beside them. The cargo feature `etcd` adds leader discovery through etcd; building it
//! runs `protoc`.
//!
//! ```text
//! Cluster -> View -> execute (the one loop) -> pool -> link -> tokio-postgres on a watched stream
//!                        ^                      ^
//!                        +-- aya-db-core -------+-- monitor <- etcd, Patroni, the servers
//! ```

mod builder;
mod canceller;
mod clock;
mod cluster;
mod commit;
mod connect;
mod copy;
mod core;
mod discovery;
mod doubt;
mod error;
mod events;
mod execute;
mod failed;
mod failure;
mod link;
mod listen;
mod metrics;
mod monitor;
mod opening;
mod options;
#[cfg(feature = "sql-parser")]
mod plain_selects;
mod pool;
mod reads;
mod session;
mod sql;
mod statement;
mod surroundings;
mod talk;
mod tls;
mod token;
mod transaction;
mod view;
mod watch;

/// The examples of the README and of the guide must compile as well.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/failover.md")]
    struct Failover;
    #[doc = include_str!("../../../docs/continuity.md")]
    struct Continuity;
    #[doc = include_str!("../../../docs/reads.md")]
    struct Reads;
}

pub use aya_db_core::conninfo::{LagLimits, Replay};
pub use aya_db_core::failure::FailureKind;
pub use aya_db_core::observation::Source;
pub use aya_db_core::route::{CausalToken, CausalTokenError, Fallback, Intent, StandbyPolicy};
pub use aya_db_core::server_sql::COMMIT_LEDGER_SQL;
pub use aya_db_core::snapshot::{ClusterSnapshot, Leadership};
pub use aya_db_core::topology::{ClusterEvent, StalePrimaryReason};
pub use aya_db_core::{Fate, Generation, Lsn, Moment, NodeId, Timeline, retry};
pub use tokio_postgres::error::DbError;
pub use tokio_postgres::{Column, Notification, Row, SimpleQueryMessage, types};

pub use self::builder::ClusterBuilder;
pub use self::canceller::Canceller;
pub use self::cluster::Cluster;
pub use self::copy::{CopyIn, CopyOut};
pub use self::error::{Attempt, Error};
pub use self::events::Events;
pub use self::listen::{Listener, Signal};
pub use self::options::{CallOptions, IsolationLevel, TransactionOptions};
pub use self::pool::PoolStatus;
pub use self::session::Session;
pub use self::sql::{Once, Prepared, Repeats, Sql, once};
pub use self::surroundings::SystemSurroundings;
pub use self::transaction::Transaction;
pub use self::view::View;
pub use self::watch::ClusterWatch;

//! Measures aya-db against tokio-postgres with deadpool-postgres, on one server and in one run.
//!
//! ```text
//! benches/drivers.rs --> statements: rounds of one driver and the other, in turn
//!                    --> continuity: what replay and commit resolution cost a transaction
//!                    --> memory:     a process of its own for each driver and number
//!                    --> snapshot:   from a key in etcd to what sixty clients know
//!                    --> report:     Markdown for the README, or JSON
//! ```

pub mod continuity;
pub mod driver;
pub mod figures;
pub mod memory;
pub mod report;
pub mod snapshot;
pub mod statements;

//! The driver against real servers, and against scripted ones that misbehave on purpose.
//!
//! Every test starts the servers it needs and breaks nobody else's. Whatever waits has a deadline,
//! so that a call which hangs fails its test rather than the run.

mod ahead;
mod bad_input;
mod doubt;
mod failover;
mod fates;
mod first_host;
mod hold;
mod listen;
mod opening;
mod partition;
mod passwords;
mod pool;
mod promotion;
mod reads;
mod reads_in_doubt;
mod replay;
mod replication;
mod sessions;
mod silence;
mod sources;
mod statements;
mod support;
mod survivor;
mod transactions;
mod unlogged;
mod writers;

//! Runs the examples as a user would, against real servers.

mod connect;
mod listen;
mod pool_web_service;
mod program;
mod retry_transaction;
mod watch_topology;

//! Every decision that the HA daemon `aya-ha` takes, as plain functions.
//!
//! Nothing here opens a file or a socket, reads a clock or rolls dice: contents, times and answers
//! arrive as values, and what is decided leaves as one, with its reasons.
//!
//! ```text
//!  config  what a node and its cluster are told
//!  cluster what the store's keys say
//!  view    everything that a node knows at one moment
//!  plan    what it does next: a table of rules over the view
//!  postgres what its files and programs say
//!  rest    what is answered to people and load balancers
//!  quorum  what the store survives
//!  lease   until when the leader may lead, whatever the clocks do
//!  yaml    texts as PyYAML reads them, so that a configuration of Patroni means here what it means there
//!  sync    who must confirm a commit and who must vote, changed so that the two always share a server
//! ```

pub mod cluster;
pub mod config;
pub mod lease;
pub mod plan;
pub mod postgres;
pub mod quorum;
pub mod rest;
pub mod sync;
pub mod time;
pub mod view;
pub mod yaml;

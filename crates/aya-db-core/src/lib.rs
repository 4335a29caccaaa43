//! Every decision of the aya-db driver, as plain functions from values to values.
//!
//! This crate knows no clock, no randomness, no sockets, no files and no async runtime. Whatever
//! it needs of the world (`now`, dice, file contents, answers of servers) arrives as an argument,
//! and every decision comes back together with its reasons.

//! `cargo xtask test`: every check, one line a stage, and the count of tests at the end.

mod count;
mod python;
mod stage;
mod stages;

pub(crate) use self::stages::{Layers, run, run_python, variables};

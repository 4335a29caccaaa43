//! `cargo xtask gen`: the committed files that are made from tables.

mod errors;
mod python;
mod run;
mod sqlstate;

pub(crate) use self::run::{Mode, run};

//! `cargo xtask tidy`: rules of the house that no compiler checks.

mod cases;
mod errors;
mod imports;
mod run;
mod text;

pub(crate) use self::run::run;

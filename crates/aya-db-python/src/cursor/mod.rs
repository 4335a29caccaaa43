//! `cursor`.
//!
//! ```text
//!  object -> executing -> connection   statements
//!         -> many                      one statement for many rows
//!         -> fetching  -> cast         their rows
//!         -> named                     cursors of the server
//!         -> copying                   COPY
//! ```

mod copying;
mod executing;
mod fetching;
mod many;
mod named;
mod object;
mod state;
mod statement;

pub(crate) use self::object::Cursor;

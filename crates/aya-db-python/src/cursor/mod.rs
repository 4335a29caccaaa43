//! `cursor`.
//!
//! ```text
//!  object -> executing -> connection   statements
//!         -> many                      one statement for many rows
//!         -> fetching  -> cast         their rows; early: those that are made while more come
//!         -> named                     cursors of the server
//!         -> copying                   COPY
//! ```

mod copying;
mod early;
mod executing;
mod fetching;
mod many;
mod named;
mod object;
mod state;
mod statement;

pub(crate) use self::early::Early;
pub(crate) use self::object::Cursor;

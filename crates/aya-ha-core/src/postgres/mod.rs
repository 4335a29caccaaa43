//! What PostgreSQL's files and programs say, and what is written for them.

mod control;
mod history;
mod pidfile;
mod probe;
mod text;

pub use self::control::{ControlData, State};
pub use self::history::history;
pub use self::pidfile::PidFile;
pub use self::probe::{Probe, QUESTION};
pub use self::text::{conf_value, conninfo, pgpass_field};

//! What a server answers: tables, tags, errors, and the beginnings of COPY.

mod column;
mod copy;
mod display_width;
mod reply;
mod report;
mod rows;
mod server_message;
mod tag;

pub use self::column::{Column, Format};
pub use self::copy::{CopyData, CopyShape};
pub use self::reply::{Answer, Arriving, Table};
pub use self::rows::{Cells, Row, Rows};
pub use self::server_message::{Field, ServerMessage};
pub use self::tag::CommandTag;

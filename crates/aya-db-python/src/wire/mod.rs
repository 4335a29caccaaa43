//! The session of one connection, and how a query is run on it without holding Python's lock.
//!
//! ```text
//!  queries --> Exchange --> Link (connecting | open | lent) --> aya-pgwire
//!                 |
//!                 +--> Outcome per query; Aside: notices and notifications that came meanwhile
//! ```

mod exchange;
mod lent;
mod line;
mod loss;
mod patience;
mod surviving;

pub(crate) use self::exchange::{Aside, Exchange, Outcome};
pub(crate) use self::lent::{Finish, Lent};
pub(crate) use self::line::{Copied, Fault, Line, Link, Wire};
pub(crate) use self::loss::Loss;
pub(crate) use self::patience::Patience;
pub(crate) use self::surviving::open as open_surviving;

//! The REST interface: what is answered, from what is known
//! (<https://patroni.readthedocs.io/en/latest/rest_api.html>).

mod answer;
mod documents;
mod health;
mod metrics;
mod orders;
mod words;

pub use self::answer::{Answer, Query, Status, get};
pub use self::orders::{Order, Ordered, change_config, order};
pub use self::words::{role_word, state_word};

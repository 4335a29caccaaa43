//! The configuration of one node: Patroni's file, read unchanged, with one section of our own, `aya`
//! (<https://patroni.readthedocs.io/en/latest/yaml_configuration.html>).
//!
//! ```text
//!  files --merge--> one mapping <--environment    (PATRONI_*)
//!                       |
//!                    Config, and everything that is wrong with it    (Finding)
//!                       |   key /config: Dynamic
//!                    parameters    what PostgreSQL gets
//! ```

mod dynamic;
mod environment;
mod finding;
mod merge;
mod node;
mod parameters;
mod reader;
mod secret;

pub use self::dynamic::{Dynamic, patch};
pub use self::environment::from_environment;
pub use self::finding::{Finding, Severity};
pub use self::merge::{merge, to_json};
pub use self::node::{Address, Aya, Bootstrap, Config, Etcd, Login, Postgresql, RestApi, check};
pub use self::parameters::{COMMAND_LINE, Parameters, parameters};
pub use self::secret::Secret;

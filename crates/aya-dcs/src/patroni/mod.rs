//! Patroni's layout of a cluster, read into the vocabulary of `aya-db-core`.
//!
//! Two places tell of it: the keys under `/{namespace}/{scope}/` in the store ([`Keys`]), and the
//! answers of Patroni's REST interface ([`decode_cluster`], [`decode_history`]). Both are read
//! tolerantly: unknown fields are passed over, and one malformed value costs a [`Warning`] and
//! that value, never the rest. Warnings name the key and never quote the value, because a
//! connection URL may hold a password.
//!
//! The layout is described in Patroni's `dcs/__init__.py` and `utils.py` (`cluster_as_json`).

mod answer;
mod keys;
mod member;
mod request;
mod scope;
mod value;

pub use self::answer::{decode_cluster, decode_history};
pub use self::keys::Keys;
pub use self::scope::{Scope, ScopeError, scopes_of};
pub use self::value::{Decoded, Warning};

#[cfg(test)]
mod tests;

//! Connection strings: libpq's grammar, its parameters and ours, and the typed result.
//!
//! ```text
//! text -> parse -> Settings --+
//! ConnInfoBuilder ------------+-> resolve(Surroundings) -> ConnInfo + warnings
//!                             |
//!   service file, PG* variables, defaults, password file
//! ```
//!
//! This module knows neither the environment nor the file system: whatever lies outside the
//! string comes through [`Surroundings`]. The grammar is that of `PQconninfoParse` of libpq 18
//! (PostgreSQL documentation, "Connection Strings"); [`KEYWORDS`] lists every parameter.
//!
//! ```
//! use aya_db_core::conninfo::{ConnInfo, FixedSurroundings, TargetSessionAttrs};
//!
//! let info = ConnInfo::parse(
//!     "postgresql://app:s%40fe@db1,db2:5433/shop?target_session_attrs=read-write",
//!     &FixedSurroundings::default(),
//! )?;
//! assert_eq!(info.hosts()[0].port(), 5432);
//! assert_eq!(info.hosts()[1].node_id().as_str(), "db2:5433");
//! assert_eq!(info.target_session_attrs(), TargetSessionAttrs::ReadWrite);
//! assert!(!format!("{info:?} {}", info.redacted()).contains("s@fe"));
//! # Ok::<(), aya_db_core::conninfo::ConnInfoError>(())
//! ```

mod builder;
mod cluster;
mod continuity;
mod describe;
mod error;
mod hosts;
mod info;
mod keyword;
mod markdown;
mod pairs;
mod parse;
mod passfile;
mod percent;
mod pool;
mod raw;
mod reads;
mod resolve;
mod secret;
mod service;
mod session;
mod settings;
mod socket;
mod surroundings;
mod table;
mod tls;
mod uri;
mod value;
mod warning;

pub use self::builder::ConnInfoBuilder;
pub use self::cluster::{ClusterSettings, Endpoint, Failover, Scheme, StoreSettings};
pub use self::continuity::{CommitResolution, Replay, ReplaySettings};
pub use self::describe::Redacted;
pub use self::error::{ConnInfoError, ConnInfoErrorKind};
pub use self::hosts::HostSpec;
pub use self::info::ConnInfo;
pub use self::keyword::{Family, Keyword, Privacy, Support, nearest_keyword};
pub use self::markdown::keywords_markdown;
pub use self::parse::parse;
pub use self::pool::{LagLimits, PoolSettings};
pub use self::raw::{RawSettings, resolve_raw};
pub use self::reads::{ReadRouting, ReadSettings};
pub use self::resolve::{defaults, resolve};
pub use self::secret::Secret;
pub use self::session::{AuthMethod, LoadBalanceHosts, RequireAuth, TargetSessionAttrs};
pub use self::settings::{Origin, Settings};
pub use self::socket::SocketSettings;
pub use self::surroundings::{FileError, FileKind, FileText, FixedSurroundings, Surroundings};
pub use self::table::KEYWORDS;
pub use self::tls::{
    ChannelBinding, FileChoice, RootCert, ServerNameIndication, SslCertMode, SslMode,
    SslNegotiation, TlsSettings, TlsVersion,
};
pub use self::warning::Warning;

#[cfg(test)]
mod tests;

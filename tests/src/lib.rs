//! Tests of aya-db. With the feature `libpq`, also what compares our parser with libpq's.

#[cfg(feature = "libpq")]
pub mod conninfo_judge;
#[cfg(feature = "libpq")]
pub mod conninfo_strings;
#[cfg(feature = "libpq")]
pub mod libpq;
#[cfg(feature = "libpq")]
pub mod libpq_session;
#[cfg(feature = "libpq")]
pub mod outcome;
#[cfg(feature = "libpq")]
pub mod wire_bytes;
#[cfg(feature = "libpq")]
pub mod wire_judge;
#[cfg(feature = "libpq")]
pub mod wire_session;

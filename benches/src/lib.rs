//! benches of aya-db.

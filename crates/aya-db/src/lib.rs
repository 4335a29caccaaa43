//! aya-db

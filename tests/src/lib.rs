//! tests of aya-db.

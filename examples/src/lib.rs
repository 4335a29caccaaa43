//! examples of aya-db.

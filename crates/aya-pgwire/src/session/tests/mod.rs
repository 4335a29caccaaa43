//! Scripted bytes, whole and cut.

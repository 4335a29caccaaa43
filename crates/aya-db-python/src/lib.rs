//! The extension module of the Python package `aya_db`: what is C in psycopg2.

use pyo3::prelude::*;

/// The module `aya_db._psycopg`.
#[pymodule]
mod _psycopg {
    /// The version of psycopg2 that this stands in for.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = "2.9.13 (dt dec pq3 ext lo64)";
}

//! A query and its arguments become one text.
//!
//! One pass reads the query, adapts each argument where its placeholder stands, and writes both.
//! psycopg2 makes two passes, and a placeholder may be wrong in either: what its first pass says
//! (of arguments that are missing, or cannot be adapted) goes before what its second says (of the
//! letter behind a `%`). Hence a fault of the second kind waits for the end here.
#![expect(unsafe_code, reason = "PyO3 has the protocol of sequences only for real sequences")]

use std::collections::HashMap;
use std::ops::Range;

use memchr::{memchr, memchr2};
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::quote::{Scope, quote_into};
use crate::connection::Connection;
use crate::dialect::Dialect;
use crate::error;

/// The query with its arguments in place of `%s` and `%(name)s`, and `%` in place of `%%`. Without
/// arguments it stays as it is, and so it does if it has no `%`.
///
/// # Errors
/// As psycopg2: `ProgrammingError` for placeholders that are mixed, cut off, or of values that
/// cannot be adapted; `IndexError`, `KeyError` and `TypeError` from the arguments; `ValueError` for
/// other letters behind a `%`, `TypeError` for too many arguments.
pub(crate) fn merge(
    query: &[u8],
    args: Option<&Bound<'_, PyAny>>,
    connection: &Bound<'_, Connection>,
    dialect: &Dialect,
) -> PyResult<Vec<u8>> {
    match args.filter(|args| !args.is_none()) {
        None => Ok(query.to_vec()),
        Some(args) => Merge::new(query, args, Scope::of(connection, dialect)).run(),
    }
}

struct Merge<'a, 'py> {
    query: &'a [u8],
    /// What of it is done.
    at: usize,
    args: &'a Bound<'py, PyAny>,
    scope: Scope<'a, 'py>,
    out: Vec<u8>,
    arguments: Arguments<'a>,
    /// What is said at the end, if nothing else is before.
    fault: Option<PyErr>,
}

/// How the query takes its arguments.
enum Arguments<'a> {
    /// It took none yet.
    Unknown,
    /// By their order: how many were taken, and of how many.
    Ordered { taken: usize, of: usize },
    /// By their names: where the SQL of each was written first.
    Named(HashMap<&'a [u8], Range<usize>>),
}

impl<'a, 'py> Merge<'a, 'py> {
    fn new(query: &'a [u8], args: &'a Bound<'py, PyAny>, scope: Scope<'a, 'py>) -> Self {
        let out = Vec::with_capacity(query.len() * 2);
        Self { query, at: 0, args, scope, out, arguments: Arguments::Unknown, fault: None }
    }

    fn run(mut self) -> PyResult<Vec<u8>> {
        while let Some(distance) = memchr(b'%', &self.query[self.at..]) {
            let percent = self.at + distance;
            self.out.extend_from_slice(&self.query[self.at..percent]);
            self.at = percent + 1;
            match self.query.get(self.at) {
                Some(b'%') => {
                    self.out.push(b'%');
                    self.at += 1;
                }
                Some(b'(') => self.named()?,
                _ => self.ordered()?,
            }
        }
        self.out.extend_from_slice(&self.query[self.at..]);
        if let Arguments::Ordered { taken, of } = self.arguments
            && taken < of
        {
            self.fault.get_or_insert_with(|| {
                PyTypeError::new_err("not all arguments converted during string formatting")
            });
        }
        self.fault.map_or(Ok(self.out), Err)
    }

    /// A placeholder that takes the next argument. `at` is behind its `%`.
    fn ordered(&mut self) -> PyResult<()> {
        let taken = match &self.arguments {
            Arguments::Unknown => 0,
            Arguments::Ordered { taken, .. } => *taken,
            Arguments::Named(_) => return Err(self.mixed()),
        };
        let value = item(self.args, taken)?;
        let of = match &self.arguments {
            Arguments::Ordered { of, .. } => *of,
            _ => self.args.len()?,
        };
        self.arguments = Arguments::Ordered { taken: taken + 1, of };
        quote_into(&mut self.out, &value, &self.scope)?;
        self.letter();
        Ok(())
    }

    /// A placeholder that takes the argument of its name. `at` is behind its `%`.
    fn named(&mut self) -> PyResult<()> {
        if matches!(self.arguments, Arguments::Ordered { .. }) {
            return Err(self.mixed());
        }
        let start = self.at + 1;
        let end = match memchr2(b')', b'%', &self.query[start..]) {
            Some(distance) if self.query[start + distance] == b')' => start + distance,
            _ => {
                let text = "incomplete placeholder: '%(' without ')'";
                return Err(error::programming(self.args.py(), text));
            }
        };
        let name = &self.query[start..end];
        let value = self.args.get_item(key(self.args.py(), name)?)?;
        if !matches!(self.arguments, Arguments::Named(_)) {
            self.arguments = Arguments::Named(HashMap::new());
        }
        let Arguments::Named(written) = &mut self.arguments else { return Ok(()) };
        if let Some(place) = written.get(name) {
            self.out.extend_from_within(place.clone());
        } else {
            let from = self.out.len();
            quote_into(&mut self.out, &value, &self.scope)?;
            written.insert(name, from..self.out.len());
        }
        self.at = end + 1;
        match name.contains(&b'(') {
            true => self.parenthesis(start),
            false => self.letter(),
        }
        Ok(())
    }

    /// The letter that ends a placeholder.
    fn letter(&mut self) {
        let fault = match self.query.get(self.at) {
            Some(b's') => {
                self.at += 1;
                return;
            }
            None => PyValueError::new_err("incomplete format"),
            Some(&letter) => PyValueError::new_err(format!(
                "unsupported format character '{}' (0x{letter:x}) at index {}",
                char::from(letter),
                self.at
            )),
        };
        self.fault.get_or_insert(fault);
    }

    /// A name that has a parenthesis, which psycopg2's second pass reads on to the one that closes
    /// the first: no argument has such a name.
    fn parenthesis(&mut self, start: usize) {
        let mut open = 1;
        let length = self.query[start..].iter().position(|byte| {
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                _ => {}
            }
            open == 0
        });
        let py = self.args.py();
        let fault = match length {
            None => PyValueError::new_err("incomplete format key"),
            Some(length) => match key(py, &self.query[start..start + length]) {
                Ok(name) => PyKeyError::new_err(name.unbind()),
                Err(error) => error,
            },
        };
        self.fault.get_or_insert(fault);
    }

    fn mixed(&self) -> PyErr {
        error::programming(self.args.py(), "argument formats can't be mixed")
    }
}

/// The name of an argument: it is UTF-8 whatever the encoding of the query.
fn key<'py>(py: Python<'py>, name: &[u8]) -> PyResult<Bound<'py, PyString>> {
    PyString::from_bytes(py, name)
}

/// The item of anything that has items in order.
fn item<'py>(args: &Bound<'py, PyAny>, index: usize) -> PyResult<Bound<'py, PyAny>> {
    let index = isize::try_from(index)?;
    // SAFETY: the object is alive, this thread is attached to Python, and what comes back is a
    // reference of our own, or null with an exception set.
    unsafe {
        let item = ffi::PySequence_GetItem(args.as_ptr(), index);
        Bound::from_owned_ptr_or_err(args.py(), item)
    }
}

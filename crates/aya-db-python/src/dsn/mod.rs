//! Connection strings, and the passwords in them.

mod words;

use aya_db_core::conninfo::{
    self, ConnInfoError, ConnInfoErrorKind, Keyword, Origin, Privacy, Settings,
};
use postgres_protocol::password::{md5, scram_sha_256};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::connection::{self, Connection, name_bytes, name_text};
use crate::cursor::Cursor;
use crate::error;

/// Return the parameters of a connection string.
#[pyfunction]
#[pyo3(signature = (dsn))]
pub(crate) fn parse_dsn<'py>(
    py: Python<'py>,
    dsn: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    let text = name_text(dsn)?;
    let settings = conninfo::parse(&text).map_err(|wrong| invalid(py, &text, &wrong))?;
    let parameters = PyDict::new(py);
    for (keyword, value) in settings.iter() {
        parameters.set_item(keyword, value)?;
    }
    Ok(parameters)
}

/// The exception for a text that is no connection string.
pub(crate) fn invalid(py: Python<'_>, dsn: &str, wrong: &ConnInfoError) -> PyErr {
    error::programming(py, format!("invalid dsn: {}", text(dsn, wrong)))
}

/// What is wrong with a connection string: in libpq's words where it has some that show no
/// password, and ended as it ends them.
pub(crate) fn text(dsn: &str, wrong: &ConnInfoError) -> String {
    let words = match conninfo::parse(dsn) {
        Ok(_) if wrong.kind() == ConnInfoErrorKind::Conflict => Some(words::of_conflict(wrong)),
        Ok(settings) => wrong.keyword().and_then(|it| words::of_value(it, &settings, dsn)),
        Err(_) => words::of_text(dsn),
    };
    format!("{}\n", words.unwrap_or_else(|| wrong.to_string()))
}

/// The connection string with `xxx` in place of each password.
pub(crate) fn obscured(dsn: &str) -> String {
    let Ok(settings) = conninfo::parse(dsn) else {
        // It cannot be told apart where a password is.
        return String::new();
    };
    match settings.iter().any(|(keyword, _)| is_secret(keyword)) {
        false => dsn.to_owned(),
        true => put_together(&settings),
    }
}

/// The connection string with more parameters, which win over its own.
///
/// # Errors
/// If it is none.
pub(crate) fn with(dsn: &str, more: &[(&str, &str)]) -> Result<String, ConnInfoError> {
    let mut settings = conninfo::parse(dsn)?;
    for (keyword, value) in more {
        settings.set(keyword, value, Origin::Builder)?;
    }
    let parameter = |(keyword, value)| format!("{keyword}={}", quoted(value));
    Ok(settings.iter().map(parameter).collect::<Vec<_>>().join(" "))
}

fn put_together(settings: &Settings) -> String {
    let parameter = |(keyword, value): (&str, &str)| {
        let value = if is_secret(keyword) { "xxx" } else { value };
        format!("{keyword}={}", quoted(value))
    };
    settings.iter().map(parameter).collect::<Vec<_>>().join(" ")
}

fn is_secret(keyword: &str) -> bool {
    Keyword::find(keyword).is_some_and(|keyword| keyword.privacy == Privacy::Secret)
}

fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('\'', "\\'");
    match value.is_empty() || value.contains(char::is_whitespace) {
        true => format!("'{escaped}'"),
        false => escaped,
    }
}

/// Return the form of a password in which ``ALTER ROLE`` can be given it.
///
/// The algorithm is ``md5`` or ``scram-sha-256``, by default what the server of ``scope``, a
/// connection or a cursor, is set up for.
#[pyfunction]
#[pyo3(signature = (password, user, scope = None, algorithm = None))]
pub(crate) fn encrypt_password(
    py: Python<'_>,
    password: &Bound<'_, PyAny>,
    user: &Bound<'_, PyAny>,
    scope: Option<&Bound<'_, PyAny>>,
    algorithm: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let connection = scope.map(scoped).transpose()?;
    let user = name_text(user)?;
    let password = name_bytes(password)?;
    let algorithm = algorithm.map(name_text).transpose()?;
    if algorithm.as_deref() == Some("md5") {
        return Ok(md5(&password, &user));
    }
    let Some(connection) = connection else {
        let text =
            "password encryption (other than 'md5' algorithm) requires a connection or cursor";
        return Err(error::programming(py, text));
    };
    if connection.get().is_closed() {
        let text = "password encryption failed: connection pointer is NULL\n";
        return Err(error::programming(py, text));
    }
    let algorithm = match algorithm {
        Some(algorithm) => algorithm,
        None => asked(&connection)?,
    };
    match &*algorithm {
        "on" | "off" | "md5" => Ok(md5(&password, &user)),
        "scram-sha-256" => Ok(scram_sha_256(&password)),
        other => {
            let text = format!(
                "password encryption failed: unrecognized password encryption algorithm \"{other}\"\n"
            );
            Err(error::programming(py, text))
        }
    }
}

fn scoped<'py>(scope: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Connection>> {
    if let Ok(cursor) = scope.cast::<Cursor>() {
        return cursor.get().connection(scope.py());
    }
    match scope.cast::<Connection>() {
        Ok(connection) => Ok(connection.clone()),
        Err(_) => Err(PyTypeError::new_err("the scope must be a connection or a cursor")),
    }
}

/// The algorithm that the server is set up for.
fn asked(connection: &Bound<'_, Connection>) -> PyResult<String> {
    let py = connection.py();
    let outcome = connection::command(connection, b"SHOW password_encryption")?;
    if let aya_pgwire::Answer::Table(table) = outcome.answer
        && let Some(value) = table.rows.get(0).and_then(|row| row.cell(0))
    {
        return Ok(String::from_utf8_lossy(value).into_owned());
    }
    Err(error::programming(py, "password encryption failed: no answer\n"))
}

/// Return the version of libpq that this stands in for, as libpq numbers it.
#[pyfunction]
pub(crate) const fn libpq_version() -> i32 {
    LIBPQ_VERSION
}

/// The libpq that this stands in for: the oldest that has all that is here, since programs ask for
/// a version to learn what they may do without.
pub(crate) const LIBPQ_VERSION: i32 = 150_000;

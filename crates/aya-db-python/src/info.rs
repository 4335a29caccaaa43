//! `ConnectionInfo`: what a connection knows of its session.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::connection::Connection;
use crate::wire::Line;

/// What a connection knows of its session.
#[pyclass(frozen, subclass, module = "aya_db.extensions", name = "ConnectionInfo")]
#[derive(Debug)]
pub(crate) struct ConnectionInfo {
    connection: Py<Connection>,
}

impl ConnectionInfo {
    fn session<T: Send>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&aya_pgwire::Connection) -> T + Send,
    ) -> Option<T> {
        self.connection.get().read(py, |line: &Line| line.link.connection().map(read))
    }
}

#[pymethods]
impl ConnectionInfo {
    #[new]
    #[pyo3(signature = (conn, /))]
    fn new(conn: &Bound<'_, PyAny>) -> PyResult<Self> {
        match conn.cast::<Connection>() {
            Ok(connection) => Ok(Self { connection: connection.clone().unbind() }),
            Err(_) => Err(PyTypeError::new_err("The argument must be a psycopg2 connection")),
        }
    }

    /// The database.
    #[getter]
    fn dbname(&self, py: Python<'_>) -> Option<String> {
        self.session(py, |session| session.server().target().info().dbname().to_owned())
    }

    /// The user.
    #[getter]
    fn user(&self, py: Python<'_>) -> Option<String> {
        self.session(py, |session| session.server().target().info().user().to_owned())
    }

    /// The password that was given, or an empty text.
    #[getter]
    fn password(&self, py: Python<'_>) -> Option<String> {
        self.session(py, |session| {
            let password = session.server().host().password();
            password.map(|password| password.expose().to_owned()).unwrap_or_default()
        })
    }

    /// The host that the session is with, or the folder of its socket.
    #[getter]
    fn host(&self, py: Python<'_>) -> Option<String> {
        self.session(py, |session| session.server().host().host().to_owned())
    }

    /// The port.
    #[getter]
    fn port(&self, py: Python<'_>) -> Option<u16> {
        self.session(py, |session| session.server().host().port())
    }

    /// The command-line options for the server.
    #[getter]
    fn options(&self, py: Python<'_>) -> Option<String> {
        self.session(py, |session| {
            session.server().target().info().options().unwrap_or_default().to_owned()
        })
    }

    /// Every parameter that holds, without passwords.
    #[getter]
    fn dsn_parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.connection.bind(py).call_method0("get_dsn_parameters")
    }

    /// 0 if the session is well, 1 if there is none.
    #[getter]
    fn status(&self, py: Python<'_>) -> i32 {
        i32::from(self.session(py, |_| ()).is_none())
    }

    /// What the server last said of the transaction, as ``TRANSACTION_STATUS_*``.
    #[getter]
    fn transaction_status(&self) -> i32 {
        self.connection.get().transaction_status()
    }

    /// The major version of the protocol.
    #[getter]
    fn protocol_version(&self, py: Python<'_>) -> i32 {
        self.session(py, |_| ()).map_or(0, |()| 3)
    }

    /// The version of the server, as in 180006.
    #[getter]
    fn server_version(&self, py: Python<'_>) -> i32 {
        self.session(py, |_| ()).map_or(0, |()| self.connection.get().server_version_number())
    }

    /// What the last error was.
    #[getter]
    fn error_message(&self, py: Python<'_>) -> Option<String> {
        let last = self.connection.get().last_error();
        match self.status(py) {
            0 => last,
            _ => Some(last.unwrap_or_else(|| "connection pointer is NULL\n".to_owned())),
        }
    }

    /// The file descriptor of the socket.
    #[getter]
    fn socket(&self, py: Python<'_>) -> i32 {
        self.connection.get().fd(py).unwrap_or(-1)
    }

    /// The number of the server's process.
    #[getter]
    fn backend_pid(&self, py: Python<'_>) -> i32 {
        self.session(py, |_| ()).map_or(0, |()| self.connection.get().backend_pid())
    }

    /// Whether the server asked for a password and none was given.
    #[getter]
    fn needs_password(&self) -> bool {
        // A session without the password that it needs does not come about.
        false
    }

    /// Whether the server asked for a password.
    #[getter]
    fn used_password(&self, py: Python<'_>) -> bool {
        self.session(py, |session| session.session().used_password()).unwrap_or(false)
    }

    /// Whether the session is encrypted.
    #[getter]
    fn ssl_in_use(&self, py: Python<'_>) -> bool {
        self.session(py, aya_pgwire::Connection::is_encrypted).unwrap_or(false)
    }

    /// The names that `ssl_attribute()` knows.
    #[getter]
    fn ssl_attribute_names(&self) -> Vec<&'static str> {
        SSL_ATTRIBUTES.to_vec()
    }

    /// Return an attribute of the encryption, or ``None``.
    #[pyo3(signature = (name))]
    fn ssl_attribute(&self, py: Python<'_>, name: &str) -> Option<String> {
        self.session(py, |session| attribute(session, name)).flatten()
    }

    /// Return the value of a variable that the server reports, or ``None``.
    #[pyo3(signature = (name))]
    fn parameter_status<'py>(&self, py: Python<'py>, name: &str) -> Option<Bound<'py, PyString>> {
        let connection = self.connection.get();
        let value = connection.parameter_status(py, name)?;
        Some(connection.dialect().encoding.decode_lossy(py, &value))
    }
}

/// As libpq calls them (`PQsslAttributeNames`).
const SSL_ATTRIBUTES: [&str; 6] =
    ["library", "key_bits", "cipher", "compression", "protocol", "alpn"];

fn attribute(session: &aya_pgwire::Connection, name: &str) -> Option<String> {
    let tls = session.tls()?;
    let suite = tls.negotiated_cipher_suite();
    match name {
        "library" => Some("rustls".to_owned()),
        "cipher" => suite?.suite().as_str().map(str::to_owned),
        "key_bits" => {
            let name = suite?.suite().as_str()?;
            Some(if name.contains("128") { "128" } else { "256" }.to_owned())
        }
        "compression" => Some("off".to_owned()),
        "protocol" => match tls.protocol_version()?.as_str()? {
            "TLSv1_2" => Some("TLSv1.2".to_owned()),
            "TLSv1_3" => Some("TLSv1.3".to_owned()),
            other => Some(other.to_owned()),
        },
        "alpn" => {
            let protocol = tls.alpn_protocol().unwrap_or_default();
            Some(String::from_utf8_lossy(protocol).into_owned())
        }
        _ => None,
    }
}

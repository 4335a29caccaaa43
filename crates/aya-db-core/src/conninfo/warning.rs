//! What was odd about a connection string without being an error.

use std::fmt;

/// Something that was passed over, and that may explain a later failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The password file was not used because others may read it.
    PassfilePermissions {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// The password file was not used because it is not a plain file.
    PassfileNotRegular {
        /// The file.
        path: String,
    },
    /// The password file could not be read.
    PassfileUnreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A host name of a URI holds `@`, as happens when a password with `@` is not
    /// percent-encoded.
    HostHoldsAt,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PassfilePermissions { path, mode } => write!(
                f,
                "password file \"{path}\" was not used: its mode is {:04o}, so that group or \
                 others have access, and it must be 0600 or less",
                mode & 0o7777
            ),
            Self::PassfileNotRegular { path } => {
                write!(f, "password file \"{path}\" was not used: it is not a plain file")
            }
            Self::PassfileUnreadable { path, reason } => {
                write!(f, "password file \"{path}\" was not used: {reason}")
            }
            Self::HostHoldsAt => f.write_str(
                "a host name holds \"@\": a user name or password with \"@\" in a URI must write \
                 it as %40",
            ),
        }
    }
}

use std::fmt;

/// Something about a configuration that people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which key, as `postgresql.authentication.superuser.password`.
    pub path: String,
    /// What is wrong with it, and what would be right. Never a value that may be secret.
    pub message: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The daemon starts without regard to it.
    Warning,
    /// The daemon does not start.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {} {}", self.path, self.message)
    }
}

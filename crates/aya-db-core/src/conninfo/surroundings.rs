//! What a connection string takes from outside: variables, files, the user's name.

use std::collections::BTreeMap;

/// The world around a connection string, as far as it matters.
///
/// The shell answers from the real environment and file system; tests from values.
pub trait Surroundings {
    /// An environment variable.
    fn var(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    /// If there is no such file, or it cannot be read.
    fn read(&self, path: &str) -> Result<FileText, FileError>;

    /// The user's home directory.
    fn home(&self) -> Option<String>;

    /// The name of the user that runs this process.
    fn user_name(&self) -> Option<String>;

    /// The directory of the default Unix socket; `None` where there are no Unix sockets, and then
    /// the default host is `localhost`.
    fn socket_dir(&self) -> Option<String> {
        Some("/tmp".to_owned())
    }

    /// Where the system-wide `pg_service.conf` lies when `PGSYSCONFDIR` does not say.
    fn system_config_dir(&self) -> Option<String> {
        None
    }
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// What it holds.
    pub text: String,
    /// Its permission bits, where there are such.
    pub mode: Option<u32>,
    /// What it is.
    pub kind: FileKind,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A plain file.
    Regular,
    /// A directory, pipe or device; its text is not read.
    Other,
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// There is one, but it cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// Surroundings made of values: the default has no variables, no files, no home and no user.
#[derive(Debug, Clone, Default)]
pub struct FixedSurroundings {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// Files by path.
    pub files: BTreeMap<String, FileText>,
    /// The home directory.
    pub home: Option<String>,
    /// The user's name.
    pub user_name: Option<String>,
}

impl FixedSurroundings {
    /// Adds a variable.
    #[must_use]
    pub fn with_var(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a plain file with these permission bits.
    #[must_use]
    pub fn with_file(mut self, path: &str, mode: u32, text: &str) -> Self {
        let file = FileText { text: text.to_owned(), mode: Some(mode), kind: FileKind::Regular };
        self.files.insert(path.to_owned(), file);
        self
    }

    /// Sets the home directory.
    #[must_use]
    pub fn with_home(mut self, path: &str) -> Self {
        self.home = Some(path.to_owned());
        self
    }

    /// Sets the user's name.
    #[must_use]
    pub fn with_user_name(mut self, name: &str) -> Self {
        self.user_name = Some(name.to_owned());
        self
    }
}

impl Surroundings for FixedSurroundings {
    fn var(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn read(&self, path: &str) -> Result<FileText, FileError> {
        self.files.get(path).cloned().ok_or(FileError::Missing)
    }

    fn home(&self) -> Option<String> {
        self.home.clone()
    }

    fn user_name(&self) -> Option<String> {
        self.user_name.clone()
    }
}

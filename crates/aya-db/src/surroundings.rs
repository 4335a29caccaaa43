//! The real environment and file system, as connection strings see them.

use std::env;
use std::fs;
use std::io;

use aya_db_core::conninfo::{FileError, FileKind, FileText, Surroundings};

/// Variables, files and the user of this process: what a connection string is completed from.
#[derive(Debug, Clone, Copy)]
pub struct SystemSurroundings;

impl Surroundings for SystemSurroundings {
    fn var(&self, name: &str) -> Option<String> {
        env::var(name).ok()
    }

    fn read(&self, path: &str) -> Result<FileText, FileError> {
        let found = fs::metadata(path).map_err(file_error)?;
        let mode = mode_of(&found);
        if !found.is_file() {
            return Ok(FileText { text: String::new(), mode, kind: FileKind::Other });
        }
        let text = fs::read_to_string(path).map_err(file_error)?;
        Ok(FileText { text, mode, kind: FileKind::Regular })
    }

    fn home(&self) -> Option<String> {
        env::home_dir().map(|home| home.to_string_lossy().into_owned())
    }

    #[cfg(unix)]
    fn user_name(&self) -> Option<String> {
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
        user.map(|user| user.name)
    }

    #[cfg(not(unix))]
    fn user_name(&self) -> Option<String> {
        env::var("USERNAME").ok()
    }

    #[cfg(not(unix))]
    fn socket_dir(&self) -> Option<String> {
        None
    }
}

fn file_error(error: io::Error) -> FileError {
    match error.kind() {
        io::ErrorKind::NotFound => FileError::Missing,
        _ => FileError::Unreadable(error.to_string()),
    }
}

#[cfg(unix)]
fn mode_of(found: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(found.permissions().mode())
}

#[cfg(not(unix))]
fn mode_of(_found: &fs::Metadata) -> Option<u32> {
    None
}

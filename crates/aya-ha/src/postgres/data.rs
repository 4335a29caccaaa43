//! The data directory.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use aya_ha_core::view::Data;

use super::ServerError;

/// What a data directory holds. `major` is what the programs are of.
pub(super) fn state(directory: &Path, major: u32) -> Data {
    let mut entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Data::Empty,
        Err(error) => return Data::Unusable(format!("{}: {error}", directory.display())),
    };
    let version = fs::read_to_string(directory.join("PG_VERSION"));
    let whole = directory.join("global/pg_control").exists();
    match version {
        Ok(version) if whole && version.trim().parse() == Ok(major) => Data::Valid,
        Ok(version) if whole => Data::Unusable(format!(
            "{} is of PostgreSQL {}, and the programs are of {major}",
            directory.display(),
            version.trim()
        )),
        Ok(_) | Err(_) => match entries.find(|entry| !is_harmless(entry)) {
            None => Data::Empty,
            Some(_) => Data::Unusable(format!(
                "{} is neither empty nor a whole data directory",
                directory.display()
            )),
        },
    }
}

/// Removes what a data directory holds, and what its links to tablespaces and to the log lead to. Only
/// called where the configuration allows it.
pub(super) fn remove(directory: &Path) -> Result<(), ServerError> {
    let failed = |error: std::io::Error| ServerError::Files {
        path: directory.to_owned(),
        why: error.to_string(),
    };
    let linked = [directory.join("pg_wal"), directory.join("pg_tblspc")];
    for link in linked.iter().flat_map(|place| links_in(place)) {
        if let Ok(target) = fs::canonicalize(&link) {
            empty(&target).map_err(failed)?;
        }
    }
    empty(directory).map_err(failed)
}

/// A file that a fresh volume has is no data.
fn is_harmless(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.file_name() == "lost+found")
}

/// The place itself where it is a link, and the links in it.
fn links_in(place: &Path) -> Vec<std::path::PathBuf> {
    if place.is_symlink() {
        return vec![place.to_owned()];
    }
    let entries = fs::read_dir(place).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).filter(|path| path.is_symlink()).collect()
}

fn empty(directory: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

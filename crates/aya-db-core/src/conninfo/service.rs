//! The service file: sections of `keyword=value` lines.

use super::error::{ConnInfoError, ConnInfoErrorKind};
use super::settings::{Origin, Settings};
use super::surroundings::{FileError, Surroundings};

/// Adds the parameters of the service that `settings` or `PGSERVICE` names. What is set already
/// stays.
///
/// The files are those of libpq: `PGSERVICEFILE` or `~/.pg_service.conf`, and if that does not
/// define the service, `pg_service.conf` in `PGSYSCONFDIR` or in the system's place.
pub(super) fn apply(
    settings: &mut Settings,
    surroundings: &dyn Surroundings,
) -> Result<(), ConnInfoError> {
    let named = settings.get("service").map(str::to_owned);
    let Some(service) = named.or_else(|| surroundings.var("PGSERVICE")) else {
        return Ok(());
    };
    let file_variable = surroundings.var("PGSERVICEFILE");
    let must_exist = file_variable.is_some();
    let user_file = file_variable
        .or_else(|| surroundings.home().map(|home| format!("{home}/.pg_service.conf")));
    if let Some(path) = user_file {
        match surroundings.read(&path) {
            Ok(file) => {
                if let Some(section) = section(&file.text, &service, &path)? {
                    return fill(settings, section);
                }
            }
            Err(FileError::Missing) if !must_exist => {}
            Err(error) => return Err(unreadable(&path, &error)),
        }
    }
    let system_dir = surroundings.var("PGSYSCONFDIR").or_else(|| surroundings.system_config_dir());
    if let Some(path) = system_dir.map(|dir| format!("{dir}/pg_service.conf")) {
        match surroundings.read(&path) {
            Ok(file) => {
                if let Some(section) = section(&file.text, &service, &path)? {
                    return fill(settings, section);
                }
            }
            Err(FileError::Missing) => {}
            Err(error) => return Err(unreadable(&path, &error)),
        }
    }
    Err(error(format!("definition of service \"{service}\" not found")))
}

fn fill(settings: &mut Settings, mut section: Settings) -> Result<(), ConnInfoError> {
    section.merge(std::mem::take(settings));
    *settings = section;
    Ok(())
}

/// The parameters of a section; `None` if the text has no such section. The first value of a
/// repeated parameter counts.
fn section(text: &str, service: &str, path: &str) -> Result<Option<Settings>, ConnInfoError> {
    let heading = format!("[{service}]");
    let mut found: Option<Settings> = None;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            if found.is_some() {
                break;
            }
            if line.starts_with(&heading) {
                found = Some(Settings::default());
            }
            continue;
        }
        if let Some(settings) = &mut found {
            let origin = Origin::ServiceFile { path: path.to_owned(), line: n + 1 };
            entry(line, origin, settings)?;
        }
    }
    Ok(found)
}

fn entry(line: &str, origin: Origin, settings: &mut Settings) -> Result<(), ConnInfoError> {
    let refuse = |message: &str| Err(error(message.to_owned()).at(origin.clone()));
    if line.starts_with("ldap") {
        return refuse("parameters from an LDAP server are not implemented");
    }
    let Some((keyword, value)) = line.split_once('=') else {
        return refuse("syntax error in a service file: expected keyword=value");
    };
    if keyword == "service" {
        return refuse("a service may not name another service");
    }
    if settings.get(keyword).is_some() {
        return Ok(());
    }
    settings.set(keyword, value, origin)
}

fn unreadable(path: &str, cause: &FileError) -> ConnInfoError {
    error(format!("service file \"{path}\": {cause}"))
}

fn error(message: String) -> ConnInfoError {
    ConnInfoError::new(ConnInfoErrorKind::Service, message).about("service")
}

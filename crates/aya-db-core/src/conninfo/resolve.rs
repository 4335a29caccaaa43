//! From settings and surroundings to a [`ConnInfo`].

use super::error::{ConnInfoError, ConnInfoErrorKind};
use super::info::ConnInfo;
use super::keyword::{Keyword, Support};
use super::raw::is_no;
use super::service;
use super::settings::{Origin, Settings};
use super::surroundings::Surroundings;
use super::table::KEYWORDS;
use super::value::Given;

/// Completes `settings` as libpq does, the first source of a value winning: the settings
/// themselves, the service, the environment, the defaults; then gives every value its type.
///
/// # Errors
/// If a value is wrong, contradicts another one, or asks for something that is not served, and if
/// the service is not defined.
pub fn resolve(
    settings: &Settings,
    surroundings: &dyn Surroundings,
) -> Result<ConnInfo, ConnInfoError> {
    finish(settings, &complete(settings, surroundings)?, surroundings)
}

/// Gives `given`, the completed settings, their types.
pub(super) fn finish(
    settings: &Settings,
    given: &Settings,
    surroundings: &dyn Surroundings,
) -> Result<ConnInfo, ConnInfoError> {
    refuse_what_is_not_served(given)?;
    ConnInfo::from_settings(settings.clone(), given, surroundings)
}

/// The values that hold where a connection string says nothing: those of the service, of the
/// environment and of the table. `sslmode` depends on `sslrootcert`.
///
/// # Errors
/// If the service is not defined.
pub fn defaults(surroundings: &dyn Surroundings) -> Result<Settings, ConnInfoError> {
    let mut settings = complete(&Settings::default(), surroundings)?;
    for keyword in KEYWORDS {
        if let (None, Some(value)) = (settings.get(keyword.name), keyword.default) {
            settings.set(keyword.name, value, Origin::Default)?;
        }
    }
    Ok(settings)
}

pub(super) fn complete(
    settings: &Settings,
    surroundings: &dyn Surroundings,
) -> Result<Settings, ConnInfoError> {
    let mut settings = settings.clone();
    service::apply(&mut settings, surroundings)?;
    for keyword in KEYWORDS.iter().filter(|keyword| keyword.name != "service") {
        if settings.get(keyword.name).is_some() {
            continue;
        }
        let variable = keyword.variable.and_then(|name| Some((name, surroundings.var(name)?)));
        if let Some((name, value)) = variable {
            settings.set(keyword.name, &value, Origin::Variable(name.to_owned()))?;
        }
    }
    if settings.get("sslmode").is_none() {
        if surroundings.var("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
            let origin = Origin::Variable("PGREQUIRESSL".to_owned());
            settings.set("sslmode", "require", origin)?;
        } else if settings.get("sslrootcert") == Some("system") {
            settings.set("sslmode", "verify-full", Origin::Default)?;
        }
    }
    Ok(settings)
}

/// A refused parameter may have a value that asks for nothing, so that a string made for libpq
/// which spells out its defaults works.
fn refuse_what_is_not_served(settings: &Settings) -> Result<(), ConnInfoError> {
    for keyword in KEYWORDS {
        let Support::Refused(reason) = keyword.support else {
            continue;
        };
        let Some(given) = Given::filled(settings, keyword.name) else {
            continue;
        };
        if keyword.name == "gssencmode" && !GSS_MODES.contains(&given.value) {
            return Err(given.invalid("one of disable, prefer"));
        }
        if !asks_for_nothing(keyword, given.value) {
            return Err(given.refused(reason));
        }
    }
    match protocol_versions(settings)? {
        (Some(2), _) => match Given::find(settings, "min_protocol_version") {
            Some(given) => Err(given.refused("protocol 3.0 is the one spoken")),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn asks_for_nothing(keyword: &Keyword, value: &str) -> bool {
    match keyword.name {
        "gssencmode" => matches!(value, "disable" | "prefer"),
        "replication" => is_no(value),
        _ => keyword.default == Some(value),
    }
}

/// The minor versions of the lowest and the highest protocol, where they are given.
pub(super) fn protocol_versions(
    settings: &Settings,
) -> Result<(Option<u8>, Option<u8>), ConnInfoError> {
    let versions = [("3.0", 0), ("3.2", 2), ("latest", 2)];
    let version = |keyword| match Given::find(settings, keyword) {
        Some(given) => given.choice(&versions).map(|minor| Some((minor, given))),
        None => Ok(None),
    };
    match (version("min_protocol_version")?, version("max_protocol_version")?) {
        (Some((min, given)), Some((max, _))) if min > max => {
            let message = "min_protocol_version is above max_protocol_version".to_owned();
            Err(given.error(ConnInfoErrorKind::Conflict, message))
        }
        (min, max) => Ok((min.map(|(min, _)| min), max.map(|(max, _)| max))),
    }
}

const GSS_MODES: [&str; 3] = ["disable", "prefer", "require"];

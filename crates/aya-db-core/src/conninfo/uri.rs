//! URIs: `postgresql://[user[:password]@][host[:port],…][/dbname][?keyword=value&…]`.

use super::error::{ConnInfoError, ConnInfoErrorKind};
use super::keyword::{Keyword, Privacy};
use super::percent::decode;
use super::settings::{Origin, Settings, shown_name};

/// Reads a URI whose scheme ends before the byte `start`.
///
/// The first `@` before the first slash ends the user information, wherever it stands, and host
/// and port lists are joined before they are decoded: both as in libpq.
pub(super) fn parse(text: &str, start: usize) -> Result<Settings, ConnInfoError> {
    let mut settings = Settings::default();
    let mut at = start;
    if let Some(length) = text[at..].find(['@', '/']).filter(|n| text[at + n..].starts_with('@')) {
        user_information(&text[at..at + length], at, &mut settings)?;
        at += length + 1;
    }
    at = hosts(text, at, &mut settings)?;
    if text[at..].starts_with('/') {
        at += 1;
        let length = text[at..].find('?').unwrap_or(text.len() - at);
        store(&mut settings, "dbname", &text[at..at + length], at)?;
        at += length;
    }
    if text[at..].starts_with('?') {
        parameters(text, at + 1, &mut settings)?;
    }
    Ok(settings)
}

fn user_information(
    text: &str,
    position: usize,
    settings: &mut Settings,
) -> Result<(), ConnInfoError> {
    let Some((user, password)) = text.split_once(':') else {
        return store(settings, "user", text, position);
    };
    store(settings, "user", user, position)?;
    store(settings, "password", password, position + user.len() + 1)
}

/// Reads `host:port,host:port` and returns the byte after it. The n-th port belongs to the n-th
/// host, so that a host without a port leaves an empty place.
fn hosts(text: &str, start: usize, settings: &mut Settings) -> Result<usize, ConnInfoError> {
    let (mut hosts, mut ports) = (String::new(), String::new());
    let mut at = start;
    let mut port_start = start;
    loop {
        let host = if text[at..].starts_with('[') {
            at += 1;
            let address = bracketed(text, at)?;
            at += address.len() + 1;
            address
        } else {
            let host = until(&text[at..], &[':', '/', '?', ',']);
            at += host.len();
            host
        };
        hosts.push_str(host);
        if text[at..].starts_with(':') {
            at += 1;
            let port = until(&text[at..], &['/', '?', ',']);
            if ports.bytes().all(|byte| byte == b',') {
                port_start = at;
            }
            ports.push_str(port);
            at += port.len();
        }
        if !text[at..].starts_with(',') {
            break;
        }
        at += 1;
        hosts.push(',');
        ports.push(',');
    }
    store(settings, "host", &hosts, start)?;
    store(settings, "port", &ports, port_start)?;
    Ok(at)
}

/// The address in brackets that begins at `at`; checks what follows it.
fn bracketed(text: &str, at: usize) -> Result<&str, ConnInfoError> {
    let rest = &text[at..];
    let Some((address, tail)) = rest.split_once(']') else {
        return Err(ConnInfoError::syntax(
            at - 1,
            "an IPv6 host address begins with \"[\" and has no matching \"]\"",
        ));
    };
    if address.is_empty() {
        return Err(ConnInfoError::syntax(at - 1, "an IPv6 host address may not be empty"));
    }
    match tail.chars().next() {
        None | Some(':' | '/' | '?' | ',') => Ok(address),
        Some(other) => Err(ConnInfoError::syntax(
            at + address.len() + 1,
            format!(
                "unexpected character {other:?} after an IPv6 host address: expected \":\", \"/\", \"?\" or \",\""
            ),
        )),
    }
}

fn until<'a>(text: &'a str, ends: &[char]) -> &'a str {
    text.find(ends).map_or(text, |length| &text[..length])
}

/// Stores a part of the URI; an empty one counts as not given.
fn store(
    settings: &mut Settings,
    keyword: &str,
    text: &str,
    position: usize,
) -> Result<(), ConnInfoError> {
    if text.is_empty() {
        return Ok(());
    }
    let value = decode(text, position).map_err(|error| error.about(keyword))?;
    settings.set(keyword, &value, Origin::Text { position })
}

fn parameters(text: &str, start: usize, settings: &mut Settings) -> Result<(), ConnInfoError> {
    let mut at = start;
    let mut after_secret = false;
    while at < text.len() {
        let pair = until(&text[at..], &['&']);
        after_secret = parameter(pair, at, after_secret, settings)? == Privacy::Secret;
        at += pair.len() + 1;
    }
    Ok(())
}

fn parameter(
    pair: &str,
    position: usize,
    after_secret: bool,
    settings: &mut Settings,
) -> Result<Privacy, ConnInfoError> {
    let shown = |name| shown_name(name).filter(|_| !after_secret);
    let Some((name, value)) = pair.split_once('=') else {
        let after =
            shown(pair.trim()).map_or_else(String::new, |name| format!(" after \"{name}\""));
        return Err(ConnInfoError::syntax(
            position,
            format!("missing \"=\"{after} in a URI parameter"),
        ));
    };
    if let Some(extra) = value.find('=') {
        let of = shown(name.trim()).map_or_else(String::new, |name| format!(" \"{name}\""));
        return Err(ConnInfoError::syntax(
            position + name.len() + 1 + extra,
            format!("second \"=\" in the URI parameter{of}; an \"=\" in a value is written %3D"),
        ));
    }
    let value_at = position + name.len() + 1;
    let name = decode(name, position)?;
    let value = decode(value, value_at).map_err(|error| match shown(&name) {
        Some(name) => error.about(name),
        None => error,
    })?;
    let (name, value) = match (name.as_str(), value.as_str()) {
        ("ssl", "true") => ("sslmode", "require"),
        other => other,
    };
    if name != "requiressl" && Keyword::find(name).is_none() {
        if after_secret {
            return Err(ConnInfoError::new(
                ConnInfoErrorKind::UnknownKeyword,
                "unknown parameter after a secret value; an \"&\" in a value is written %26",
            )
            .at(Origin::Text { position }));
        }
        return settings.set(name, value, Origin::Text { position }).map(|()| Privacy::Open);
    }
    settings.set(name, value, Origin::Text { position: value_at })?;
    Ok(Keyword::find(name).map_or(Privacy::Open, |keyword| keyword.privacy))
}

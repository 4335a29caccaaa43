//! What is wrong with a connection string, in libpq's words
//! (<https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING>), which programs and
//! their tests look for. Where these would show a part of a password, there are none.

use aya_db_core::conninfo::{self, ConnInfoError, Keyword, Settings};

/// The first fault of a text that is no connection string.
pub(super) fn of_text(text: &str) -> Option<String> {
    match behind_scheme(text) {
        Some(rest) => Uri { text, rest }.fault(),
        None => pairs(text),
    }
}

fn behind_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

/// Parameters that contradict each other.
pub(super) fn of_conflict(wrong: &ConnInfoError) -> String {
    match wrong.keyword() {
        Some("ssl_min_protocol_version") => "invalid SSL protocol version range".to_owned(),
        _ => wrong.message().to_owned(),
    }
}

/// A value that its parameter cannot have.
pub(super) fn of_value(keyword: &str, settings: &Settings, text: &str) -> Option<String> {
    let value = settings.get(keyword)?;
    match keyword {
        "channel_binding"
        | "gssencmode"
        | "load_balance_hosts"
        | "require_auth"
        | "sslcertmode"
        | "sslmode"
        | "sslnegotiation"
        | "target_session_attrs" => Some(format!("invalid {keyword} value: \"{value}\"")),
        "ssl_min_protocol_version" | "ssl_max_protocol_version" => {
            Some(format!("invalid \"{keyword}\" value: \"{value}\""))
        }
        "port" => value.split(',').find_map(|port| match port.trim().parse::<i64>() {
            Ok(1..=65535) => None,
            Ok(_) => Some(format!("invalid port number: \"{port}\"")),
            // It may be a part of a password whose characters were not encoded.
            Err(_) if behind_scheme(text).is_some() && settings.get("password").is_some() => None,
            Err(_) => {
                Some(format!("invalid integer value \"{port}\" for connection option \"port\""))
            }
        }),
        "connect_timeout"
        | "keepalives"
        | "keepalives_count"
        | "keepalives_idle"
        | "keepalives_interval"
        | "tcp_user_timeout" => {
            Some(format!("invalid integer value \"{value}\" for connection option \"{keyword}\""))
        }
        _ => None,
    }
}

/// `keyword = value` pairs.
fn pairs(text: &str) -> Option<String> {
    let mut rest = text.trim_start_matches(is_blank);
    let mut behind_secret = false;
    while !rest.is_empty() {
        let end = rest.find(|it| it == '=' || is_blank(it)).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        let Some(tail) = tail.trim_start_matches(is_blank).strip_prefix('=') else {
            let text = format!("missing \"=\" after \"{name}\" in connection info string");
            // It may be the second word of a password without quotes.
            return (!behind_secret).then_some(text);
        };
        let tail = tail.trim_start_matches(is_blank);
        rest = match tail.strip_prefix('\'') {
            Some(quoted) => match behind_quote(quoted) {
                Some(rest) => rest,
                None => {
                    return Some("unterminated quoted string in connection info string".to_owned());
                }
            },
            None => behind_value(tail),
        };
        if Keyword::find(name).is_none() && name != "requiressl" {
            let text = format!("invalid connection option \"{name}\"");
            return (!behind_secret).then_some(text);
        }
        behind_secret = is_secret(name);
        rest = rest.trim_start_matches(is_blank);
    }
    None
}

fn is_secret(name: &str) -> bool {
    Keyword::find(name).is_some_and(|it| it.privacy == conninfo::Privacy::Secret)
}

/// As C's `isspace`.
const fn is_blank(it: char) -> bool {
    matches!(it, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

fn behind_quote(text: &str) -> Option<&str> {
    let mut characters = text.char_indices();
    while let Some((at, it)) = characters.next() {
        match it {
            '\\' => {
                characters.next();
            }
            '\'' => return Some(&text[at + 1..]),
            _ => {}
        }
    }
    None
}

fn behind_value(text: &str) -> &str {
    let mut characters = text.char_indices();
    while let Some((at, it)) = characters.next() {
        match it {
            '\\' => {
                characters.next();
            }
            it if is_blank(it) => return &text[at..],
            _ => {}
        }
    }
    ""
}

/// `postgresql://user:password@host:port,.../dbname?keyword=value&...`
struct Uri<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Uri<'a> {
    fn fault(mut self) -> Option<String> {
        let holds_password = self.credentials()?;
        let fault = match self.hosts() {
            Err(fault) => Some(fault),
            Ok(()) => self.path_and_parameters(),
        };
        // Characters of a password that are not encoded can lead anywhere.
        fault.filter(|_| !holds_password)
    }

    /// Goes behind `user:password@`; whether there is a password. `None` if they are at fault,
    /// since nothing of them is to be shown.
    fn credentials(&mut self) -> Option<bool> {
        let end = self.rest.find(['@', '/']).unwrap_or(self.rest.len());
        let Some(tail) = self.rest[end..].strip_prefix('@') else { return Some(false) };
        let given = &self.rest[..end];
        self.rest = tail;
        Some(given.contains(':'))
    }

    fn hosts(&mut self) -> Result<(), String> {
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        loop {
            match self.rest.strip_prefix('[') {
                Some(inside) => hosts.push(self.address(inside)?),
                None => hosts.push(self.until(&[':', '/', '?', ','])),
            }
            if let Some(tail) = self.rest.strip_prefix(':') {
                self.rest = tail;
                ports.push(self.until(&['/', '?', ',']));
            }
            match self.rest.strip_prefix(',') {
                Some(tail) => self.rest = tail,
                None => break,
            }
        }
        decoded(&hosts.join(","))?;
        decoded(&ports.join(","))
    }

    fn address(&mut self, inside: &'a str) -> Result<&'a str, String> {
        let text = self.text;
        let Some(end) = inside.find(']') else {
            return Err(format!(
                "end of string reached when looking for matching \"]\" in IPv6 host address in URI: \"{text}\""
            ));
        };
        if end == 0 {
            return Err(format!("IPv6 host address may not be empty in URI: \"{text}\""));
        }
        self.rest = &inside[end + 1..];
        match self.rest.chars().next() {
            None | Some(':' | '/' | '?' | ',') => Ok(&inside[..end]),
            Some(other) => {
                let position = text.len() - self.rest.len() + 1;
                Err(format!(
                    "unexpected character \"{other}\" at position {position} in URI (expected \":\" or \"/\"): \"{text}\""
                ))
            }
        }
    }

    fn until(&mut self, ends: &[char]) -> &'a str {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (part, rest) = self.rest.split_at(end);
        self.rest = rest;
        part
    }

    fn path_and_parameters(&mut self) -> Option<String> {
        if let Some(tail) = self.rest.strip_prefix('/') {
            self.rest = tail;
            let name = self.until(&['?']);
            if let Err(fault) = decoded(name) {
                return Some(fault);
            }
        }
        let parameters = self.rest.strip_prefix('?')?;
        let mut parts = parameters.split('&').peekable();
        while let Some(part) = parts.next() {
            if part.is_empty() && parts.peek().is_none() {
                return None;
            }
            if let Err(fault) = parameter(part) {
                return Some(fault);
            }
        }
        None
    }
}

fn parameter(part: &str) -> Result<(), String> {
    let Some((name, value)) = part.split_once('=') else {
        return Err(format!(
            "missing key/value separator \"=\" in URI query parameter: \"{part}\""
        ));
    };
    if value.contains('=') {
        return Err(format!("extra key/value separator \"=\" in URI query parameter: \"{name}\""));
    }
    decoded(name)?;
    if !is_secret(name) {
        decoded(value)?;
    }
    let known = Keyword::find(name).is_some() || (name == "ssl" && value == "true");
    match known {
        true => Ok(()),
        false => Err(format!("invalid URI query parameter: \"{name}\"")),
    }
}

/// Checks what stands behind each `%`, and that no blank is in between.
fn decoded(text: &str) -> Result<(), String> {
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            continue;
        }
        match tail {
            [b'0', b'0', ..] => {
                return Err(format!("forbidden value %00 in percent-encoded value: \"{text}\""));
            }
            [high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = tail;
            }
            _ => return Err(format!("invalid percent-encoded token: \"{text}\"")),
        }
    }
    match text.trim_matches(is_blank).contains(is_blank) {
        true => Err(format!(
            "unexpected spaces found in \"{text}\", use percent-encoded spaces (%20) instead"
        )),
        false => Ok(()),
    }
}

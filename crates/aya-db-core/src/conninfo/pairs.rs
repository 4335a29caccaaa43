//! Keyword/value strings: `host=a password='it''s \' quoted'`.

use super::error::{ConnInfoError, ConnInfoErrorKind};
use super::keyword::{Keyword, Privacy};
use super::settings::{Origin, Settings, shown_name};

/// Reads `keyword = value` pairs. Blanks are those of C's `isspace`; a backslash takes the next
/// character as it is, inside quotes and outside.
pub(super) fn parse(text: &str) -> Result<Settings, ConnInfoError> {
    let mut settings = Settings::default();
    let mut cursor = Cursor { text, at: 0 };
    let mut after_secret = false;
    loop {
        cursor.skip_blanks();
        if cursor.is_at_end() {
            return Ok(settings);
        }
        let start = cursor.at;
        let name = cursor.name();
        cursor.skip_blanks();
        if !cursor.take('=') {
            return Err(missing_equals(start, name, after_secret));
        }
        cursor.skip_blanks();
        let position = cursor.at;
        let value = if cursor.take('\'') { cursor.quoted(position)? } else { cursor.plain() };
        let Some(keyword) = known(name) else {
            return Err(unknown(&mut settings, start, name, after_secret));
        };
        settings.set(name, &value, Origin::Text { position })?;
        after_secret = keyword == Privacy::Secret;
    }
}

/// The privacy of a known name; `requiressl` is known to [`Settings::set`] alone.
fn known(name: &str) -> Option<Privacy> {
    if name == "requiressl" {
        return Some(Privacy::Open);
    }
    Keyword::find(name).map(|keyword| keyword.privacy)
}

fn missing_equals(position: usize, name: &str, after_secret: bool) -> ConnInfoError {
    let message = match name.split_once("://") {
        Some((scheme, _)) => return wrong_scheme(position, scheme),
        None if after_secret => format!("missing \"=\" {AFTER_SECRET}"),
        None => match shown_name(name) {
            Some(name) => format!("missing \"=\" after \"{name}\""),
            None => "missing \"=\" after a name".to_owned(),
        },
    };
    ConnInfoError::syntax(position, message)
}

fn unknown(
    settings: &mut Settings,
    position: usize,
    name: &str,
    after_secret: bool,
) -> ConnInfoError {
    let origin = Origin::Text { position };
    if let Some((scheme, _)) = name.split_once("://") {
        return wrong_scheme(position, scheme);
    }
    if after_secret {
        let message = format!("unknown parameter {AFTER_SECRET}");
        return ConnInfoError::new(ConnInfoErrorKind::UnknownKeyword, message).at(origin);
    }
    match settings.set(name, "", origin.clone()) {
        Err(error) => error,
        Ok(()) => {
            ConnInfoError::new(ConnInfoErrorKind::UnknownKeyword, "unknown parameter").at(origin)
        }
    }
}

fn wrong_scheme(position: usize, scheme: &str) -> ConnInfoError {
    let shown = shown_name(scheme).map_or_else(String::new, |scheme| format!(" \"{scheme}\""));
    ConnInfoError::syntax(
        position,
        format!("unknown URI scheme{shown}: expected postgresql:// or postgres://"),
    )
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    fn name(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c| c == '=' || is_blank(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn plain(&mut self) -> String {
        let mut value = String::new();
        while let Some(next) = self.next() {
            match next {
                '\\' => value.extend(self.next()),
                blank if is_blank(blank) => break,
                other => value.push(other),
            }
        }
        value
    }

    fn quoted(&mut self, start: usize) -> Result<String, ConnInfoError> {
        let mut value = String::new();
        while let Some(next) = self.next() {
            match next {
                '\\' => value.extend(self.next()),
                '\'' => return Ok(value),
                other => value.push(other),
            }
        }
        Err(ConnInfoError::syntax(start, "unterminated quoted value"))
    }
}

/// C's `isspace` in the C locale.
const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

const AFTER_SECRET: &str = "after a secret value; a value with blanks must be quoted";

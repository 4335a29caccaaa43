//! Reads the keys of one mapping, and remembers which were asked for.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::{Address, Finding, Secret, Severity};
use crate::yaml::Value;

/// One section of the configuration.
pub(super) struct Reader<'a> {
    path: String,
    section: Option<&'a Value>,
    asked: RefCell<BTreeSet<String>>,
    findings: &'a RefCell<Vec<Finding>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(value: &'a Value, findings: &'a RefCell<Vec<Finding>>) -> Self {
        let reader =
            Self { path: String::new(), section: Some(value), asked: RefCell::default(), findings };
        reader.expect_mapping();
        reader
    }

    /// The section under a key; without one, a section in which nothing is set.
    pub(super) fn section(&self, key: &str) -> Self {
        let section = self.value(key);
        let path = self.path_of(key);
        let reader = Self { path, section, asked: RefCell::default(), findings: self.findings };
        reader.expect_mapping();
        reader
    }

    pub(super) fn is_set(&self) -> bool {
        self.section.is_some()
    }

    /// The value under a key; null counts as not set, as it does for Patroni.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.section?.get(key).filter(|value| **value != Value::Null)
    }

    /// All keys that are texts, with their values.
    pub(super) fn entries(&self) -> Vec<(String, &'a Value)> {
        let Some(Value::Map(entries)) = self.section else { return Vec::new() };
        let named = entries.iter().filter_map(|(key, value)| match key {
            Value::Text(key) => Some((key.clone(), value)),
            _ => None,
        });
        let named: Vec<_> = named.collect();
        self.asked.borrow_mut().extend(named.iter().map(|(key, _)| key.clone()));
        named
    }

    /// A text. Numbers and booleans are taken as they would be printed, since people write
    /// `password: 1234`.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let value = self.value(key)?;
        let text = scalar(value);
        if text.is_none() {
            self.wrong(key, value, "a string");
        }
        text
    }

    pub(super) fn required(&self, key: &str) -> String {
        if self.value(key).is_none() {
            self.error(key, "is missing");
        }
        self.text(key).unwrap_or_default()
    }

    pub(super) fn secret(&self, key: &str) -> Option<Secret> {
        let text = self.text(key)?;
        if text.contains(['\n', '\r', '\0']) {
            self.error(key, "has a line break, which no password file can hold");
        }
        Some(Secret::new(text))
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = truth(value);
        if flag.is_none() {
            self.wrong(key, value, "true or false");
        }
        flag
    }

    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        let value = self.value(key)?;
        let number = integer(value);
        if number.is_none() {
            self.wrong(key, value, "an integer");
        }
        number
    }

    pub(super) fn address(&self, key: &str, default_port: u16) -> Option<Address> {
        let text = self.text(key)?;
        let address = Address::parse(&text, default_port);
        if address.is_none() {
            self.error(key, &format!("is {text:?}: not HOST:PORT"));
        }
        address
    }

    /// A list of texts, or one text with commas.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let texts = match value {
            Value::List(values) => values.iter().map(scalar).collect(),
            other => scalar(other).map(|text| {
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect()
            }),
        };
        if texts.is_none() {
            self.wrong(key, value, "a list of strings");
        }
        texts
    }

    /// A list of lines, none of which is taken apart.
    pub(super) fn lines(&self, key: &str) -> Option<Vec<String>> {
        match self.value(key)? {
            Value::Text(text) => Some(vec![text.clone()]),
            _ => self.texts(key),
        }
    }

    pub(super) fn error(&self, key: &str, message: &str) {
        self.find(Severity::Error, key, message);
    }

    pub(super) fn warn(&self, key: &str, message: &str) {
        self.find(Severity::Warning, key, message);
    }

    /// Warns of every key that nobody asked for.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow().clone();
        let Some(Value::Map(entries)) = self.section else { return };
        for (key, _) in entries {
            let Value::Text(key) = key else {
                self.warn(&scalar(key).unwrap_or_default(), "is no name of a key");
                continue;
            };
            if asked.contains(key) {
                continue;
            }
            let close = asked.iter().map(|known| (strsim::osa_distance(known, key), known)).min();
            let hint = match close {
                Some((distance, known)) if distance <= 2 => format!("; is {known} meant?"),
                _ => String::new(),
            };
            self.warn(key, &format!("is unknown and has no effect{hint}"));
        }
    }

    fn expect_mapping(&self) {
        if let Some(value) = self.section.filter(|value| !matches!(value, Value::Map(_))) {
            let message = format!("is {}, where keys with values are expected", value.type_name());
            self.findings.borrow_mut().push(Finding {
                severity: Severity::Error,
                path: if self.path.is_empty() {
                    "the configuration".to_owned()
                } else {
                    self.path.clone()
                },
                message,
            });
        }
    }

    fn wrong(&self, key: &str, value: &Value, right: &str) {
        self.error(key, &format!("is {}, where {right} is expected", value.type_name()));
    }

    fn find(&self, severity: Severity, key: &str, message: &str) {
        let finding = Finding { severity, path: self.path_of(key), message: message.to_owned() };
        self.findings.borrow_mut().push(finding);
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// A scalar as it would be printed.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Time(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Bytes(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// A boolean as Patroni reads one.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" | "1" => Some(true),
            "off" | "false" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// An integer, also as a text.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => i64::try_from(*number).ok(),
        #[expect(clippy::cast_possible_truncation, reason = "only whole numbers of this size pass")]
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Some(*number as i64)
        }
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

//! From the parser's events to a value.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::YamlError;
use super::scalar::{resolve, tagged};
use super::value::Value;

/// Reads a text of at most one document; an empty one is [`Value::Null`].
///
/// # Errors
/// If it is no YAML, or PyYAML's `safe_load` would refuse it.
pub fn load(text: &str) -> Result<Value, YamlError> {
    let mut loader = Loader {
        parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        anchors: BTreeMap::new(),
        nodes: 0,
    };
    let mut document = None;
    loop {
        let (event, span) = loader.next()?;
        match event {
            Event::StreamEnd => return Ok(document.unwrap_or(Value::Null)),
            Event::DocumentStart(_) if document.is_some() => {
                return Err(wrong(span, "a second document, where one is expected"));
            }
            Event::DocumentStart(_) => {
                let (event, span) = loader.next()?;
                document = Some(loader.node(event, span, 0)?);
            }
            _ => {}
        }
    }
}

struct Loader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Value>,
    /// How many values there are, those that aliases repeat included.
    nodes: usize,
}

impl<'a> Loader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(broken(&error)),
            None => Err(YamlError { line: 1, column: 1, message: "it ends midway".to_owned() }),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, YamlError> {
        self.nodes += 1;
        if depth > DEEPEST {
            return Err(wrong(span, "nested too deeply"));
        }
        let (value, anchor) = match event {
            Event::Alias(anchor) => {
                let Some(value) = self.anchors.get(&anchor) else {
                    return Err(wrong(span, "an alias of what it stands in"));
                };
                self.nodes += size(value);
                if self.nodes > MOST {
                    return Err(wrong(span, "aliases that repeat too much"));
                }
                return Ok(value.clone());
            }
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(&text, style, tag.as_deref(), span)?, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                check(tag.as_deref(), &["seq"], span)?;
                (Value::List(self.list(depth)?), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                check(tag.as_deref(), &["map", "set"], span)?;
                (Value::Map(self.map(depth)?), anchor)
            }
            _ => return Err(wrong(span, "a value is missing")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Value, Value)>, YamlError> {
        let (mut merged, mut own) = (Vec::new(), Vec::new());
        loop {
            let (event, span) = self.next()?;
            let merges = match &event {
                Event::MappingEnd => break,
                Event::Scalar(text, ScalarStyle::Plain, _, None) => text == "<<",
                _ => false,
            };
            let key = match merges {
                true => Value::Null,
                false => self.node(event, span, depth + 1)?,
            };
            let (event, behind) = self.next()?;
            let value = self.node(event, behind, depth + 1)?;
            match (merges, key) {
                (true, _) => merged.extend(to_merge(value, behind)?),
                (false, Value::List(_) | Value::Map(_)) => {
                    return Err(wrong(span, "a key that is a list or a mapping"));
                }
                (false, key) => own.push((key, value)),
            }
        }
        // What is merged comes first, and its own keys win.
        let mut entries = Vec::new();
        for (key, value) in merged.into_iter().chain(own) {
            Value::put(&mut entries, key, value);
        }
        Ok(entries)
    }
}

/// The entries of a mapping, or of several, of which the first ones win.
fn to_merge(value: Value, span: Span) -> Result<Vec<(Value, Value)>, YamlError> {
    match value {
        Value::Map(entries) => Ok(entries),
        Value::List(items) => {
            let mut all = Vec::new();
            for item in items.into_iter().rev() {
                let Value::Map(entries) = item else {
                    return Err(wrong(span, "\"<<\" merges mappings alone"));
                };
                all.extend(entries);
            }
            Ok(all)
        }
        _ => Err(wrong(span, "\"<<\" merges a mapping, or a list of them")),
    }
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    span: Span,
) -> Result<Value, YamlError> {
    let found = match tag {
        Some(tag) if tag.is_yaml_core_schema() => tagged(&tag.suffix, text),
        Some(tag) if !is_unspecific(tag) => Err("a tag that is not known"),
        Some(_) | None if style == ScalarStyle::Plain => resolve(text),
        Some(_) | None => Ok(Value::Text(text.to_owned())),
    };
    found.map_err(|message| wrong(span, message))
}

fn check(tag: Option<&Tag>, known: &[&str], span: Span) -> Result<(), YamlError> {
    let is_known = tag.is_none_or(|tag| {
        is_unspecific(tag) || tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str())
    });
    match is_known {
        true => Ok(()),
        false => Err(wrong(span, "a tag that is not known")),
    }
}

/// The tag `!`, which PyYAML takes for none.
fn is_unspecific(tag: &Tag) -> bool {
    tag.suffix.is_empty() || (tag.handle.is_empty() && tag.suffix == "!")
}

fn size(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => {
            1 + entries.iter().map(|(key, value)| size(key) + size(value)).sum::<usize>()
        }
        _ => 1,
    }
}

fn wrong(span: Span, message: &str) -> YamlError {
    let message = message.to_owned();
    YamlError { line: span.start.line(), column: span.start.col() + 1, message }
}

/// The parser's own words name characters and rules, and no values.
fn broken(error: &ScanError) -> YamlError {
    let marker = error.marker();
    YamlError { line: marker.line(), column: marker.col() + 1, message: error.info().to_owned() }
}

/// Far more than any configuration.
const MOST: usize = 1_000_000;
const DEEPEST: usize = 200;

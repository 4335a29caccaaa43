//! Arrays (<https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO>).

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::decoder::Decoder;
use super::scene::Scene;
use crate::error;

/// A list, of lists if the array has more than one dimension.
pub(super) fn array<'py>(
    scene: &Scene<'py>,
    items: &Decoder,
    value: &[u8],
) -> PyResult<Bound<'py, PyAny>> {
    let py = scene.py;
    let malformed = |text: &str| error::data(py, text);
    let value = without_bounds(value);
    let Some(inside) = value.strip_prefix(b"{") else {
        return Err(malformed("array does not start with '{'"));
    };
    // The last byte closes the array.
    let Some((_, inside)) = inside.split_last() else {
        return Err(malformed("malformed array: '{'"));
    };
    let mut list = PyList::empty(py);
    let mut outer = Vec::new();
    let mut rest = inside;
    while let Some(first) = rest.first() {
        match first {
            b'{' => {
                let inner = PyList::empty(py);
                list.append(&inner)?;
                if outer.len() == MOST_DIMENSIONS {
                    return Err(malformed("excessive array dimensions"));
                }
                outer.push(std::mem::replace(&mut list, inner));
                rest = &rest[1..];
            }
            b'}' => {
                let Some(above) = outer.pop() else {
                    return Err(malformed("unbalanced braces in array"));
                };
                list = above;
                rest = &rest[1..];
                rest = rest.strip_prefix(b",").unwrap_or(rest);
            }
            _ => {
                let (item, tail) = next(rest);
                list.append(items.decode(scene, item.as_deref())?)?;
                rest = tail;
            }
        }
    }
    Ok(outer.into_iter().next().unwrap_or(list).into_any())
}

/// Without the `[1:3]=` of an array that does not begin at 1.
fn without_bounds(value: &[u8]) -> &[u8] {
    if !value.starts_with(b"[") {
        return value;
    }
    match value.iter().position(|byte| *byte == b'=') {
        Some(place) if value[..place].ends_with(b"]") => &value[place + 1..],
        _ => value,
    }
}

/// The item in front, `None` for NULL, and what follows it and its comma.
fn next(rest: &[u8]) -> (Option<Cow<'_, [u8]>>, &[u8]) {
    let end = end_of(rest);
    let (raw, tail) = rest.split_at(end);
    let tail = tail.strip_prefix(b",").unwrap_or(tail);
    let quoted = raw.strip_prefix(b"\"");
    if quoted.is_none() && raw.eq_ignore_ascii_case(b"null") {
        return (None, tail);
    }
    let body = quoted.map_or(raw, |body| body.strip_suffix(b"\"").unwrap_or(body));
    if !body.contains(&b'\\') {
        return (Some(Cow::Borrowed(body)), tail);
    }
    let mut plain = Vec::with_capacity(body.len());
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.extend(bytes.next()),
            other => plain.push(*other),
        }
    }
    (Some(Cow::Owned(plain)), tail)
}

/// Where the item in front ends: at the first comma or brace outside of quotes.
fn end_of(rest: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (place, byte) in rest.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'}' if !quoted => return place,
            _ => {}
        }
    }
    rest.len()
}

const MOST_DIMENSIONS: usize = 16;

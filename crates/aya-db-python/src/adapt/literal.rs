//! Literals of SQL: bytes in, bytes out. This file knows nothing of Python's values.

use memchr::{memchr, memchr_iter, memchr2_iter};
use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

use super::characters::{Character, Characters};
use crate::dialect::Dialect;

/// A text that no literal can hold.
#[derive(Debug, thiserror::Error)]
#[error("A string literal cannot contain NUL (0x00) characters.")]
pub(crate) struct HoldsNul;

impl From<HoldsNul> for PyErr {
    fn from(error: HoldsNul) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

/// Which of the two notations of `bytea` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// Two digits a byte: every server since 9.0 reads it.
    Hex,
    /// The older one, which any server reads: for those that are not known.
    Escape,
}

/// Appends a string literal of a text that is written in the dialect's encoding.
///
/// # Errors
/// `ValueError`, as Python sees it, if it holds a NUL.
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8], dialect: &Dialect) -> Result<(), HoldsNul> {
    if memchr(0, text).is_some() {
        return Err(HoldsNul);
    }
    out.reserve(text.len() + 3);
    open(out, dialect);
    let escape = match dialect.standard_strings {
        true => double_quotes,
        false => double_quotes_and_backslashes,
    };
    match characters_to_mind(text, dialect) {
        None => escape(out, text),
        Some(characters) => each_character(out, text, characters, escape),
    }
    out.push(b'\'');
    Ok(())
}

/// Appends a literal of type `bytea`.
pub(super) fn bytea(out: &mut Vec<u8>, bytes: &[u8], notation: Notation, dialect: &Dialect) {
    let backslash: &[u8] = if dialect.standard_strings { b"\\" } else { b"\\\\" };
    open(out, dialect);
    match notation {
        Notation::Hex => {
            out.extend_from_slice(backslash);
            out.push(b'x');
            let start = out.len();
            out.resize(start + bytes.len() * 2, 0);
            for (pair, byte) in out[start..].chunks_exact_mut(2).zip(bytes) {
                pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xF)]);
            }
        }
        Notation::Escape => {
            for &byte in bytes {
                match byte {
                    b'\'' => out.extend_from_slice(b"''"),
                    b'\\' => {
                        out.extend_from_slice(backslash);
                        out.extend_from_slice(backslash);
                    }
                    b' '..=b'~' => out.push(byte),
                    _ => {
                        out.extend_from_slice(backslash);
                        out.extend([byte >> 6, byte >> 3 & 7, byte & 7].map(|it| b'0' + it));
                    }
                }
            }
        }
    }
    out.extend_from_slice(b"'::bytea");
}

/// Appends a number. A negative one gets a space before it, so that `1-%s` does not become a
/// comment.
pub(super) fn number(out: &mut Vec<u8>, digits: &[u8]) {
    if digits.first() == Some(&b'-') {
        out.push(b' ');
    }
    out.extend_from_slice(digits);
}

/// The quote that opens a literal: where backslashes escape, `E` says that they are meant to.
fn open(out: &mut Vec<u8>, dialect: &Dialect) {
    if !dialect.standard_strings {
        out.push(b'E');
    }
    out.push(b'\'');
}

/// How characters are built, if that can matter in this text.
fn characters_to_mind(text: &[u8], dialect: &Dialect) -> Option<Characters> {
    if text.is_ascii() || (dialect.encoding.is_utf8() && std::str::from_utf8(text).is_ok()) {
        return None;
    }
    Some(Characters::of(&dialect.encoding)).filter(|characters| *characters != Characters::Single)
}

/// Appends a text by its characters: what is no character becomes one that the server refuses.
pub(super) fn each_character(
    out: &mut Vec<u8>,
    mut text: &[u8],
    characters: Characters,
    escape: fn(&mut Vec<u8>, &[u8]),
) {
    while let [byte, rest @ ..] = text {
        match characters.first(text) {
            Character::Whole(1) => escape(out, &[*byte]),
            Character::Whole(length) => {
                let (character, behind) = text.split_at(length);
                out.extend_from_slice(character);
                text = behind;
                continue;
            }
            Character::Incomplete | Character::Invalid => out.extend(characters.never()),
        }
        text = rest;
    }
}

fn double_quotes(out: &mut Vec<u8>, text: &[u8]) {
    double(out, text, memchr_iter(b'\'', text));
}

fn double_quotes_and_backslashes(out: &mut Vec<u8>, text: &[u8]) {
    double(out, text, memchr2_iter(b'\'', b'\\', text));
}

/// Appends a text with the bytes at these places twice.
pub(super) fn double(out: &mut Vec<u8>, text: &[u8], places: impl Iterator<Item = usize>) {
    let mut done = 0;
    for place in places {
        out.extend_from_slice(&text[done..=place]);
        done = place;
    }
    out.extend_from_slice(&text[done..]);
}

const fn digit(value: u8) -> u8 {
    b"0123456789abcdef"[value as usize]
}

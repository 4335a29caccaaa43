//! Where a character ends in each encoding that a client may have, and whether it is one.
//!
//! It matters for two reasons. In some encodings the second byte of a character may look like a
//! backslash, which must not be doubled then. And bytes that are no character must not reach the
//! server as they are: a parser that skips them as half of one would skip the quote behind them.
//! The rules are PostgreSQL's own (`src/common/wchar.c`), as libpq obeys them.

use std::ops::RangeInclusive;

use crate::encoding::{Encoding, clean};

/// How the characters of an encoding are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Characters {
    /// One byte each.
    Single,
    Utf8,
    /// EUC with the three-byte and half-width characters of Japanese.
    EucJapanese,
    /// EUC of Korean and Chinese, with two bytes at most.
    EucKorean,
    EucChinese,
    ShiftJis,
    /// Two bytes, of which only the first can be told: BIG5, GBK and UHC.
    Double,
    Johab,
    Gb18030,
}

/// What some bytes begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Character {
    /// A character of so many bytes.
    Whole(usize),
    /// The beginning of one that goes on behind the end.
    Incomplete,
    /// Nothing that is one.
    Invalid,
}

impl Characters {
    /// Those of this encoding.
    pub(super) fn of(encoding: &Encoding) -> Self {
        if encoding.is_utf8() {
            return Self::Utf8;
        }
        match clean(encoding.name()).as_str() {
            "EUCJP" | "EUCJIS2004" => Self::EucJapanese,
            "EUCKR" => Self::EucKorean,
            "EUCCN" => Self::EucChinese,
            "SJIS" | "MSKANJI" | "SHIFTJIS" | "SHIFTJIS2004" | "WIN932" | "WINDOWS932" => {
                Self::ShiftJis
            }
            "BIG5" | "GBK" | "UHC" | "WIN936" | "WIN949" | "WIN950" | "WINDOWS936"
            | "WINDOWS949" | "WINDOWS950" => Self::Double,
            "JOHAB" => Self::Johab,
            "GB18030" => Self::Gb18030,
            _ => Self::Single,
        }
    }

    /// What these bytes, which are not empty, begin with.
    pub(super) fn first(self, bytes: &[u8]) -> Character {
        let length = self.claimed(bytes);
        match bytes.get(..length) {
            None => Character::Incomplete,
            Some(character) if self.holds(character) => Character::Whole(length),
            Some(_) => Character::Invalid,
        }
    }

    /// Two bytes that are no character anywhere: with them in place of an invalid one, the server
    /// refuses the text instead of misreading it.
    pub(super) const fn never(self) -> [u8; 2] {
        match self {
            Self::Utf8 => [0xC0, b' '],
            _ => NEVER,
        }
    }

    /// How long the first character says that it is.
    fn claimed(self, bytes: &[u8]) -> usize {
        let first = bytes.first().copied().unwrap_or_default();
        if first.is_ascii() {
            return 1;
        }
        match self {
            Self::Single => 1,
            Self::Utf8 => match first {
                0xC0..=0xDF => 2,
                0xE0..=0xEF => 3,
                0xF0..=0xF7 => 4,
                _ => 1,
            },
            Self::EucJapanese | Self::EucKorean | Self::Johab if first == SINGLE_SHIFT_3 => 3,
            Self::EucChinese if matches!(first, SINGLE_SHIFT_2 | SINGLE_SHIFT_3) => 3,
            Self::ShiftJis if HALF_WIDTH.contains(&first) => 1,
            Self::Gb18030 if bytes.get(1).is_some_and(u8::is_ascii_digit) => 4,
            _ => 2,
        }
    }

    /// Whether these are one character, of the length that it claims.
    fn holds(self, character: &[u8]) -> bool {
        if let [first] = character
            && (first.is_ascii() || self != Self::Utf8)
        {
            return true;
        }
        match self {
            Self::Single => true,
            Self::Utf8 => std::str::from_utf8(character).is_ok(),
            Self::EucJapanese => match character {
                [SINGLE_SHIFT_2, second] => HALF_WIDTH.contains(second),
                [SINGLE_SHIFT_3, rest @ ..] => all_euc(rest),
                both => all_euc(both),
            },
            Self::EucKorean | Self::EucChinese => all_euc(character),
            Self::ShiftJis => {
                matches!(character, [0x81..=0x9F | 0xE0..=0xFC, 0x40..=0x7E | 0x80..=0xFC])
            }
            Self::Double => character != NEVER && !character.contains(&0),
            Self::Johab => character.get(1..).is_some_and(all_euc),
            Self::Gb18030 => matches!(
                character,
                [0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE]
                    | [0x81..=0xFE, b'0'..=b'9', 0x81..=0xFE, b'0'..=b'9']
            ),
        }
    }
}

fn all_euc(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| EUC.contains(byte))
}

const SINGLE_SHIFT_2: u8 = 0x8E;
const SINGLE_SHIFT_3: u8 = 0x8F;
const EUC: RangeInclusive<u8> = 0xA1..=0xFE;
const HALF_WIDTH: RangeInclusive<u8> = 0xA1..=0xDF;
const NEVER: [u8; 2] = [0x8D, b' '];

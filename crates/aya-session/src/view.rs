//! The text of a query, as far as decisions read it.
//!
//! A query is bytes in the client's encoding. Decisions look for words, quotes and ends of statements, all
//! of which are ASCII; in some encodings the second byte of a character looks like one of these.

use std::borrow::Cow;

/// The query as a text. Characters that are not ASCII may be replaced by others, which count as parts of
/// names all the same.
pub(crate) fn view<'a>(sql: &'a [u8], encoding: &[u8]) -> Cow<'a, str> {
    if sql.is_ascii() || encoding == b"UTF8" {
        return String::from_utf8_lossy(sql);
    }
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((&first, behind)) = rest.split_first() {
        if first.is_ascii() {
            text.push(char::from(first));
            rest = behind;
        } else {
            text.push(LETTER);
            rest = rest.get(length(rest, encoding)..).unwrap_or_default();
        }
    }
    Cow::Owned(text)
}

/// How many bytes the character takes that begins with this byte, where its later bytes may be ASCII; 1
/// where they are not, so that each is taken for a letter of its own.
fn length(rest: &[u8], encoding: &[u8]) -> usize {
    match (encoding, rest) {
        (b"SJIS" | b"SHIFT_JIS_2004", [0xa1..=0xdf, ..]) => 1,
        (b"GB18030", [_, b'0'..=b'9', ..]) => 4,
        (b"SJIS" | b"SHIFT_JIS_2004" | b"BIG5" | b"GBK" | b"UHC" | b"JOHAB" | b"GB18030", _) => 2,
        _ => 1,
    }
}

const LETTER: char = 'ä';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_half_of_a_character_is_no_quote_and_no_end() {
        // 0x95 0x5c is one character of SJIS, whose second byte is a backslash.
        assert_eq!(view(b"select '\x95\x5c'; commit", b"SJIS"), "select 'ä'; commit");
        // JOHAB has characters whose second byte is a semicolon.
        assert_eq!(view(b"select '\x88\x3b'", b"JOHAB"), "select 'ä'");
        assert_eq!(view(b"select '\x81\x30\x81\x30'", b"GB18030"), "select 'ä'");
        assert_eq!(view(b"select '\xe4'", b"LATIN1"), "select 'ä'");
        assert_eq!(view("select 'é'".as_bytes(), b"UTF8"), "select 'é'");
    }
}

//! PREPARE statements, whose texts are bytes in the server's encoding.

use aya_db_core::session;

/// The bytes of the PREPARE statement of this name in a text; both in hexadecimal digits.
pub(crate) fn preparing(text: &str, name: &str) -> Option<Vec<u8>> {
    let (text, name) = (unhex(text)?, unhex(name)?);
    // Server encodings have no ASCII within a character, so that bytes may be looked at one by one.
    let view: String = text.iter().map(|&byte| ascii(byte)).collect();
    let name: String = name.iter().map(|&byte| ascii(byte)).collect();
    let place = session::preparing(&view, &name)?;
    let (begin, count) = (view[..place.start].chars().count(), view[place].chars().count());
    text.get(begin..begin + count).map(<[u8]>::to_vec)
}

/// One character for each byte.
fn ascii(byte: u8) -> char {
    if byte.is_ascii() { char::from(byte) } else { 'ä' }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pair = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::literal::hex;

    fn cut(text: &str, name: &str) -> Option<String> {
        let found = preparing(&hex(text.as_bytes()), &hex(name.as_bytes()))?;
        Some(String::from_utf8(found).unwrap())
    }

    #[test]
    fn what_stands_beside_a_prepare_is_left_out() {
        let text =
            "insert into t values (';é'); /* é */ PREPARE P (text) as select $1, 'é;'; select 1";
        assert_eq!(cut(text, "p").unwrap(), "PREPARE P (text) as select $1, 'é;'");
        assert_eq!(
            cut("prepare \"A é\" as select 1", "A é").unwrap(),
            "prepare \"A é\" as select 1"
        );
        assert_eq!(cut(text, "q"), None);
    }
}

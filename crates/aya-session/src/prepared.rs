//! The statement that prepares, cut out of the text that it came in.
//!
//! A server keeps the whole text of the query in which a PREPARE stood (`pg_prepared_statements.statement`);
//! what stood beside it must not run again.

use aya_db_core::sql_text::{Token, tokens};

/// The bytes of the PREPARE statement of this name in a text; both in hexadecimal digits.
pub(crate) fn preparing(text: &str, name: &str) -> Option<Vec<u8>> {
    let (text, name) = (unhex(text)?, unhex(name)?);
    // Server encodings have no ASCII within a character, so that bytes may be looked at one by one.
    let view: String = text.iter().map(|&byte| ascii(byte)).collect();
    let name: String = name.iter().map(|&byte| ascii(byte)).collect();
    let mut all = tokens(&view);
    loop {
        let rest = all.rest();
        let first = all.next()?;
        if first.is("prepare") && names(all.rest(), &name) {
            all.by_ref().find(|token| *token == Token::End);
            let (begin, end) = (view.len() - rest.len(), view.len() - all.rest().len());
            return Some(bytes_of(&text, &view, begin, end));
        }
        if first != Token::End {
            all.by_ref().find(|token| *token == Token::End)?;
        }
    }
}

/// Whether what follows PREPARE is this name, quoted or not.
fn names(rest: &str, name: &str) -> bool {
    let mut after = tokens(rest);
    match after.next() {
        Some(Token::Word(word)) => word.to_lowercase() == name,
        Some(Token::Name) => {
            let quoted = &rest[..rest.len() - after.rest().len()];
            let quoted = quoted.find('"').map_or(quoted, |at| &quoted[at + 1..]);
            quoted.strip_suffix('"').is_some_and(|it| it.replace("\"\"", "\"") == name)
        }
        _ => false,
    }
}

/// One character for each byte.
fn ascii(byte: u8) -> char {
    if byte.is_ascii() { char::from(byte) } else { 'ä' }
}

/// The bytes that these places of the view stand for.
fn bytes_of(text: &[u8], view: &str, begin: usize, end: usize) -> Vec<u8> {
    let (begin, count) = (view[..begin].chars().count(), view[begin..end].chars().count());
    text.iter().skip(begin).take(count).copied().collect()
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
        let text = "insert into t values (';é'); PREPARE P (text) as select $1, 'é;'; prepare q as select 2";
        assert_eq!(cut(text, "p").unwrap().trim(), "PREPARE P (text) as select $1, 'é;';");
        assert_eq!(cut(text, "q").unwrap().trim(), "prepare q as select 2");
        assert_eq!(cut(text, "r"), None);
        assert_eq!(
            cut("prepare \"A b\" as select 1", "A b").unwrap(),
            "prepare \"A b\" as select 1"
        );
    }
}

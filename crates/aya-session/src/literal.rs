//! Values in the text of a query.

use std::fmt::Write;

/// The statement with its parameters `$1`, `$2`, … replaced by literals.
pub(crate) fn with_literals(sql: &str, values: &[&str]) -> String {
    let mut text = sql.to_owned();
    for (index, value) in values.iter().enumerate() {
        text = text.replace(&format!("${}", index + 1), &literal(value));
    }
    text
}

/// A literal that means the same whatever `standard_conforming_strings` is.
fn literal(value: &str) -> String {
    format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The text of an array of texts.
pub(crate) fn array<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let quoted = |value: &str| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", values.map(quoted).collect::<Vec<_>>().join(","))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes everything that is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_stand_for_parameters() {
        assert_eq!(with_literals("select $1, $2", &["it's", "\\"]), "select E'it\\'s', E'\\\\'");
        assert_eq!(array(["a\"b", "c"].into_iter()), "{\"a\\\"b\",\"c\"}");
        assert_eq!(hex(&[0, 0xaf]), "00af");
    }
}

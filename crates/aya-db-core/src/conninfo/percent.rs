//! Percent-decoding as libpq does it: blanks at both ends are dropped, a blank inside is an
//! error, and so are a broken escape and `%00`.

use super::error::ConnInfoError;

/// Decodes `text`, which begins at the byte `position` of the whole string. The message shows
/// nothing of the text, which may be a password, but the broken escape.
pub(super) fn decode(text: &str, position: usize) -> Result<String, ConnInfoError> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = bytes.iter().take_while(|byte| **byte == b' ').count();
    while at < bytes.len() && bytes[at] != b' ' {
        if bytes[at] != b'%' {
            decoded.push(bytes[at]);
            at += 1;
            continue;
        }
        let digit =
            |offset: usize| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(1), digit(2)) else {
            return Err(ConnInfoError::syntax(
                position + at,
                "\"%\" is not followed by two hexadecimal digits; a plain percent sign is \
                 written %25",
            ));
        };
        let Some(byte) = u8::try_from(high * 16 + low).ok().filter(|byte| *byte != 0) else {
            return Err(ConnInfoError::syntax(position + at, "the zero byte, %00, is forbidden"));
        };
        decoded.push(byte);
        at += 3;
    }
    if let Some(extra) = bytes[at..].iter().position(|byte| *byte != b' ') {
        return Err(ConnInfoError::syntax(
            position + at + extra,
            "text after a blank; a blank in a URI is written %20",
        ));
    }
    String::from_utf8(decoded).map_err(|_| {
        ConnInfoError::syntax(position, "the percent-decoded value is not valid UTF-8")
    })
}

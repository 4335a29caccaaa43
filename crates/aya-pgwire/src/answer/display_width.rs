//! How long a character is, and how wide on a screen.

/// How a client encoding writes characters, as far as it matters for pointing at one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// One byte, one column.
    Bytes,
    /// UTF-8.
    Utf8,
    /// One byte for ASCII, two or more for the rest.
    Double,
}

impl Writing {
    /// By PostgreSQL's name of the encoding.
    pub(super) fn of(encoding: &[u8]) -> Self {
        let name = encoding.to_ascii_uppercase();
        let is_double = |prefix: &[u8]| name.starts_with(prefix);
        match &name[..] {
            b"UTF8" | b"UNICODE" | b"UTF-8" => Self::Utf8,
            _ if DOUBLE.iter().any(|prefix| is_double(prefix)) => Self::Double,
            _ => Self::Bytes,
        }
    }

    /// The bytes and the columns of the first character of `text`, which is not empty.
    pub(super) fn first(self, text: &[u8]) -> (usize, usize) {
        let lead = text.first().copied().unwrap_or_default();
        match self {
            Self::Bytes => (1, 1),
            Self::Double if lead < 0x80 => (1, 1),
            Self::Double => (text.len().min(2), 2),
            Self::Utf8 => {
                let length = match lead {
                    0xc0..0xe0 => 2,
                    0xe0..0xf0 => 3,
                    0xf0..0xf8 => 4,
                    _ => 1,
                };
                let bytes = &text[..text.len().min(length)];
                let c = str::from_utf8(bytes).ok().and_then(|text| text.chars().next());
                (bytes.len(), if c.is_some_and(is_wide) { 2 } else { 1 })
            }
        }
    }
}

fn is_wide(c: char) -> bool {
    WIDE.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)))
}

/// What these encodings' names begin with.
const DOUBLE: [&[u8]; 8] =
    [b"EUC_", b"SJIS", b"SHIFT_JIS", b"BIG5", b"GBK", b"UHC", b"GB18030", b"JOHAB"];

/// The characters that take two columns, by Unicode's report 11.
const WIDE: [(u32, u32); 12] = [
    (0x1100, 0x115f),
    (0x2e80, 0x303e),
    (0x3041, 0xa4cf),
    (0xa960, 0xa97f),
    (0xac00, 0xd7a3),
    (0xf900, 0xfaff),
    (0xfe30, 0xfe6f),
    (0xff00, 0xff60),
    (0xffe0, 0xffe6),
    (0x1_f300, 0x1_f64f),
    (0x1_f900, 0x1_f9ff),
    (0x2_0000, 0x3_fffd),
];

//! Client encodings: PostgreSQL's names of them, and Python's codecs.

use std::borrow::Cow;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::error;

/// How the text of one connection is written.
#[derive(Debug)]
pub(crate) struct Encoding {
    name: String,
    codec: Codec,
}

#[derive(Debug)]
enum Codec {
    Utf8,
    /// Any other, by the functions that Python's registry of codecs has for it.
    Python {
        name: String,
        encode: Py<PyAny>,
        decode: Py<PyAny>,
    },
}

impl Encoding {
    /// UTF-8, which a connection has unless it asks for something else.
    pub(crate) fn utf8() -> Arc<Self> {
        Arc::new(Self { name: "UTF8".to_owned(), codec: Codec::Utf8 })
    }

    /// Latin 1, in which values are quoted that no connection asks for.
    pub(crate) fn latin1(py: Python<'_>) -> PyResult<Arc<Self>> {
        Ok(Arc::new(Self { name: "LATIN1".to_owned(), codec: Codec::of(py, "iso8859_1")? }))
    }

    /// The encoding that a server calls so.
    pub(crate) fn find(py: Python<'_>, name: &str) -> PyResult<Arc<Self>> {
        let clean = clean(name);
        let mut known = ENCODINGS.iter().map(|(theirs, codec)| (self::clean(theirs), *codec));
        let Some((_, codec)) = known.find(|(theirs, _)| *theirs == clean) else {
            return Err(error::operational(
                py,
                format!("no Python encoding for PostgreSQL encoding '{clean}'"),
            ));
        };
        Ok(Arc::new(Self { name: clean, codec: Codec::of(py, codec)? }))
    }

    /// The encoding of a codec that Python calls so.
    pub(crate) fn of_codec(py: Python<'_>, codec: &str) -> PyResult<Arc<Self>> {
        Ok(Arc::new(Self { name: codec.to_owned(), codec: Codec::of(py, codec)? }))
    }

    /// PostgreSQL's name of it, without punctuation.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Python's name of its codec.
    pub(crate) fn codec_name(&self) -> &str {
        match &self.codec {
            Codec::Utf8 => "utf_8",
            Codec::Python { name, .. } => name,
        }
    }

    /// Whether bytes of it are UTF-8.
    pub(crate) const fn is_utf8(&self) -> bool {
        matches!(self.codec, Codec::Utf8)
    }

    /// The text of these bytes.
    pub(crate) fn decode<'py>(
        &self,
        py: Python<'py>,
        bytes: &[u8],
    ) -> PyResult<Bound<'py, PyString>> {
        match &self.codec {
            Codec::Utf8 => PyString::from_bytes(py, bytes),
            Codec::Python { decode, .. } => {
                let text = decode.bind(py).call1((PyBytes::new(py, bytes),))?;
                Ok(text.get_item(0)?.cast_into::<PyString>()?)
            }
        }
    }

    /// The same, for texts that must be shown whatever they hold.
    pub(crate) fn decode_lossy<'py>(&self, py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
        match &self.codec {
            Codec::Utf8 => PyString::new(py, &String::from_utf8_lossy(bytes)),
            Codec::Python { decode, .. } => decode
                .bind(py)
                .call1((PyBytes::new(py, bytes), "replace"))
                .and_then(|text| text.get_item(0))
                .and_then(|text| Ok(text.cast_into::<PyString>()?))
                .unwrap_or_else(|_| PyString::new(py, &String::from_utf8_lossy(bytes))),
        }
    }

    /// The bytes of this text.
    pub(crate) fn encode<'a>(&self, text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, [u8]>> {
        match &self.codec {
            Codec::Utf8 => Ok(Cow::Borrowed(text.to_str()?.as_bytes())),
            Codec::Python { encode, .. } => {
                let bytes = encode.bind(text.py()).call1((text,))?.get_item(0)?;
                Ok(Cow::Owned(bytes.cast_into::<PyBytes>()?.as_bytes().to_vec()))
            }
        }
    }
}

impl Codec {
    fn of(py: Python<'_>, codec: &str) -> PyResult<Self> {
        if codec == "utf_8" {
            return Ok(Self::Utf8);
        }
        let registry = py.import("codecs")?;
        let encode = registry.call_method1("getencoder", (codec,))?.unbind();
        let decode = registry.call_method1("getdecoder", (codec,))?.unbind();
        Ok(Self::Python { name: codec.to_owned(), encode, decode })
    }
}

/// The dictionary `encodings`.
pub(crate) fn dictionary(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let encodings = PyDict::new(py);
    for (name, codec) in ENCODINGS {
        encodings.set_item(name, codec)?;
    }
    Ok(encodings)
}

/// A name without its punctuation, in capitals: servers take `utf-8` for `UTF8`.
pub(crate) fn clean(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}

/// Each encoding that PostgreSQL lets a client have, with its other names
/// (<https://www.postgresql.org/docs/18/multibyte.html>), and Python's codec for it
/// (<https://docs.python.org/3/library/codecs.html#standard-encodings>). Python has none for EUC_TW
/// and MULE_INTERNAL.
const ENCODINGS: &[(&str, &str)] = &[
    ("ABC", "cp1258"),
    ("ALT", "cp866"),
    ("BIG5", "big5"),
    ("EUC_CN", "euccn"),
    ("EUC_JIS_2004", "euc_jis_2004"),
    ("EUC_JP", "euc_jp"),
    ("EUC_KR", "euc_kr"),
    ("GB18030", "gb18030"),
    ("GBK", "gbk"),
    ("ISO_8859_1", "iso8859_1"),
    ("ISO_8859_2", "iso8859_2"),
    ("ISO_8859_3", "iso8859_3"),
    ("ISO_8859_5", "iso8859_5"),
    ("ISO_8859_6", "iso8859_6"),
    ("ISO_8859_7", "iso8859_7"),
    ("ISO_8859_8", "iso8859_8"),
    ("ISO_8859_9", "iso8859_9"),
    ("ISO_8859_10", "iso8859_10"),
    ("ISO_8859_13", "iso8859_13"),
    ("ISO_8859_14", "iso8859_14"),
    ("ISO_8859_15", "iso8859_15"),
    ("ISO_8859_16", "iso8859_16"),
    ("JOHAB", "johab"),
    ("KOI8", "koi8_r"),
    ("KOI8R", "koi8_r"),
    ("KOI8U", "koi8_u"),
    ("LATIN1", "iso8859_1"),
    ("LATIN2", "iso8859_2"),
    ("LATIN3", "iso8859_3"),
    ("LATIN4", "iso8859_4"),
    ("LATIN5", "iso8859_9"),
    ("LATIN6", "iso8859_10"),
    ("LATIN7", "iso8859_13"),
    ("LATIN8", "iso8859_14"),
    ("LATIN9", "iso8859_15"),
    ("LATIN10", "iso8859_16"),
    ("Mskanji", "cp932"),
    ("ShiftJIS", "cp932"),
    ("SHIFT_JIS_2004", "shift_jis_2004"),
    ("SJIS", "cp932"),
    ("SQL_ASCII", "ascii"),
    ("TCVN", "cp1258"),
    ("TCVN5712", "cp1258"),
    ("UHC", "cp949"),
    ("UNICODE", "utf_8"),
    ("UTF8", "utf_8"),
    ("VSCII", "cp1258"),
    ("WIN", "cp1251"),
    ("WIN866", "cp866"),
    ("WIN874", "cp874"),
    ("WIN932", "cp932"),
    ("WIN936", "gbk"),
    ("WIN949", "cp949"),
    ("WIN950", "cp950"),
    ("WIN1250", "cp1250"),
    ("WIN1251", "cp1251"),
    ("WIN1252", "cp1252"),
    ("WIN1253", "cp1253"),
    ("WIN1254", "cp1254"),
    ("WIN1255", "cp1255"),
    ("WIN1256", "cp1256"),
    ("WIN1257", "cp1257"),
    ("WIN1258", "cp1258"),
    ("Windows932", "cp932"),
    ("Windows936", "gbk"),
    ("Windows949", "cp949"),
    ("Windows950", "cp950"),
];

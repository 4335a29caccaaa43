//! The typecasters that come with the module, and the registry of those that hold everywhere.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};

use super::caster::{self, Caster};
use super::decoder::Decoder;
use crate::cursor::Cursor;

static STRING_TYPES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();

/// The typecasters that hold everywhere.
pub(super) fn string_types(py: Python<'_>) -> PyResult<&Bound<'_, PyDict>> {
    Ok(STRING_TYPES.get_or_init(py, || PyDict::new(py).unbind()).bind(py))
}

/// Adds all of it to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let types = string_types(py)?;
    module.add("string_types", types)?;
    module.add("binary_types", PyDict::new(py))?;
    for (name, oids, decoder) in BUILTIN {
        let made = Caster::new(py, name, oids, decoder())?;
        caster::add(&made, types.as_any())?;
        module.add(*name, made)?;
    }
    for (name, oids, decoder) in NAMES {
        module.add(*name, Caster::new(py, name, oids, decoder())?)?;
    }
    Ok(())
}

/// What casts values of a type on a cursor: its own typecaster, its connection's, that which holds
/// everywhere, or text as it is.
pub(super) fn decoder_for(cursor: &Bound<'_, Cursor>, oid: &Bound<'_, PyAny>) -> PyResult<Decoder> {
    let py = cursor.py();
    let own = cursor.get().string_types_of(py);
    let connection = cursor.get().connection(py)?;
    let places = [
        own,
        connection.get().string_types_dict(py).map(Bound::into_any),
        Some(string_types(py)?.clone().into_any()),
    ];
    for types in places.into_iter().flatten() {
        let Ok(types) = types.cast::<PyDict>() else { continue };
        if types.is_empty() {
            continue;
        }
        if let Some(found) = types.get_item(oid)? {
            return Ok(match found.cast::<Caster>() {
                Ok(caster) => caster.get().decoder.clone_ref(py),
                Err(_) => Decoder::Function(found.unbind()),
            });
        }
    }
    Ok(Decoder::Text)
}

type Row = (&'static str, &'static [u32], fn() -> Decoder);

fn array(items: Decoder) -> Decoder {
    Decoder::Array(Box::new(items))
}

const STRINGS: &[u32] = &[19, 18, 25, 1042, 1043];
const STRING_ARRAYS: &[u32] = &[1002, 1003, 1009, 1014, 1015];
const DATE: &[u32] = &[1082];
const TIME: &[u32] = &[1083, 1266];
const TIMESTAMP: &[u32] = &[1114];
const TIMESTAMP_TZ: &[u32] = &[1184];
const INTERVAL: &[u32] = &[704, 1186];

/// Each typecaster with the numbers of its types (`pg_type.dat`). Of two with the same type the
/// later one holds.
const BUILTIN: &[Row] = &[
    ("NUMBER", &[20, 23, 21, 701, 700, 1700], || Decoder::Float),
    ("LONGINTEGER", &[20], || Decoder::Integer),
    ("INTEGER", &[23, 21], || Decoder::Integer),
    ("FLOAT", &[701, 700], || Decoder::Float),
    ("DECIMAL", &[1700], || Decoder::Decimal),
    ("UNICODE", STRINGS, || Decoder::Text),
    ("BYTES", STRINGS, || Decoder::Bytes),
    ("STRING", STRINGS, || Decoder::Text),
    ("BOOLEAN", &[16], || Decoder::Boolean),
    ("DATETIME", TIMESTAMP, || Decoder::Timestamp),
    ("DATETIMETZ", TIMESTAMP_TZ, || Decoder::TimestampTz),
    ("TIME", TIME, || Decoder::Time),
    ("DATE", DATE, || Decoder::Date),
    ("INTERVAL", INTERVAL, || Decoder::Interval),
    ("BINARY", &[17], || Decoder::Binary),
    ("ROWID", &[26], || Decoder::Integer),
    ("LONGINTEGERARRAY", &[1016], || array(Decoder::Integer)),
    ("INTEGERARRAY", &[1005, 1006, 1007], || array(Decoder::Integer)),
    ("FLOATARRAY", &[1021, 1022], || array(Decoder::Float)),
    ("DECIMALARRAY", &[1231], || array(Decoder::Decimal)),
    ("UNICODEARRAY", STRING_ARRAYS, || array(Decoder::Text)),
    ("BYTESARRAY", STRING_ARRAYS, || array(Decoder::Bytes)),
    ("STRINGARRAY", STRING_ARRAYS, || array(Decoder::Text)),
    ("BOOLEANARRAY", &[1000], || array(Decoder::Boolean)),
    ("DATETIMEARRAY", &[1115], || array(Decoder::Timestamp)),
    ("DATETIMETZARRAY", &[1185], || array(Decoder::TimestampTz)),
    ("TIMEARRAY", &[1183, 1270], || array(Decoder::Time)),
    ("DATEARRAY", &[1182], || array(Decoder::Date)),
    ("INTERVALARRAY", &[1187], || array(Decoder::Interval)),
    ("BINARYARRAY", &[1001], || array(Decoder::Binary)),
    ("ROWIDARRAY", &[1028, 1013], || array(Decoder::Integer)),
    ("UNKNOWN", &[705], || Decoder::Text),
    ("INETARRAY", &[1041], || array(Decoder::Text)),
    ("CIDRARRAY", &[651], || array(Decoder::Text)),
    ("MACADDRARRAY", &[1040], || array(Decoder::Text)),
];

/// Other names, from the time when psycopg2 had more than one kind of moment.
const NAMES: &[Row] = &[
    ("PYDATETIME", TIMESTAMP, || Decoder::Timestamp),
    ("PYDATETIMETZ", TIMESTAMP_TZ, || Decoder::TimestampTz),
    ("PYTIME", TIME, || Decoder::Time),
    ("PYDATE", DATE, || Decoder::Date),
    ("PYINTERVAL", INTERVAL, || Decoder::Interval),
    ("PYDATETIMEARRAY", &[1115], || array(Decoder::Timestamp)),
    ("PYDATETIMETZARRAY", &[1185], || array(Decoder::TimestampTz)),
    ("PYTIMEARRAY", &[1183, 1270], || array(Decoder::Time)),
    ("PYDATEARRAY", &[1182], || array(Decoder::Date)),
    ("PYINTERVALARRAY", &[1187], || array(Decoder::Interval)),
];

//! How Python's own messages call the type of an object.
#![expect(unsafe_code, reason = "the name in the C structure has its module only where C made it")]

use std::ffi::CStr;

use pyo3::prelude::*;

/// The name of the object's type: `Decimal` of a class written in Python has no module before it,
/// `decimal.Decimal` written in C has.
pub(super) fn type_name(object: &Bound<'_, PyAny>) -> String {
    // SAFETY: the type of a living object is alive, and its name is a text that ends with a NUL.
    let name = unsafe { CStr::from_ptr((*object.get_type_ptr()).tp_name) };
    name.to_string_lossy().into_owned()
}

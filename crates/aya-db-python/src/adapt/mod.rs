//! Adaptation: Python's values become SQL.
//!
//! ```text
//!  format::merge --> quote::quote_into --+--> registry: is its adapter one of ours? then at once:
//!   query, args                          |     plain, quoted_string, binary, list, moment
//!                                        |          --> literal, characters (bytes alone)
//!                                        +--> else registry::adapt_to, prepare, getquoted
//! ```

mod binary;
mod buffer;
mod characters;
mod format;
mod identifier;
mod list;
mod literal;
mod moment;
mod moments;
mod plain;
mod protocol;
mod quote;
mod quoted_string;
mod recursion;
mod registry;
mod type_name;
mod wrapper;

use pyo3::prelude::*;

pub(crate) use self::format::merge;
pub(crate) use self::identifier::quote_identifier;
pub(crate) use self::literal::string as quote_string;

/// Puts all of it into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<protocol::IsqlQuote>()?;
    module.add_class::<plain::AsIs>()?;
    module.add_class::<plain::Boolean>()?;
    module.add_class::<plain::Float>()?;
    module.add_class::<plain::Int>()?;
    module.add_class::<plain::Decimal>()?;
    module.add_class::<list::List>()?;
    module.add_class::<binary::Binary>()?;
    module.add_class::<quoted_string::QuotedString>()?;
    module.add_function(wrap_pyfunction!(moments::date, module)?)?;
    module.add_function(wrap_pyfunction!(moments::time, module)?)?;
    module.add_function(wrap_pyfunction!(moments::timestamp, module)?)?;
    module.add_function(wrap_pyfunction!(moments::date_from_ticks, module)?)?;
    module.add_function(wrap_pyfunction!(moments::time_from_ticks, module)?)?;
    module.add_function(wrap_pyfunction!(moments::timestamp_from_ticks, module)?)?;
    module.add_function(wrap_pyfunction!(moments::date_from_py, module)?)?;
    module.add_function(wrap_pyfunction!(moments::time_from_py, module)?)?;
    module.add_function(wrap_pyfunction!(moments::timestamp_from_py, module)?)?;
    module.add_function(wrap_pyfunction!(moments::interval_from_py, module)?)?;
    module.add_function(wrap_pyfunction!(registry::adapt, module)?)?;
    module.add_function(wrap_pyfunction!(identifier::quote_ident, module)?)?;
    let registry = registry::Registry::make(module)?;
    module.add("adapters", registry.adapters(module.py()))
}

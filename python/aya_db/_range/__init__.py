"""PostgreSQL's ranges: the values, how they are quoted, and how they are read."""

from __future__ import annotations

from aya_db._adapters import register_adapter
from aya_db._psycopg import (
    InterfaceError,
    ISQLQuote,
    ProgrammingError,
    adapt,
    new_array_type,
    new_type,
    register_type,
)
from aya_db._range._adapters import NumberRangeAdapter, RangeAdapter
from aya_db._range._builtin import (
    daterange_caster,
    int4range_caster,
    int8range_caster,
    numrange_caster,
    tsrange_caster,
    tstzrange_caster,
)
from aya_db._range._caster import RangeCaster, register_range
from aya_db._range._value import (
    DateRange,
    DateTimeRange,
    DateTimeTZRange,
    NumericRange,
    Range,
)

__all__ = [
    "DateRange",
    "DateTimeRange",
    "DateTimeTZRange",
    "ISQLQuote",
    "InterfaceError",
    "NumberRangeAdapter",
    "NumericRange",
    "ProgrammingError",
    "Range",
    "RangeAdapter",
    "RangeCaster",
    "adapt",
    "daterange_caster",
    "int4range_caster",
    "int8range_caster",
    "new_array_type",
    "new_type",
    "numrange_caster",
    "register_adapter",
    "register_range",
    "register_type",
    "tsrange_caster",
    "tstzrange_caster",
]

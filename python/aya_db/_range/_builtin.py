"""The range types that every database has, registered for every connection.

Their OIDs are fixed by PostgreSQL's catalogue.
"""

from __future__ import annotations

from aya_db._range._adapters import NumberRangeAdapter
from aya_db._range._caster import RangeCaster
from aya_db._range._value import (
    DateRange,
    DateTimeRange,
    DateTimeTZRange,
    NumericRange,
)


class _NumberCaster(RangeCaster):
    """Reads a range of numbers; all three types share one class and one way to be quoted."""

    def _create_ranges(self, pgrange: str, pyrange: object) -> None:
        self.range = NumericRange
        self.adapter = NumberRangeAdapter


int4range_caster = _NumberCaster("int4range", NumericRange, 3904, 23, 3905)
int8range_caster = _NumberCaster("int8range", NumericRange, 3926, 20, 3927)
numrange_caster = _NumberCaster("numrange", NumericRange, 3906, 1700, 3907)
daterange_caster = RangeCaster("daterange", DateRange, 3912, 1082, 3913)
tsrange_caster = RangeCaster("tsrange", DateTimeRange, 3908, 1114, 3909)
tstzrange_caster = RangeCaster("tstzrange", DateTimeTZRange, 3910, 1184, 3911)

for _caster in (
    int4range_caster,
    int8range_caster,
    numrange_caster,
    daterange_caster,
    tsrange_caster,
    tstzrange_caster,
):
    _caster._register()
del _caster

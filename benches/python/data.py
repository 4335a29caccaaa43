"""The tables that are read, and the rows that are written."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cases import INSERTS, MANY_ROWS, ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = "(number int, word text, price numeric(12, 2), moment timestamp, flag bool)"
_MIXED = """
    select g as number, 'text ' || g as word, (g / 7.0)::numeric(12, 2) as price,
        timestamp '2020-01-01' + g * interval '1 minute 1.5 seconds' as moment, g % 2 = 0 as flag
    from generate_series(1, {}) g
"""

SETUP = f"""
    create table mixed as {_MIXED.format(ROWS)};
    create table many as {_MIXED.format(MANY_ROWS)};
    create unlogged table written {_COLUMNS};
    vacuum analyze;
"""

SELECT_PARAMETERS = (42, "a text with a quote: '")
SELECT_MIXED = "select * from mixed"
SELECT_INTS = "select number from many"
SELECT_MANY = "select * from many"
TRUNCATE = "truncate written"


def insertions() -> list[tuple[Any, ...]]:
    """Return the rows that statements insert."""
    start = datetime(2020, 1, 1)
    return [
        (number, f"text {number}", Decimal(number) / 4, start + timedelta(minutes=number), True)
        for number in range(INSERTS)
    ]


def copied() -> bytes:
    """Return the rows that COPY writes, in its text format."""
    return b"".join(_lines())


def _lines() -> Iterator[bytes]:
    for number in range(ROWS):
        yield f"{number}\ttext {number}\t{number}.25\t2020-01-01 10:00:00.5\tt\n".encode()

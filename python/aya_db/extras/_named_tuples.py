"""Rows as named tuples."""

from __future__ import annotations

import re
from collections import namedtuple
from functools import lru_cache

from aya_db._psycopg import ProgrammingError, connection, cursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from aya_db._psycopg import _Query, _Vars

# What ASCII has that cannot be in a name; other letters can.
_re_clean = re.compile(r"[\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]")


class NamedTupleConnection(connection):
    """A connection whose cursors are `NamedTupleCursor`."""

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a cursor."""
        kwargs.setdefault("cursor_factory", self.cursor_factory or NamedTupleCursor)
        return super().cursor(*args, **kwargs)


class NamedTupleCursor(cursor):
    """A cursor whose rows are named tuples, by the names of the columns.

    A name that Python does not allow is changed until it does: what is no letter or digit becomes
    an underscore, and an ``f`` goes in front of a digit or an underscore.
    """

    # The class of the rows of the result at hand, made by the first fetch.
    Record: Any = None

    # How many classes are kept for results with the same names.
    MAX_CACHE = 1024

    def execute(self, query: _Query, vars: _Vars = None) -> None:
        """Run a query."""
        self.Record = None
        super().execute(query, vars)

    def executemany(self, query: _Query, vars: Iterable[_Vars]) -> None:
        """Run a query once for each set of values."""
        self.Record = None
        super().executemany(query, vars)

    def callproc(self, procname: str | bytes, vars: _Vars = None) -> Any:
        """Call a function."""
        self.Record = None
        return super().callproc(procname, vars)

    def fetchone(self) -> Any:
        """Return the next row, or ``None`` if there is no more."""
        row = super().fetchone()
        return None if row is None else self._record()._make(row)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next ``size`` rows, by default `arraysize`."""
        rows = super().fetchmany(size)
        return list(map(self._record()._make, rows))

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        rows = super().fetchall()
        return list(map(self._record()._make, rows))

    def __iter__(self) -> Iterator[Any]:
        # A plain cursor is its own iterator, and this one's `next()` would come back here.
        following = super().__next__
        while True:
            try:
                row = following()
            except StopIteration:
                return
            yield self._record()._make(row)

    def _record(self) -> Any:
        if self.Record is None:
            self.Record = self._make_nt()
        return self.Record

    def _make_nt(self) -> Any:
        """Return the class of the rows that the columns at hand ask for."""
        return self._cached_make_nt(tuple([column[0] for column in self.description or ()]))

    @classmethod
    def _do_make_nt(cls, key: tuple[str, ...]) -> Any:
        return namedtuple("Record", map(_as_field, key))  # noqa: PYI024 - made while running

    # A function with a cache, put here as a class method below, so that the cache can be seen.
    _cached_make_nt: Any


@lru_cache(NamedTupleCursor.MAX_CACHE)
def _cached_make_nt(cls: Any, key: tuple[str, ...]) -> Any:
    return cls._do_make_nt(key)


_cached: Any = _cached_make_nt
NamedTupleCursor._cached_make_nt = classmethod(_cached)


def _as_field(name: str) -> str:
    field = _re_clean.sub("_", name)
    return "f" + field if field[:1] == "_" or "0" <= field[:1] <= "9" else field


__all__ = ["NamedTupleConnection", "NamedTupleCursor", "ProgrammingError"]

"""How ranges are read, and how a range type of the database gets a class of its own."""

from __future__ import annotations

import re

from aya_db._adapters import register_adapter
from aya_db._catalog import found, solve_conn_curs, type_name
from aya_db._psycopg import (
    InterfaceError,
    ProgrammingError,
    new_array_type,
    new_type,
    register_type,
)
from aya_db._range._adapters import RangeAdapter
from aya_db._range._value import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Union

    from aya_db._psycopg import _Scope, _Typecaster, cursor

    _PyRange = Union[str, type[Range]]


def register_range(
    pgrange: str, pyrange: _PyRange, conn_or_curs: _Scope, globally: bool = False
) -> RangeCaster:
    """Have a range type of the database read as, and written from, a class of its own.

    Args:
        pgrange: the type's name, with its schema if that is not in the search path.
        pyrange: a subclass of `Range`, or the name of one that is to be made.
        conn_or_curs: where the type is looked up, and where its values are read.
        globally: read it so on every connection.

    Returns:
        The `RangeCaster` that was registered; its attribute ``range`` is the class.
    """
    caster = RangeCaster._from_db(pgrange, pyrange, conn_or_curs)
    caster._register(None if globally else conn_or_curs)
    return caster


def _is_strict_subclass(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Range) and kind is not Range


class RangeCaster:
    """Reads one range type.

    Args:
        pgrange: the type's name.
        pyrange: a subclass of `Range`, or the name of one that is to be made.
        oid: the type's OID.
        subtype_oid: the OID of the type of its ends.
        array_oid: the OID of its array type, if there is one.

    Attributes:
        range: the class of the values.
        adapter: the class that quotes them.
        typecaster: what reads the type.
        array_typecaster: what reads arrays of it, or ``None``.
    """

    adapter: type[RangeAdapter]
    range: type[Range]
    typecaster: _Typecaster
    array_typecaster: _Typecaster | None

    def __init__(
        self,
        pgrange: str,
        pyrange: _PyRange,
        oid: int,
        subtype_oid: int,
        array_oid: int | None = None,
    ) -> None:
        self.subtype_oid = subtype_oid
        self._create_ranges(pgrange, pyrange)
        name = self.adapter.name or self.adapter.__name__
        self.typecaster = new_type((oid,), name, self.parse)
        self.array_typecaster = None
        if array_oid is not None:
            self.array_typecaster = new_array_type((array_oid,), f"{name}ARRAY", self.typecaster)

    def parse(self, s: str | None, cur: cursor | None = None) -> Range | None:
        """Return the range that the server's text stands for."""
        if s is None:
            return None
        if s == "empty":
            return self.range(empty=True)
        match = self._re_range.match(s)
        if match is None:
            raise InterfaceError(f"failed to parse range: '{s}'")
        opening, lower_quoted, lower, upper_quoted, upper, closing = match.groups()
        return self.range(
            self._end(lower_quoted, lower, cur),
            self._end(upper_quoted, upper, cur),
            opening + closing,
        )

    # An end is empty (infinite), a word without anything special in it, or quoted.
    _END: ClassVar[str] = r'(?:"((?:[^"\\]|""|\\.)*)"|((?:[^"\\,\[\]()]|\\.)+))?'

    _re_range: ClassVar[re.Pattern[str]] = re.compile(
        r"\s*([\[(])" + _END + "," + _END + r"([\])])", re.DOTALL
    )

    _re_undouble: ClassVar[re.Pattern[str]] = re.compile(r'"(")|\\(.)', re.DOTALL)

    def _end(self, quoted: str | None, word: str | None, cur: Any) -> Any:
        raw = word if quoted is None else quoted
        if raw is None:
            return None
        return cur.cast(self.subtype_oid, self._re_undouble.sub(r"\1\2", raw))

    def _create_ranges(self, pgrange: str, pyrange: _PyRange) -> None:
        """Find or make the class of the values, and the class that quotes them."""
        if isinstance(pyrange, str):
            self.range = type(pyrange, (Range,), {"__module__": Range.__module__})
        elif _is_strict_subclass(pyrange):
            self.range = pyrange
        else:
            raise TypeError("pyrange must be a type or a Range strict subclass")
        self.adapter = type(pgrange, (RangeAdapter,), {"name": pgrange})

    @classmethod
    def _from_db(cls, name: str, pyrange: _PyRange, conn_or_curs: _Scope) -> RangeCaster:
        conn, curs = solve_conn_curs(conn_or_curs)
        with found(conn):
            # to_regtype follows the search path as a cast would, and gives NULL instead of an
            # error, which would end the transaction of the caller.
            curs.execute(
                "select t.oid, r.rngsubtype, t.typarray from pg_type t"
                " join pg_range r on r.rngtypid = t.oid"
                " where t.oid = to_regtype(%s)",
                (type_name(name),),
            )
            row = curs.fetchone()
        if row is None:
            raise ProgrammingError(f"PostgreSQL range '{name}' not found")
        oid, subtype_oid, array_oid = row
        return cls(name, pyrange, oid, subtype_oid, array_oid)

    def _register(self, scope: _Scope | None = None) -> None:
        register_type(self.typecaster, scope)
        if self.array_typecaster is not None:
            register_type(self.array_typecaster, scope)
        register_adapter(self.range, self.adapter)

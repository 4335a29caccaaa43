"""JSON in both directions: the adapter of Python values, and the typecasters of json and jsonb."""

from __future__ import annotations

import json

from aya_db._catalog import found, solve_conn_curs
from aya_db._psycopg import (
    ISQLQuote,
    ProgrammingError,
    QuotedString,
    new_array_type,
    new_type,
    register_type,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Optional

    from aya_db._psycopg import _Scope, _Typecaster, connection, cursor

    _Casters = tuple[_Typecaster, Optional[_Typecaster]]
    _Loads = Callable[[str], Any]

# Fixed by PostgreSQL's own catalogue.
JSON_OID = 114
JSONARRAY_OID = 199
JSONB_OID = 3802
JSONBARRAY_OID = 3807


class Json:
    """A Python value that goes to the server as JSON.

    Args:
        adapted: the value.
        dumps: makes a text of it; without one `dumps()` does, which a subclass may override.
    """

    def __init__(self, adapted: Any, dumps: Callable[[Any], str] | None = None) -> None:
        self.adapted = adapted
        self._conn: connection | None = None
        self._dumps: Callable[[Any], str] = json.dumps if dumps is None else dumps

    def __conform__(self, proto: object) -> Json | None:
        return self if proto is ISQLQuote else None

    def dumps(self, obj: Any) -> str:
        """Return the JSON text of ``obj``."""
        return self._dumps(obj)

    def prepare(self, conn: connection | None) -> None:
        """Quote the text as this connection needs it."""
        self._conn = conn

    def getquoted(self) -> bytes:
        """Return the JSON text as an SQL literal."""
        quoted = QuotedString(self.dumps(self.adapted))
        if self._conn is not None:
            quoted.prepare(self._conn)
        return quoted.getquoted()

    def __str__(self) -> str:
        # QuotedString without a connection knows ASCII alone, which is what json.dumps makes.
        return self.getquoted().decode("ascii", "replace")


def register_json(
    conn_or_curs: _Scope | None = None,
    globally: bool = False,
    loads: _Loads | None = None,
    oid: int | None = None,
    array_oid: int | None = None,
    name: str = "json",
) -> _Casters:
    """Have values of a JSON type read by ``loads``.

    Args:
        conn_or_curs: whose values; the catalogue is asked through it if ``oid`` is not given.
        globally: register for every connection.
        loads: makes a value of a text, by default `json.loads`.
        oid: the type's OID, if it is known.
        array_oid: the OID of its array type.
        name: the type's name, ``json`` or ``jsonb``.

    Returns:
        The typecasters of the type and of its array.
    """
    if oid is None:
        oid, array_oid = _get_json_oids(conn_or_curs, name)
    caster, array_caster = _create_json_typecasters(oid, array_oid, loads=loads, name=name.upper())
    scope = None if globally else conn_or_curs
    register_type(caster, scope)
    if array_caster is not None:
        register_type(array_caster, scope)
    return caster, array_caster


def register_default_json(
    conn_or_curs: _Scope | None = None, globally: bool = False, loads: _Loads | None = None
) -> tuple[_Typecaster, _Typecaster]:
    """Have ``json`` read by ``loads``; its OIDs are the same in every database."""
    return _register_builtin(conn_or_curs, globally, loads, JSON_OID, JSONARRAY_OID, "json")


def register_default_jsonb(
    conn_or_curs: _Scope | None = None, globally: bool = False, loads: _Loads | None = None
) -> tuple[_Typecaster, _Typecaster]:
    """Have ``jsonb`` read by ``loads``; its OIDs are the same in every database."""
    return _register_builtin(conn_or_curs, globally, loads, JSONB_OID, JSONBARRAY_OID, "jsonb")


def _register_builtin(
    scope: _Scope | None,
    globally: bool,
    loads: _Loads | None,
    oid: int,
    array_oid: int,
    name: str,
) -> tuple[_Typecaster, _Typecaster]:
    caster, array_caster = register_json(scope, globally, loads, oid, array_oid, name)
    if array_caster is None:
        raise ProgrammingError(f"{name} has no array type")
    return caster, array_caster


def _create_json_typecasters(
    oid: int, array_oid: int | None, loads: _Loads | None = None, name: str = "JSON"
) -> _Casters:
    read = json.loads if loads is None else loads

    def cast(text: str | None, _cur: cursor) -> Any:
        return None if text is None else read(text)

    caster = new_type((oid,), name, cast)
    if array_oid is None:
        return caster, None
    return caster, new_array_type((array_oid,), f"{name}ARRAY", caster)


def _get_json_oids(conn_or_curs: _Scope | None, name: str = "json") -> tuple[int, int]:
    conn, curs = solve_conn_curs(conn_or_curs)
    with found(conn):
        curs.execute("select oid, typarray from pg_type where typname = %s", (name,))
        row = curs.fetchone()
    if row is None:
        raise ProgrammingError(f"{name} data type not found")
    return row[0], row[1]

"""hstore as dictionaries of texts."""

from __future__ import annotations

import re
from operator import index

from aya_db._adapters import register_adapter
from aya_db._catalog import found, solve_conn_curs
from aya_db._psycopg import (
    InterfaceError,
    ProgrammingError,
    adapt,
    encodings,
    new_array_type,
    new_type,
    register_type,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from aya_db._psycopg import _Scope, connection, cursor

    _Dict = Mapping[str, "str | None"]

# `hstore(text[], text[])` came with this version.
_FIRST_WITH_ARRAYS = 90000


class HstoreAdapter:
    """Writes a dictionary as an hstore, and reads one.

    Args:
        wrapped: the dictionary.
    """

    conn: connection

    def __init__(self, wrapped: _Dict) -> None:
        self.wrapped = wrapped

    def prepare(self, conn: connection) -> None:
        """Write it as this connection's server understands it."""
        self.conn = conn

    def getquoted(self) -> bytes:
        """Return the dictionary as SQL."""
        if self.conn.info.server_version < _FIRST_WITH_ARRAYS:
            return self._getquoted_8()
        return self._getquoted_9()

    def _getquoted_8(self) -> bytes:
        """Join pairs, for servers without the constructor from arrays."""
        if not self.wrapped:
            return b"''::hstore"
        pairs = []
        for key, value in self.wrapped.items():
            quoted = b"NULL" if value is None else self._quote(value)
            pairs.append(b"(%s => %s)" % (self._quote(key), quoted))
        return b"(" + b"||".join(pairs) + b")"

    def _getquoted_9(self) -> bytes:
        """Call the constructor with the keys and the values."""
        if not self.wrapped:
            return b"''::hstore"
        keys = self._quote(list(self.wrapped.keys()))
        values = self._quote(list(self.wrapped.values()))
        return b"hstore(%s, %s)" % (keys, values)

    def _quote(self, value: Any) -> bytes:
        part = adapt(value)
        if hasattr(part, "prepare"):
            part.prepare(self.conn)
        quoted: bytes = part.getquoted()
        return quoted

    # A key in quotes, an arrow, and a value in quotes or NULL; then a comma or the end.
    _re_hstore: ClassVar[re.Pattern[str]] = re.compile(
        r'"((?:[^"\\]|\\.)*)"\s*=>\s*(?:NULL|"((?:[^"\\]|\\.)*)")\s*(?:,\s*|\Z)', re.DOTALL
    )

    @classmethod
    def parse(
        cls,
        s: str | None,
        cur: cursor | None,
        _bsdec: re.Pattern[str] = re.compile(r"\\(.)", re.DOTALL),
    ) -> dict[str, str | None] | None:
        """Return the dictionary that the server's text stands for."""
        if s is None:
            return None
        pairs: dict[str, str | None] = {}
        place = 0
        while place < len(s):
            match = cls._re_hstore.match(s, place)
            if match is None:
                # What follows is another pair, or nothing that could be one.
                more = cls._re_hstore.search(s, place) is not None
                what = " pair at char" if more else ": unparsed data after char"
                raise InterfaceError(f"error parsing hstore{what} {place}")
            key, value = match.groups()
            if value is not None:
                value = _bsdec.sub(r"\1", value)
            pairs[_bsdec.sub(r"\1", key)] = value
            place = match.end()
        return pairs

    @classmethod
    def parse_unicode(cls, s: Any, cur: cursor) -> dict[str, str | None] | None:
        """Return the dictionary that the server's bytes stand for."""
        if isinstance(s, bytes):
            s = s.decode(encodings[cur.connection.encoding])
        return cls.parse(s, cur)

    @classmethod
    def get_oids(cls, conn_or_curs: _Scope) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the OIDs of every hstore type of the database, and of their arrays.

        The extension may be installed in several schemas, and be found by none of the search path.
        """
        conn, curs = solve_conn_curs(conn_or_curs)
        with found(conn):
            curs.execute("select oid, typarray from pg_type where typname = 'hstore'")
            rows = curs.fetchall()
        return tuple([row[0] for row in rows]), tuple([row[1] for row in rows if row[1]])


def register_hstore(
    conn_or_curs: _Scope | None,
    globally: bool = False,
    unicode: bool = False,
    oid: int | Sequence[int] | None = None,
    array_oid: int | Sequence[int] | None = None,
) -> None:
    """Have hstore read as, and written from, dictionaries.

    Writing is registered for every connection, and then takes every dictionary for an hstore.

    Args:
        conn_or_curs: where it is read; the catalogue is asked through it if ``oid`` is not given.
        globally: read it so on every connection.
        unicode: has no meaning any more; texts are texts.
        oid: the OID of the type, or several.
        array_oid: the OID of the array type, or several.
    """
    if oid is None:
        oids, array_oids = HstoreAdapter.get_oids(conn_or_curs)  # type: ignore[arg-type]
        if not oids:
            raise ProgrammingError(
                "hstore type not found in the database; create it with CREATE EXTENSION hstore"
            )
    else:
        oids, array_oids = _as_tuple(oid), _as_tuple(array_oid)
    caster = new_type(oids, "HSTORE", HstoreAdapter.parse)
    scope = None if globally else conn_or_curs
    register_type(caster, scope)
    register_adapter(dict, HstoreAdapter)
    if array_oids:
        register_type(new_array_type(array_oids, "HSTOREARRAY", caster), scope)


def _as_tuple(oid: int | Sequence[int] | None) -> tuple[int, ...]:
    if oid is None:
        return ()
    return (oid,) if isinstance(oid, int) else tuple(map(index, oid))

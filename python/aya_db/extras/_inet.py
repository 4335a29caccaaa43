"""inet as a class of its own, from before the module `ipaddress`."""

from __future__ import annotations

import warnings

from aya_db._psycopg import ISQLQuote, adapt, new_array_type, new_type, register_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from aya_db._psycopg import _Scope, _Typecaster, connection, cursor


class Inet:
    """An address, kept as the text that it is.

    New code wants `register_ipaddress()`.

    Args:
        addr: the address.
    """

    _conn: connection | None = None

    def __init__(self, addr: str) -> None:
        self.addr = addr

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.addr!r})"

    def __str__(self) -> str:
        return str(self.addr)

    def __conform__(self, proto: object) -> Inet | None:
        return self if proto is ISQLQuote else None

    def prepare(self, conn: connection | None) -> None:
        """Quote the text as this connection needs it."""
        self._conn = conn

    def getquoted(self) -> bytes:
        """Return the address as SQL."""
        text = adapt(self.addr)
        if self._conn is not None and hasattr(text, "prepare"):
            text.prepare(self._conn)
        quoted: bytes = text.getquoted()
        return quoted + b"::inet"


def register_inet(
    oid: int | Sequence[int] | None = None, conn_or_curs: _Scope | None = None
) -> _Typecaster:
    """Have inet read as `Inet`.

    Args:
        oid: the OID of the type, or of the type and its array; by default PostgreSQL's.
        conn_or_curs: where it is read so; by default everywhere.

    Returns:
        The typecaster of the type.
    """
    warnings.warn(
        "the inet adapter is deprecated, it's not very useful",
        DeprecationWarning,
        stacklevel=2,
    )
    inet_oid, array_oid = 869, 1041
    if isinstance(oid, int):
        inet_oid = oid
    elif oid is not None:
        inet_oid, array_oid = oid
    caster = new_type((inet_oid,), "INET", _read)
    register_type(caster, conn_or_curs)
    register_type(new_array_type((array_oid,), "INETARRAY", caster), conn_or_curs)
    return caster


def _read(text: str | None, _cur: cursor) -> Inet | None:
    return Inet(text) if text else None

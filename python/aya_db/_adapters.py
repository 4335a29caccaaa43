"""The registry of adapters, and the adapters that need no speed."""

from __future__ import annotations

from aya_db._psycopg import ISQLQuote, adapt, adapters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from aya_db._psycopg import connection


def register_adapter(typ: type[Any], callable: Callable[[Any], Any]) -> None:
    """Have values of ``typ`` quoted by what ``callable`` makes of them.

    Args:
        typ: the Python type.
        callable: called with a value; what it returns has a ``getquoted()``.
    """
    adapters[typ, ISQLQuote] = callable


class SQL_IN:
    """A tuple as the list of values that follows ``IN``, or as a row."""

    def __init__(self, seq: Iterable[Any]) -> None:
        self._seq = seq
        self._conn: connection | None = None

    def prepare(self, conn: connection | None) -> None:
        """Quote the values as this connection needs them."""
        self._conn = conn

    def getquoted(self) -> bytes:
        """Return the values, quoted, in parentheses."""
        parts = [adapt(value) for value in self._seq]
        if self._conn is not None:
            for part in parts:
                prepare = getattr(part, "prepare", None)
                if prepare is not None:
                    prepare(self._conn)
        return b"(" + b", ".join([part.getquoted() for part in parts]) + b")"

    def __str__(self) -> str:
        return str(self.getquoted())


class NoneAdapter:
    """``None`` is NULL, whatever the connection."""

    def __init__(self, obj: object) -> None:
        """Take the one value there is."""

    def getquoted(self, _null: bytes = b"NULL") -> bytes:
        """Return NULL."""
        return _null


register_adapter(tuple, SQL_IN)
register_adapter(type(None), NoneAdapter)

"""How ranges are quoted."""

from __future__ import annotations

from aya_db._psycopg import ISQLQuote, adapt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from aya_db._psycopg import connection
    from aya_db._range._value import Range


class RangeAdapter:
    """Writes a range as a call of its type's constructor, with its ends adapted on their own."""

    # The name of the PostgreSQL type, which subclasses give.
    name: ClassVar[str | None] = None

    _conn: connection | None = None

    def __init__(self, adapted: Range) -> None:
        self.adapted = adapted

    def __conform__(self, proto: object) -> RangeAdapter | None:
        return self if proto is ISQLQuote else None

    def prepare(self, conn: connection | None) -> None:
        """Quote the ends as this connection needs them."""
        self._conn = conn

    def getquoted(self) -> bytes:
        """Return the range as SQL."""
        if self.name is None:
            raise NotImplementedError(
                "RangeAdapter must be subclassed overriding its name or the getquoted() method"
            )
        name = self.name.encode("utf8")
        adapted = self.adapted
        if adapted._bounds is None:
            return b"'empty'::" + name
        ends = self._end(adapted.lower), self._end(adapted.upper)
        return name + b"(%s, %s, '%s')" % (*ends, adapted._bounds.encode("utf8"))

    def _end(self, value: Any) -> bytes:
        if value is None:
            return b"NULL"
        part = adapt(value)
        prepare = getattr(part, "prepare", None)
        if prepare is not None and self._conn is not None:
            prepare(self._conn)
        quoted: bytes = part.getquoted()
        return quoted


class NumberRangeAdapter(RangeAdapter):
    """Writes a range of numbers as an untyped literal, which fits every type of such a range."""

    def getquoted(self) -> bytes:
        """Return the range as SQL."""
        adapted = self.adapted
        if adapted._bounds is None:
            return b"'empty'"
        # Numbers need no quoting, and a negative one no space in front of it.
        lower = b"" if adapted.lower is None else self._end(adapted.lower).strip()
        upper = b"" if adapted.upper is None else self._end(adapted.upper).strip()
        bounds = adapted._bounds.encode("ascii")
        return b"'" + bounds[:1] + lower + b"," + upper + bounds[1:] + b"'"

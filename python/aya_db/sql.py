"""SQL put together from parts, each of which knows how it is written safely.

A part is text that the program wrote (`SQL`), a name (`Identifier`), a value (`Literal`) or the
place of a value to come (`Placeholder`). A query made of them is passed to ``execute()`` as it is.
"""

from __future__ import annotations

import string

from aya_db import extensions as ext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from aya_db._psycopg import _Scope

_formatter = string.Formatter()


class Composable:
    """Anything that can be a part of a query.

    Parts are added with ``+`` and repeated with ``*``; both give a `Composed`.
    """

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._wrapped!r})"

    def as_string(self, context: _Scope) -> str:
        """Return the part as text.

        Args:
            context: the connection or cursor whose rules of quoting and encoding hold.
        """
        raise NotImplementedError

    def __add__(self, other: Composable) -> Composed:
        if isinstance(other, Composed):
            return Composed([self]) + other
        if isinstance(other, Composable):
            return Composed([self]) + Composed([other])
        return NotImplemented

    def __mul__(self, n: int) -> Composed:
        return Composed([self] * n)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._wrapped == other._wrapped

    def __ne__(self, other: object) -> bool:
        return not self == other

    # What is wrapped may be a list.
    __hash__ = None  # type: ignore[assignment]


class Composed(Composable):
    """A sequence of parts.

    Args:
        seq: the parts.
    """

    _wrapped: list[Composable]

    def __init__(self, seq: Iterable[Any]) -> None:
        parts = []
        for part in seq:
            if not isinstance(part, Composable):
                raise TypeError(f"Composed elements must be Composable, got {part!r} instead")
            parts.append(part)
        super().__init__(parts)

    @property
    def seq(self) -> list[Composable]:
        """A list of the parts."""
        return list(self._wrapped)

    def as_string(self, context: _Scope) -> str:
        """Return the parts as text, one after the other."""
        return "".join([part.as_string(context) for part in self._wrapped])

    def __iter__(self) -> Iterator[Composable]:
        return iter(self._wrapped)

    def __add__(self, other: Composable) -> Composed:
        if isinstance(other, Composed):
            return Composed(self._wrapped + other._wrapped)
        if isinstance(other, Composable):
            return Composed([*self._wrapped, other])
        return NotImplemented

    def join(self, joiner: str | SQL) -> Composed:
        """Return the parts with ``joiner`` between each two of them."""
        if isinstance(joiner, str):
            joiner = SQL(joiner)
        elif not isinstance(joiner, SQL):
            raise TypeError("Composed.join() argument must be a string or an SQL")
        return joiner.join(self)


class SQL(Composable):
    """A piece of SQL that goes to the server as it is written.

    Never wrap what came from outside of the program: nothing is escaped.
    """

    _wrapped: str

    def __init__(self, string: str) -> None:
        if not isinstance(string, str):
            raise TypeError("SQL values must be strings")
        super().__init__(string)

    @property
    def string(self) -> str:
        """The text."""
        return self._wrapped

    def as_string(self, context: _Scope) -> str:
        """Return the text."""
        return self._wrapped

    def format(self, *args: Any, **kwargs: Any) -> Composed:
        """Put parts in the places of the text.

        Places are written ``{}``, ``{0}`` or ``{name}`` as for `str.format`, without attributes,
        conversions or format specifications. Places of values (``%s``) are left alone.

        Raises:
            IndexError: a place has no argument.
            KeyError: a name has no argument.
            TypeError: an argument is no `Composable`.
            ValueError: the text is malformed, or mixes ``{}`` with ``{0}``.
        """
        parts: list[Any] = []
        # The number of the next `{}`; None once numbers were written out.
        automatic: int | None = 0
        for text, name, spec, conversion in _formatter.parse(self._wrapped):
            if spec:
                raise ValueError("no format specification supported by SQL")
            if conversion:
                raise ValueError("no format conversion supported by SQL")
            if text:
                parts.append(SQL(text))
            if name is None:
                continue
            if name.isdigit():
                if automatic:
                    raise ValueError("cannot switch from automatic field numbering to manual")
                automatic = None
                parts.append(args[int(name)])
            elif not name:
                if automatic is None:
                    raise ValueError("cannot switch from manual field numbering to automatic")
                parts.append(args[automatic])
                automatic += 1
            else:
                parts.append(kwargs[name])
        return Composed(parts)

    def join(self, seq: Iterable[Any]) -> Composed:
        """Return the parts of ``seq`` with this text between each two of them."""
        parts: list[Any] = []
        for part in seq:
            if parts:
                parts.append(self)
            parts.append(part)
        return Composed(parts)


class Identifier(Composable):
    """A name, or several that a dot goes between: a schema and a table, a table and a column.

    Args:
        *strings: the names, unquoted.
    """

    _wrapped: tuple[str, ...]

    def __init__(self, *strings: str) -> None:
        if not strings:
            raise TypeError("Identifier cannot be empty")
        for name in strings:
            if not isinstance(name, str):
                raise TypeError("SQL identifier parts must be strings")
        super().__init__(strings)

    @property
    def strings(self) -> tuple[str, ...]:
        """The names."""
        return self._wrapped

    @property
    def string(self) -> str:
        """The name, if there is only one."""
        if len(self._wrapped) == 1:
            return self._wrapped[0]
        raise AttributeError("the Identifier wraps more than one than one string")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._wrapped))})"

    def as_string(self, context: _Scope) -> str:
        """Return the names, quoted, with dots between them."""
        return ".".join([ext.quote_ident(name, context) for name in self._wrapped])


class Literal(Composable):
    """A value that is written into the text of the query.

    Args:
        wrapped: a value that can be adapted.
    """

    @property
    def wrapped(self) -> Any:
        """The value."""
        return self._wrapped

    def as_string(self, context: _Scope) -> str:
        """Return the value, quoted."""
        if isinstance(context, ext.connection):
            conn = context
        elif isinstance(context, ext.cursor):
            conn = context.connection
        else:
            raise TypeError("context must be a connection or a cursor")
        adapted = ext.adapt(self._wrapped)
        if hasattr(adapted, "prepare"):
            adapted.prepare(conn)
        quoted: bytes | str = adapted.getquoted()
        if isinstance(quoted, bytes):
            return quoted.decode(ext.encodings[conn.encoding])
        return quoted


class Placeholder(Composable):
    """The place of a value that is passed to ``execute()``.

    Args:
        name: the name of the value, if the values are passed by name.
    """

    _wrapped: str | None

    def __init__(self, name: str | None = None) -> None:
        if isinstance(name, str):
            if ")" in name:
                raise ValueError(f"invalid name: {name!r}")
        elif name is not None:
            raise TypeError(f"expected string or None as name, got {name!r}")
        super().__init__(name)

    @property
    def name(self) -> str | None:
        """The name, if there is one."""
        return self._wrapped

    def __repr__(self) -> str:
        name = "" if self._wrapped is None else repr(self._wrapped)
        return f"{type(self).__name__}({name})"

    def as_string(self, context: _Scope) -> str:
        """Return the place as ``execute()`` reads it."""
        return "%s" if self._wrapped is None else f"%({self._wrapped})s"


NULL = SQL("NULL")
DEFAULT = SQL("DEFAULT")

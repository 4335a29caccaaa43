"""Composite types as named tuples."""

from __future__ import annotations

import re
from collections import namedtuple

from aya_db._catalog import found, solve_conn_curs, type_name
from aya_db._psycopg import (
    DataError,
    ProgrammingError,
    new_array_type,
    new_type,
    register_type,
)
from aya_db.extras._named_tuples import _as_field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, ClassVar

    from aya_db._psycopg import _Scope, _Typecaster, cursor


class CompositeCaster:
    """Reads one composite type. Subclasses override `make()` to give something else than a tuple.

    Args:
        name: the type's name.
        oid: the type's OID.
        attrs: the names of its attributes, each with the OID of its type.
        array_oid: the OID of its array type, if there is one.
        schema: the schema it is in.

    Attributes:
        type: the class of the values.
        attnames: the names of the attributes.
        atttypes: the OIDs of their types.
        typecaster: what reads the type.
        array_typecaster: what reads arrays of it, or ``None``.
    """

    type: Any
    array_typecaster: _Typecaster | None

    def __init__(
        self,
        name: str,
        oid: int,
        attrs: Sequence[tuple[str, int]],
        array_oid: int | None = None,
        schema: str | None = None,
    ) -> None:
        self.name = name
        self.schema = schema
        self.oid = oid
        self.array_oid = array_oid
        self.attnames = [attr[0] for attr in attrs]
        self.atttypes = [attr[1] for attr in attrs]
        self._create_type(name, self.attnames)
        self.typecaster = new_type((oid,), name, self.parse)
        self.array_typecaster = None
        if array_oid:
            self.array_typecaster = new_array_type((array_oid,), f"{name}ARRAY", self.typecaster)

    def parse(self, s: str | None, curs: cursor) -> Any:
        """Return the value that the server's text stands for."""
        if s is None:
            return None
        tokens = self.tokenize(s)
        if len(tokens) != len(self.atttypes):
            raise DataError(
                f"expecting {len(self.atttypes)} components for the type {self.name},"
                f" {len(tokens)} found instead"
            )
        return self.make([curs.cast(oid, token) for oid, token in zip(self.atttypes, tokens)])

    def make(self, values: list[Any]) -> Any:
        """Return the value that is made of these attributes."""
        return self.type._make(values)

    # What is in front of a comma or of the closing parenthesis: nothing, something in quotes, or a
    # word without anything special in it.
    _re_tokenize: ClassVar[re.Pattern[str]] = re.compile(
        r'\(?(?:"((?:[^"]|"")*)"|([^",)]*))[,)]', re.DOTALL
    )

    _re_undouble: ClassVar[re.Pattern[str]] = re.compile(r'(["\\])\1')

    @classmethod
    def tokenize(cls, s: str) -> list[str | None]:
        """Return the texts of the attributes; ``None`` for those that are NULL."""
        tokens: list[str | None] = []
        for match in cls._re_tokenize.finditer(s):
            quoted, word = match.groups()
            if quoted is not None:
                tokens.append(cls._re_undouble.sub(r"\1", quoted))
            else:
                tokens.append(word or None)
        return tokens

    def _create_type(self, name: str, attnames: list[str]) -> None:
        fields = map(_as_field, attnames)
        self.type = namedtuple(_as_field(name), fields)  # type: ignore[misc]  # noqa: PYI024

    @classmethod
    def _from_db(cls, name: str, conn_or_curs: _Scope) -> CompositeCaster:
        conn, curs = solve_conn_curs(conn_or_curs)
        with found(conn):
            # to_regtype follows the search path as a cast would, and gives NULL instead of an
            # error, which would end the transaction of the caller.
            curs.execute(
                "select t.typname, t.oid, t.typarray, n.nspname, a.attname, a.atttypid"
                " from pg_type t"
                " join pg_namespace n on n.oid = t.typnamespace"
                " join pg_attribute a on a.attrelid = t.typrelid"
                " where t.oid = to_regtype(%s) and a.attnum > 0 and not a.attisdropped"
                " order by a.attnum",
                (type_name(name),),
            )
            rows = curs.fetchall()
        if not rows:
            raise ProgrammingError(f"PostgreSQL type '{name}' not found")
        typname, oid, array_oid, schema = rows[0][:4]
        attrs = [(row[4], row[5]) for row in rows]
        return cls(typname, oid, attrs, array_oid=array_oid, schema=schema)


def register_composite(
    name: str,
    conn_or_curs: _Scope,
    globally: bool = False,
    factory: Callable[..., CompositeCaster] | None = None,
) -> CompositeCaster:
    """Have a composite type read as a named tuple.

    Args:
        name: the type's name, with its schema if that is not in the search path. A table has a
            type of its name.
        conn_or_curs: where the type is looked up, and where its values are read.
        globally: read it so on every connection.
        factory: a subclass of `CompositeCaster` to read it with.

    Returns:
        The `CompositeCaster` that was registered.
    """
    caster_class: Any = CompositeCaster if factory is None else factory
    caster: CompositeCaster = caster_class._from_db(name, conn_or_curs)
    scope = None if globally else conn_or_curs
    register_type(caster.typecaster, scope)
    if caster.array_typecaster is not None:
        register_type(caster.array_typecaster, scope)
    return caster

"""uuid as the objects of the module `uuid`."""

from __future__ import annotations

import uuid

from aya_db._adapters import register_adapter
from aya_db._psycopg import ISQLQuote, new_array_type, new_type, register_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from aya_db._psycopg import _Scope, _Typecaster, cursor


class UUID_adapter:
    """Writes a UUID.

    Args:
        uuid: the value.
    """

    def __init__(self, uuid: uuid.UUID) -> None:
        self._uuid = uuid

    def __conform__(self, proto: object) -> UUID_adapter | None:
        return self if proto is ISQLQuote else None

    def getquoted(self) -> bytes:
        """Return the value as SQL."""
        return f"'{self._uuid}'::uuid".encode()

    def __str__(self) -> str:
        return f"'{self._uuid}'::uuid"


def register_uuid(
    oids: int | Sequence[int] | None = None, conn_or_curs: _Scope | None = None
) -> _Typecaster:
    """Have uuid read as, and written from, `uuid.UUID`.

    Args:
        oids: the OID of the type, or of the type and its array; by default PostgreSQL's.
        conn_or_curs: where it is read so; by default everywhere.

    Returns:
        The typecaster of the type.
    """
    oid, array_oid = 2950, 2951
    if isinstance(oids, int):
        oid = oids
    elif oids is not None:
        oid, array_oid = oids
    caster = new_type((oid,), "UUID", _read)
    register_type(caster, conn_or_curs)
    register_type(new_array_type((array_oid,), "UUID[]", caster), conn_or_curs)
    register_adapter(uuid.UUID, UUID_adapter)
    return caster


def _read(text: str | None, _cur: cursor) -> uuid.UUID | None:
    return None if text is None else uuid.UUID(text)

"""Questions to the server's catalogue, and how to ask them without leaving a trace."""

from __future__ import annotations

from aya_db._psycopg import ProgrammingError, cursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from aya_db._psycopg import _Scope, connection

_STATUS_READY = 1


def solve_conn_curs(conn_or_curs: _Scope | None) -> tuple[connection, cursor]:
    """Return a connection and a plain cursor on it, given either of them.

    The cursor is always of the base class: a dictionary cursor's rows have no numbered columns.
    """
    if conn_or_curs is None:
        raise ProgrammingError("no connection or cursor provided")
    # A cursor has a connection; a connection has none. Anything else fails at `.cursor`.
    conn: Any = conn_or_curs if hasattr(conn_or_curs, "cursor") else conn_or_curs.connection
    return conn, conn.cursor(cursor_factory=cursor)


def type_name(name: object) -> str:
    """Return ``name``, if it is a text; the server's complaint would end a transaction."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a type must be a string, got {type(name).__name__}")
    return name


class found:
    """Leaves a connection in the state it was found in, for the time of a question.

    A question opens a transaction. Unless there was one already, it is rolled back, so that a
    connection that looked idle to its owner still does.
    """

    def __init__(self, conn: connection) -> None:
        self._conn = conn
        self._was_idle = conn.status == _STATUS_READY and not conn.autocommit

    def __enter__(self) -> None:
        """Nothing is needed in front of the question."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._was_idle and not self._conn.closed:
            self._conn.rollback()

"""A PostgreSQL driver that survives a failover, with the face of psycopg2.

`connect()` takes what ``psycopg2.connect()`` takes and gives what it gives. An application changes
one import, or none: `install_as_psycopg2()` makes ``import psycopg2`` mean this package.
"""

from __future__ import annotations

from decimal import Decimal as _PyDecimal

from aya_db import extensions as _ext
from aya_db._alias import install_as_psycopg2
from aya_db._psycopg import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    DatabaseError,
    DataError,
    Date,
    DateFromTicks,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    Warning,
    __libpq_version__,
    __version__,
    _connect,
    apilevel,
    paramstyle,
    threadsafety,
)
from aya_db._psycopg import Decimal as _DecimalAdapter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    from aya_db import aio as aio
    from aya_db._psycopg import connection, cursor
    from aya_db.status import ClusterStatus as ClusterStatus
    from aya_db.status import NodeStatus as NodeStatus
    from aya_db.status import cluster_status as cluster_status
    from aya_db.transactions import retryable as retryable
    from aya_db.transactions import run_transaction as run_transaction

    _ConnectionT = TypeVar("_ConnectionT")
else:

    def overload(function):
        """Let the signatures below be, without loading `typing` for them."""
        return function


@overload
def connect(
    dsn: str | None = None,
    connection_factory: None = None,
    cursor_factory: Callable[..., cursor] | None = None,
    **kwargs: Any,
) -> connection: ...


@overload
def connect(
    dsn: str | None,
    connection_factory: Callable[..., _ConnectionT],
    cursor_factory: Callable[..., cursor] | None = None,
    **kwargs: Any,
) -> _ConnectionT: ...


@overload
def connect(
    dsn: str | None = None,
    *,
    connection_factory: Callable[..., _ConnectionT],
    cursor_factory: Callable[..., cursor] | None = None,
    **kwargs: Any,
) -> _ConnectionT: ...


def connect(
    dsn: str | None = None,
    connection_factory: Callable[..., Any] | None = None,
    cursor_factory: Callable[..., cursor] | None = None,
    **kwargs: Any,
) -> Any:
    """Open a connection.

    What to connect to is said by a connection string, by keywords, or by both, in which case the
    keywords win: ``connect("dbname=shop user=app", host="db1,db2")``.

    Args:
        dsn: a connection string as libpq reads it, with this package's own parameters.
        connection_factory: makes the connection, by default `extensions.connection`.
        cursor_factory: makes the cursors of the connection unless `cursor()` is told otherwise.
        **kwargs: the parameters of the connection string; ``database`` stands for ``dbname``, and
            ``async_`` (or ``async``) asks for a connection that never blocks. ``failover=True``
            has the connection outlive its server, as it does with several hosts and where etcd or
            Patroni is named; ``readonly=True`` reads, on a standby if there is one;
            ``after=token`` reads what that `connection.causal_token` stands for, or later.

    Returns:
        The connection.
    """
    asynchronous = {name: kwargs.pop(name) for name in ("async", "async_") if name in kwargs}
    readonly, after = kwargs.pop("readonly", None), kwargs.pop("after", None)
    failover = kwargs.get("failover")
    if isinstance(failover, bool):
        kwargs["failover"] = "on" if failover else "off"
    if readonly and "target_session_attrs" not in kwargs:
        kwargs["target_session_attrs"] = "prefer-standby"
    dsn = _ext.make_dsn(dsn, **kwargs)
    conn = _connect(dsn, connection_factory=connection_factory, **asynchronous)
    if cursor_factory is not None:
        conn.cursor_factory = cursor_factory
    if readonly is not None:
        conn.readonly = readonly
    if after is not None:
        conn._stand_behind(after)
    return conn


# What few programs need is loaded when it is asked for: importing the package is to cost little.
_LATER = {
    "ClusterStatus": "aya_db.status",
    "NodeStatus": "aya_db.status",
    "cluster_status": "aya_db.status",
    "retryable": "aya_db.transactions",
    "run_transaction": "aya_db.transactions",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name == "aio":
        return import_module("aya_db.aio")
    if name == "__aya_version__":
        from importlib.metadata import version

        return version("aya_db")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_ext.register_adapter(_PyDecimal, _DecimalAdapter)

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "__libpq_version__",
    "__version__",
    "apilevel",
    "connect",
    "install_as_psycopg2",
    "paramstyle",
    "threadsafety",
]

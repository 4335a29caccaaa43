"""Transactions that are run again, from their beginning, where that does no harm."""

from __future__ import annotations

import contextlib
import functools
import random
import time
from typing import TYPE_CHECKING, Any, TypeVar, overload

from aya_db.errors import (
    CommitUnknown,
    DeadlockDetected,
    OperationalError,
    SerializationFailure,
    TransactionLost,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aya_db._psycopg import connection
    from aya_db.pool import AbstractConnectionPool

    _T = TypeVar("_T")
    _F = TypeVar("_F", bound=Callable[..., Any])

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 1.0


def is_repeatable(error: BaseException) -> bool:
    """Return whether a transaction that raised this is not committed and may be run again.

    That are serialization failures, deadlocks, and what a failover has ended.
    """
    if isinstance(error, CommitUnknown):
        return False
    if isinstance(error, (SerializationFailure, DeadlockDetected, TransactionLost)):
        return True
    return isinstance(error, OperationalError) and error.fate in ("not_sent", "rolled_back")


def run_transaction(
    conn_or_pool: connection | AbstractConnectionPool,
    fn: Callable[[connection], _T],
    *,
    attempts: int = 10,
    isolation_level: int | str | None = None,
    readonly: bool | None = None,
) -> _T:
    """Run ``fn`` in a transaction and commit it; run it again as long as that does no harm.

    ``fn`` must have no effect outside of the transaction: it may run more than once, and only the
    last run counts. After a commit of which nobody knows what became (`CommitUnknown`) it does not
    run again.

    Args:
        conn_or_pool: a connection on which no transaction is open, or a pool that lends one.
        fn: called with the connection; what it returns is returned.
        attempts: how often it is run at the most.
        isolation_level: the level of its transactions, where the connection's will not do.
        readonly: whether they cannot write, likewise.

    Raises:
        Error: the last error, if ``fn`` failed ``attempts`` times, or with an error that another
            run would not cure.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, got {attempts}")
    getconn: Any = getattr(conn_or_pool, "getconn", None)
    if getconn is None:
        conn: Any = conn_or_pool
        return _run(conn, fn, attempts, isolation_level, readonly)
    pool: Any = conn_or_pool
    conn = getconn()
    try:
        return _run(conn, fn, attempts, isolation_level, readonly)
    finally:
        pool.putconn(conn)


def _run(
    conn: connection,
    fn: Callable[[connection], _T],
    attempts: int,
    isolation_level: int | str | None,
    readonly: bool | None,
) -> _T:
    before = (conn.isolation_level, conn.readonly, conn.autocommit)
    conn.set_session(isolation_level=isolation_level, readonly=readonly, autocommit=False)
    try:
        pause = _FIRST_PAUSE
        for attempt in range(1, attempts + 1):
            try:
                result = fn(conn)
                conn.commit()
            except BaseException as error:
                _roll_back(conn)
                if attempt == attempts or not is_repeatable(error):
                    raise
            else:
                return result
            # Who failed together should not come back together.
            time.sleep(random.uniform(0, pause))
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise AssertionError("the last attempt returns or raises")
    finally:
        if not conn.closed:
            conn.isolation_level, conn.readonly = before[0], before[1]
            conn.autocommit = before[2]


def _roll_back(conn: connection) -> None:
    # The error that it follows says more than one of its own.
    with contextlib.suppress(OperationalError):
        if not conn.closed:
            conn.rollback()


@overload
def retryable(fn: _F) -> _F: ...


@overload
def retryable(
    *,
    attempts: int = ...,
    isolation_level: int | str | None = ...,
    readonly: bool | None = ...,
) -> Callable[[_F], _F]: ...


def retryable(fn: Any = None, **options: Any) -> Any:
    """Make a function of a connection, or of a pool, run as `run_transaction` does.

    The connection is its first argument.

    Example::

        @aya_db.retryable
        def transfer(conn, source, target, amount): ...

        @aya_db.retryable(isolation_level="serializable", attempts=5)
        def settle(conn): ...
    """
    if fn is None:
        return functools.partial(retryable, **options)

    @functools.wraps(fn)
    def run(conn_or_pool: Any, *args: Any, **kwargs: Any) -> Any:
        return run_transaction(conn_or_pool, lambda conn: fn(conn, *args, **kwargs), **options)

    return run

"""A connector for agents: pooled, retrying, configured by the environment.

Example::

    from aya_db.postgres_connector import PostgresConnector

    db = PostgresConnector()  # DATABASE_URL, or PGHOST and the others
    for row in db.query("select id, name from item where price < %s", (10,)):
        print(row["name"])
    with db.transaction() as cur:
        cur.execute("update account set balance = balance - 1 where id = %s", (7,))
    print(db.health())
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import aya_db
from aya_db.extras import RealDictCursor
from aya_db.pool import PoolError, ThreadedConnectionPool
from aya_db.transactions import run_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aya_db._psycopg import connection, cursor

    _T = TypeVar("_T")
    _Params = Sequence[Any] | Mapping[str, Any] | None


class PostgresConnector:
    """Runs queries and transactions on pooled connections that outlive a failover.

    It may be shared by threads. In a process that was forked off it has a pool of its own.

    Args:
        dsn: a connection string; by default that of the variable ``DATABASE_URL``, else what
            ``PGHOST`` and the other variables of libpq say.
        min_size: how many connections are kept; by default ``AYA_POOL_MIN_SIZE`` or 1.
        max_size: how many there are at the most; by default ``AYA_POOL_MAX_SIZE`` or 10. A call
            waits for one that is free.
        attempts: how often a transaction is run at the most; by default ``AYA_ATTEMPTS`` or 10.
        **parameters: parameters of the connection string.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        min_size: int | None = None,
        max_size: int | None = None,
        attempts: int | None = None,
        **parameters: Any,
    ) -> None:
        parameters.setdefault("failover", True)
        self._dsn = os.environ.get("DATABASE_URL", "") if dsn is None else dsn
        self._parameters = parameters
        self._min_size = _setting("AYA_POOL_MIN_SIZE", min_size, 1)
        self._max_size = _setting("AYA_POOL_MAX_SIZE", max_size, 10)
        self._attempts = _setting("AYA_ATTEMPTS", attempts, 10)
        self._closed = False
        self._lock = threading.Lock()
        self._pool: ThreadedConnectionPool | None = None
        self._free = threading.BoundedSemaphore(self._max_size)
        self._process = os.getpid()

    def query(self, sql: str, params: _Params = None) -> list[dict[str, Any]]:
        """Run a query and return its rows, a dictionary each."""

        def run(conn: connection) -> list[dict[str, Any]]:
            with conn.cursor(cursor_factory=RealDictCursor) as cur:
                cur.execute(sql, params)
                return [dict(row) for row in cur.fetchall()] if cur.description else []

        return self.run(run)

    def execute(self, sql: str, params: _Params = None) -> int:
        """Run a statement in a transaction of its own; return how many rows it touched."""

        def run(conn: connection) -> int:
            with conn.cursor() as cur:
                cur.execute(sql, params)
                count: int = cur.rowcount
                return count

        return self.run(run)

    def run(self, fn: Callable[[connection], _T]) -> _T:
        """Run ``fn`` in a transaction, as `aya_db.run_transaction` does."""
        with self._connection() as conn:
            return run_transaction(conn, fn, attempts=self._attempts)

    @contextmanager
    def transaction(self) -> Iterator[cursor]:
        """Give a cursor in a transaction, which is committed unless the block raises.

        The block cannot be run again by itself: a failover replays what it has done, and what
        cannot be replayed raises. `run()` runs again.
        """
        with self._connection() as conn, conn, conn.cursor(cursor_factory=RealDictCursor) as cur:
            yield cur

    def health(self) -> dict[str, Any]:
        """Return how the servers stand, and whether a query runs."""
        status = aya_db.cluster_status(self._dsn, **self._parameters).as_dict()
        try:
            status["query"] = self.query("select 1 as one") == [{"one": 1}]
        except (aya_db.Error, PoolError) as error:
            status["query"], status["error"] = False, str(error).strip()
        return status

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None and self._process == os.getpid():
            pool.closeall()

    def __enter__(self) -> PostgresConnector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _connection(self) -> Iterator[connection]:
        pool, free = self._own_pool()
        with free:
            conn = pool.getconn()
            try:
                yield conn
            finally:
                pool.putconn(conn)

    def _own_pool(self) -> tuple[ThreadedConnectionPool, threading.BoundedSemaphore]:
        if self._process != os.getpid():
            # The parent's lock may be held for ever here, and its connections are not ours.
            self._lock = threading.Lock()
            self._free = threading.BoundedSemaphore(self._max_size)
            self._pool, self._process = None, os.getpid()
        with self._lock:
            if self._closed:
                raise aya_db.InterfaceError("the connector is closed")
            if self._pool is None:
                self._pool = ThreadedConnectionPool(
                    self._min_size, self._max_size, self._dsn, **self._parameters
                )
            return self._pool, self._free


def _setting(name: str, given: int | None, default: int) -> int:
    """Return a number that is given, or that a variable of the environment holds."""
    if given is None:
        text = os.environ.get(name, "")
        try:
            given = int(text) if text else default
        except ValueError:
            raise ValueError(f"{name} must be a whole number, got {text!r}") from None
    if given < 1:
        raise ValueError(f"{name} must be at least 1, got {given}")
    return given

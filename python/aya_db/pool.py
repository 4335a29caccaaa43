"""Pools of connections, for applications that name psycopg2's."""

from __future__ import annotations

import threading
from contextlib import suppress

import aya_db
from aya_db import extensions as _ext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from aya_db._psycopg import connection


class PoolError(aya_db.Error):
    """A pool was asked for what it cannot do."""


class AbstractConnectionPool:
    """Connections that are handed out by key; the classes below say who may call it.

    Args:
        minconn: how many connections are opened at once, and how many are kept.
        maxconn: how many are in use at most.
        *args: passed on to `aya_db.connect`.
        **kwargs: passed on to `aya_db.connect`.
    """

    def __init__(self, minconn: int, maxconn: int, *args: Any, **kwargs: Any) -> None:
        self.minconn = int(minconn)
        self.maxconn = int(maxconn)
        self.closed = False
        self._args = args
        self._kwargs = kwargs
        # Free connections; those in use by their key; the key of each connection by its identity.
        self._pool: list[connection] = []
        self._used: dict[Hashable, connection] = {}
        self._rused: dict[int, Hashable] = {}
        self._keys = 0
        for _ in range(self.minconn):
            self._connect()

    def _connect(self, key: Hashable | None = None) -> connection:
        """Open a connection and hand it out under ``key``, or keep it."""
        conn: connection = aya_db.connect(*self._args, **self._kwargs)
        if key is None:
            self._pool.append(conn)
        else:
            self._hand_out(conn, key)
        return conn

    def _hand_out(self, conn: connection, key: Hashable) -> None:
        self._used[key] = conn
        self._rused[id(conn)] = key

    def _getkey(self) -> int:
        """Return a key that nobody has chosen."""
        self._keys += 1
        return self._keys

    def _getconn(self, key: Hashable | None = None) -> connection:
        if self.closed:
            raise PoolError("connection pool is closed")
        if key is None:
            key = self._getkey()
        if key in self._used:
            return self._used[key]
        if self._pool:
            conn = self._pool.pop()
            self._hand_out(conn, key)
            return conn
        if len(self._used) >= self.maxconn:
            raise PoolError("connection pool exhausted")
        return self._connect(key)

    def _putconn(self, conn: connection, key: Hashable | None = None, close: bool = False) -> None:
        if self.closed:
            raise PoolError("connection pool is closed")
        if key is None:
            key = self._rused.get(id(conn))
            if key is None:
                raise PoolError("trying to put unkeyed connection")
        if len(self._pool) < self.minconn and not close:
            self._keep(conn)
        else:
            conn.close()
        # closeall() may have run in another thread, or be the reason why this one is put away.
        if not self.closed or key in self._used:
            del self._used[key]
            del self._rused[id(conn)]

    def _keep(self, conn: connection) -> None:
        """Put a connection among the free ones, outside of any transaction, if it is alive."""
        if conn.closed:
            return
        status = conn.info.transaction_status
        if status == _ext.TRANSACTION_STATUS_UNKNOWN:
            conn.close()
            return
        if status != _ext.TRANSACTION_STATUS_IDLE:
            conn.rollback()
        self._pool.append(conn)

    def _closeall(self) -> None:
        if self.closed:
            raise PoolError("connection pool is closed")
        for conn in [*self._pool, *self._used.values()]:
            # One that cannot be closed must not keep the others open.
            with suppress(Exception):
                conn.close()
        self.closed = True


class SimpleConnectionPool(AbstractConnectionPool):
    """A pool for one thread."""

    getconn = AbstractConnectionPool._getconn
    putconn = AbstractConnectionPool._putconn
    closeall = AbstractConnectionPool._closeall


class ThreadedConnectionPool(AbstractConnectionPool):
    """A pool that any number of threads may use."""

    def __init__(self, minconn: int, maxconn: int, *args: Any, **kwargs: Any) -> None:
        self._lock = threading.Lock()
        super().__init__(minconn, maxconn, *args, **kwargs)

    def getconn(self, key: Hashable | None = None) -> connection:
        """Take a connection out of the pool.

        Args:
            key: the same key gives the same connection until it is put back.

        Raises:
            PoolError: as many as are allowed are in use, or the pool is closed.
        """
        with self._lock:
            return self._getconn(key)

    def putconn(
        self, conn: connection | None = None, key: Hashable | None = None, close: bool = False
    ) -> None:
        """Put a connection back.

        Args:
            conn: the connection.
            key: what it was taken with, if that was said.
            close: close it instead of keeping it.
        """
        with self._lock:
            # Callers of psycopg2 may leave it out, and get the error of an unknown connection.
            self._putconn(conn, key, close)  # type: ignore[arg-type]

    def closeall(self) -> None:
        """Close every connection, those in use as well."""
        with self._lock:
            self._closeall()


# psycopg2.pool carries this name, and code that patches it exists.
psycopg2 = aya_db

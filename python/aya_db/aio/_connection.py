"""`connect()` and `AsyncConnection`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aya_db
from aya_db.aio._cursor import AsyncCursor
from aya_db.aio._thread import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

    from aya_db._psycopg import ConnectionInfo, Notify, connection


async def connect(dsn: str | None = None, **kwargs: Any) -> AsyncConnection:
    """Open a connection; the arguments are those of `aya_db.connect()`."""
    if kwargs.get("async_") or kwargs.get("async"):
        raise aya_db.NotSupportedError("a connection of aya_db.aio polls by itself")
    worker = Worker()
    try:
        conn = await worker.run(aya_db.connect, dsn, **kwargs)
    except BaseException:
        worker.stop()
        raise
    return AsyncConnection(conn, worker)


class AsyncConnection:
    """A connection for asyncio. Attributes that need no server are those of `connection`."""

    def __init__(self, conn: connection, worker: Worker) -> None:
        """Take a blocking connection and its thread; use `connect()`."""
        self._conn = conn
        self._worker = worker
        worker.cancel = conn.cancel

    @property
    def sync(self) -> connection:
        """Return the blocking connection; its calls belong into `run()`."""
        return self._conn

    async def run(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a blocking call in the connection's thread."""
        return await self._worker.run(call, *args, **kwargs)

    def cursor(self, name: str | None = None, **kwargs: Any) -> AsyncCursor:
        """Return a cursor; the arguments are those of `connection.cursor()`."""
        return AsyncCursor(self, self._conn.cursor(name, **kwargs))

    async def execute(self, query: Any, vars: Any = None) -> AsyncCursor:
        """Run a statement on a new cursor, and return it."""
        cur = self.cursor()
        await cur.execute(query, vars)
        return cur

    async def commit(self) -> None:
        """Commit the transaction, if one is open."""
        await self.run(self._conn.commit)

    async def rollback(self) -> None:
        """Roll the transaction back, if one is open."""
        await self.run(self._conn.rollback)

    async def cancel(self) -> None:
        """Ask the server to cancel what runs."""
        await asyncio.to_thread(self._conn.cancel)

    async def set_session(self, **kwargs: Any) -> None:
        """Say how the next transactions are to be."""
        await self.run(lambda: self._conn.set_session(**kwargs))

    async def set_autocommit(self, value: bool) -> None:
        """Make each statement a transaction of its own, or not."""
        await self.set_session(autocommit=value)

    async def causal_token(self) -> str | None:
        """Return the causal token of what was committed."""
        token: str | None = await self.run(lambda: self._conn.causal_token)
        return token

    async def notifies(self, timeout: float | None = None) -> AsyncIterator[Notify]:
        """Give notifications as they come, for ``timeout`` seconds after the last, or for ever.

        They come outside of transactions, so the connection has to be in autocommit.
        """
        loop = asyncio.get_running_loop()
        while True:
            while self._conn.notifies:
                yield self._conn.notifies.pop(0)
            await self.run(self._conn.poll)
            if self._conn.notifies:
                continue
            readable = asyncio.Event()
            fd = self._conn.fileno()
            loop.add_reader(fd, readable.set)
            try:
                await asyncio.wait_for(readable.wait(), timeout)
            except asyncio.TimeoutError:
                return
            finally:
                loop.remove_reader(fd)

    async def close(self) -> None:
        """Close the connection."""
        try:
            await self.run(self._conn.close)
        finally:
            self._worker.stop()

    @property
    def closed(self) -> int:
        """Return 0 while it is open, 1 once it was closed, 2 once it was lost."""
        return self._conn.closed

    @property
    def autocommit(self) -> bool:
        """Return whether each statement is a transaction of its own."""
        return self._conn.autocommit

    @property
    def status(self) -> int:
        """Return what it is in, as ``STATUS_*``."""
        return self._conn.status

    @property
    def info(self) -> ConnectionInfo:
        """Return what it knows of its session."""
        return self._conn.info

    @property
    def notices(self) -> list[str]:
        """Return the last notices of the server."""
        return self._conn.notices

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commit at the end of the block, or roll back if it raises."""
        try:
            yield self
        except BaseException:
            await self.rollback()
            raise
        await self.commit()

    async def __aenter__(self) -> AsyncConnection:
        """Give the connection; the end of the block closes it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or roll back if the block raises; then close."""
        try:
            if not self.closed:
                await (self.commit() if kind is None else self.rollback())
        finally:
            await self.close()

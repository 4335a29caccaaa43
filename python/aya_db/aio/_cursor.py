"""`AsyncCursor`."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from aya_db._psycopg import Column, cursor
    from aya_db.aio._connection import AsyncConnection


class AsyncCursor:
    """A cursor for asyncio: its methods are those of `cursor`, to be awaited."""

    def __init__(self, conn: AsyncConnection, cur: cursor) -> None:
        """Take a blocking cursor; use `AsyncConnection.cursor()`."""
        self._conn = conn
        self._cur = cur

    @property
    def connection(self) -> AsyncConnection:
        """Return the connection that it runs on."""
        return self._conn

    @property
    def sync(self) -> cursor:
        """Return the blocking cursor; its calls belong into `AsyncConnection.run()`."""
        return self._cur

    async def execute(self, query: Any, vars: Any = None) -> None:
        """Run a statement, with the values in it that ``vars`` holds."""
        await self._conn.run(self._cur.execute, query, vars)

    async def executemany(self, query: Any, vars_list: Any) -> None:
        """Run a statement once for each item of ``vars_list``."""
        await self._conn.run(self._cur.executemany, query, vars_list)

    async def callproc(self, procname: str, parameters: Any = None) -> Any:
        """Call a function of the server."""
        return await self._conn.run(self._cur.callproc, procname, parameters)

    async def fetchone(self) -> Any:
        """Return the next row, or ``None``."""
        return await self._conn.run(self._cur.fetchone)

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows."""
        rows: list[Any] = await self._conn.run(self._cur.fetchmany, size)
        return rows

    async def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        rows: list[Any] = await self._conn.run(self._cur.fetchall)
        return rows

    async def scroll(self, value: int, mode: Any = "relative") -> None:
        """Go to another row."""
        await self._conn.run(self._cur.scroll, value, mode)

    async def copy_from(self, file: Any, table: str, **kwargs: Any) -> None:
        """Fill a table from a file, whose ``read()`` may be a coroutine."""
        await self._conn.run(self._cur.copy_from, _blocking(file), table, **kwargs)

    async def copy_to(self, file: Any, table: str, **kwargs: Any) -> None:
        """Write a table to a file, whose ``write()`` may be a coroutine."""
        await self._conn.run(self._cur.copy_to, _blocking(file), table, **kwargs)

    async def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        """Run a COPY statement of one's own, with a file as above."""
        await self._conn.run(self._cur.copy_expert, sql, _blocking(file), size)

    async def close(self) -> None:
        """Close the cursor."""
        await self._conn.run(self._cur.close)

    @property
    def description(self) -> tuple[Column, ...] | None:
        """Return the columns of the rows."""
        return self._cur.description

    @property
    def rowcount(self) -> int:
        """Return how many rows the last statement gave or touched."""
        return self._cur.rowcount

    @property
    def rownumber(self) -> int:
        """Return the number of the next row."""
        return self._cur.rownumber

    @property
    def statusmessage(self) -> str | None:
        """Return what the statement said at its end."""
        return self._cur.statusmessage

    @property
    def query(self) -> bytes | None:
        """Return the last statement, as it was sent."""
        return self._cur.query

    @property
    def closed(self) -> bool:
        """Return whether it, or its connection, is closed."""
        return self._cur.closed

    def mogrify(self, query: Any, vars: Any = None) -> bytes:
        """Return the statement that `execute()` would send."""
        return self._cur.mogrify(query, vars)

    def __aiter__(self) -> AsyncCursor:
        """Give the rows, one by one."""
        return self

    async def __anext__(self) -> Any:
        """Give the next row."""
        # Rows of a plain cursor are here already; those of a named one come in pages.
        row = await self._conn.run(next, self._cur, None) if self._cur.name else self._next()
        if row is None:
            raise StopAsyncIteration
        return row

    def _next(self) -> Any:
        return self._cur.fetchone()

    async def __aenter__(self) -> AsyncCursor:
        """Give the cursor; the end of the block closes it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the cursor."""
        if not self.closed:
            await self.close()


class _Blocking:
    """A file whose methods are coroutines, for the thread of the connection."""

    def __init__(self, file: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._file = file
        self._loop = loop

    def read(self, size: int = -1) -> Any:
        return self._wait(self._file.read(size))

    def write(self, data: Any) -> Any:
        return self._wait(self._file.write(data))

    def _wait(self, value: Any) -> Any:
        if not inspect.isawaitable(value):
            return value

        async def awaited() -> Any:
            return await value

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result()


def _blocking(file: Any) -> Any:
    methods = [getattr(file, name, None) for name in ("read", "write")]
    if any(inspect.iscoroutinefunction(method) for method in methods):
        return _Blocking(file, asyncio.get_running_loop())
    return file

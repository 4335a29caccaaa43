"""asyncpg, on one event loop."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import asyncpg  # type: ignore[import-untyped]

import data
from cases import CONNECTIONS, STATEMENTS, STATEMENTS_A_THREAD, THREADS
from measure import peak_bytes, seconds_async, server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Asyncpg:
    """A connection of asyncpg; it has nothing like `execute_values`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._conn = self._loop.run_until_complete(_connect())
        self._insertions = data.insertions()
        self._copied = data.copied()

    @property
    def version(self) -> str:
        """Return what the driver says of itself."""
        return str(asyncpg.__version__)

    def select_1(self) -> float:
        return self._seconds(lambda: _select_1(self._conn, STATEMENTS))

    def select_parameters(self) -> float:
        async def run() -> None:
            for _ in range(STATEMENTS):
                await self._conn.fetchrow("select $1::int, $2::text", *data.SELECT_PARAMETERS)

        return self._seconds(run)

    def fetch_mixed(self) -> float:
        return self._seconds(lambda: self._conn.fetch(data.SELECT_MIXED))

    def fetch_ints(self) -> float:
        return self._seconds(lambda: self._conn.fetch(data.SELECT_INTS))

    def executemany(self) -> float:
        async def run(conn: Any) -> None:
            await conn.executemany(
                "insert into written values ($1, $2, $3, $4, $5)", self._insertions
            )

        return self._write(run)

    def copy_in(self) -> float:
        source = io.BytesIO(self._copied)
        return self._write(lambda conn: conn.copy_to_table("written", source=source))

    def copy_out(self) -> float:
        return self._seconds(lambda: self._conn.copy_from_table("mixed", output=io.BytesIO()))

    def connect_close(self) -> float:
        async def run() -> None:
            for _ in range(CONNECTIONS):
                await (await _connect()).close()

        return self._seconds(run)

    def threads(self) -> float:
        """Let tasks do what threads do for the others."""

        async def run() -> float:
            crowd = [await _connect() for _ in range(THREADS)]
            try:
                return await seconds_async(lambda: work(crowd))
            finally:
                for conn in crowd:
                    await conn.close()

        async def work(crowd: list[Any]) -> None:
            await asyncio.gather(*(_select_1(conn, STATEMENTS_A_THREAD) for conn in crowd))

        return self._loop.run_until_complete(run())

    def memory(self) -> float:
        self._loop.run_until_complete(self._conn.fetch("select * from many limit 1000"))
        before = peak_bytes()
        rows = self._loop.run_until_complete(self._conn.fetch(data.SELECT_MANY))
        return peak_bytes() - before if rows else 0

    def _seconds(self, work: Callable[[], Awaitable[object]]) -> float:
        return self._loop.run_until_complete(seconds_async(work))

    def _write(self, write: Callable[[Any], Awaitable[object]]) -> float:
        """Time ``write`` in a transaction of its own, which begins with an empty table."""

        async def run() -> float:
            async def transaction() -> None:
                async with conn.transaction():
                    await write(conn)

            await self._conn.execute(data.TRUNCATE)
            conn = await _connect()
            try:
                return await seconds_async(transaction)
            finally:
                await conn.close()

        return self._loop.run_until_complete(run())


async def _connect() -> Any:
    address = server()
    return await asyncpg.connect(database=address.pop("dbname"), **address)


async def _select_1(conn: Any, times: int) -> None:
    for _ in range(times):
        await conn.fetchrow("select 1")

"""Connections for asyncio."""

from __future__ import annotations

import asyncio
import io
import time
from typing import TYPE_CHECKING, Any

import pytest
from proxy import Proxy
from server import Server

import aya_db
from aya_db import aio, errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def run(work: Callable[[aio.AsyncConnection], Awaitable[Any]], dsn: str) -> Any:
    """Run ``work`` with a connection."""

    async def main() -> Any:
        async with await aio.connect(dsn) as conn:
            return await work(conn)

    return asyncio.run(main())


def test_rows_are_given_one_by_one_and_at_once(dsn: str, table: str) -> None:
    async def work(conn: aio.AsyncConnection) -> None:
        async with conn.cursor() as cur:
            await cur.executemany("insert into numbers values (%s, %s)", [(1, "a"), (2, "b")])
            await cur.execute("select * from numbers order by id")
            assert cur.rowcount == 2
            assert [row async for row in cur] == [(1, "a"), (2, "b")]
            await cur.scroll(0, "absolute")
            assert await cur.fetchone() == (1, "a")
            assert await cur.fetchmany(5) == [(2, "b")]
        named = conn.cursor("pages")
        named.sync.itersize = 2
        await named.execute("select generate_series(1, 5)")
        assert [row[0] async for row in named] == [1, 2, 3, 4, 5]

    run(work, dsn)
    # The end of the block has committed.
    with aya_db.connect(dsn) as conn, conn.cursor() as cur:
        cur.execute("select count(*) from numbers")
        assert cur.fetchone() == (2,)


def test_the_loop_turns_while_a_statement_runs(dsn: str) -> None:
    async def work(conn: aio.AsyncConnection) -> int:
        turns = 0
        query = asyncio.ensure_future(conn.execute("select pg_sleep(0.3)"))
        while not query.done():
            await asyncio.sleep(0.01)
            turns += 1
        return turns

    assert run(work, dsn) > 5


def test_a_cancelled_task_cancels_its_statement(dsn: str) -> None:
    async def work(conn: aio.AsyncConnection) -> None:
        await conn.set_autocommit(True)
        began = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(conn.execute("select pg_sleep(60)"), 0.2)
        assert time.monotonic() - began < 30
        cur = await conn.execute("select 1")
        assert await cur.fetchone() == (1,)

    run(work, dsn)


def test_files_may_be_coroutines(dsn: str, table: str) -> None:
    class Source:
        def __init__(self) -> None:
            self.left = ["1\ta\n", "2\tb\n"]

        async def read(self, _: int) -> str:
            await asyncio.sleep(0)
            return self.left.pop(0) if self.left else ""

    async def work(conn: aio.AsyncConnection) -> str:
        cur = conn.cursor()
        await cur.copy_from(Source(), "numbers")
        out = io.StringIO()
        await cur.copy_expert("copy numbers to stdout", out)
        return out.getvalue()

    assert run(work, dsn) == "1\ta\n2\tb\n"


def test_notifications_come_as_they_are_sent(dsn: str) -> None:
    async def work(conn: aio.AsyncConnection) -> list[str]:
        await conn.set_autocommit(True)
        await conn.execute("listen heard")
        other = await aio.connect(dsn)
        await other.set_autocommit(True)
        heard = []
        await other.execute("notify heard, 'one'")
        async for notify in conn.notifies(timeout=5):
            heard.append(notify.payload)
            if len(heard) == 2:
                break
            await other.execute("notify heard, 'two'")
        await other.close()
        return heard

    assert run(work, dsn) == ["one", "two"]


def test_transactions_are_run_again(dsn: str, table: str) -> None:
    async def work(conn: aio.AsyncConnection) -> int:
        runs = 0

        async def insert(conn: aio.AsyncConnection) -> int:
            nonlocal runs
            runs += 1
            await conn.execute("insert into numbers values (1, 'a')")
            if runs < 3:
                raise errors.SerializationFailure("not yet")
            return runs

        return await aio.run_transaction(conn, insert)

    assert run(work, dsn) == 3


def test_a_connection_outlives_its_server(table: str) -> None:
    server = Server.from_environment()
    proxy = Proxy(server.host, int(server.port))

    async def main() -> Any:
        conn = await aio.connect(server.dsn, host="127.0.0.1", port=proxy.port, failover=True)
        await conn.execute("insert into numbers values (1, 'a')")
        proxy.cut()
        await conn.execute("insert into numbers values (2, 'b')")
        await conn.commit()
        cur = await conn.execute("select count(*) from numbers")
        row = await cur.fetchone()
        await conn.close()
        return row

    assert asyncio.run(main()) == (2,)
    proxy.close()

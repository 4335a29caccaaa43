"""Connections for asyncio, with the same semantics.

Each connection has a thread of its own, in which the blocking one works: it lets go of Python's
lock while it waits, and so fails over in the same way, without a second implementation.

Example::

    async with await aya_db.aio.connect("host=db1,db2 dbname=shop") as conn:
        async with conn.cursor() as cur:
            await cur.execute("select * from item")
            async for row in cur:
                print(row)
"""

from __future__ import annotations

from aya_db.aio._connection import AsyncConnection, connect
from aya_db.aio._cursor import AsyncCursor
from aya_db.aio._transactions import run_transaction

__all__ = ["AsyncConnection", "AsyncCursor", "connect", "run_transaction"]

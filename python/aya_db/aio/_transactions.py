"""Transactions that are run again, for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any, TypeVar

from aya_db.errors import OperationalError
from aya_db.transactions import _FIRST_PAUSE, _LONGEST_PAUSE, is_repeatable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aya_db.aio._connection import AsyncConnection

    _T = TypeVar("_T")


async def run_transaction(
    conn: AsyncConnection,
    fn: Callable[[AsyncConnection], Awaitable[_T]],
    *,
    attempts: int = 10,
) -> _T:
    """Run ``fn`` in a transaction and commit it; run it again as `aya_db.run_transaction` does."""
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, got {attempts}")
    pause = _FIRST_PAUSE
    for attempt in range(1, attempts + 1):
        try:
            result = await fn(conn)
            await conn.commit()
        except BaseException as error:
            if not conn.closed:
                await _roll_back(conn)
            if attempt == attempts or not is_repeatable(error):
                raise
        else:
            return result
        await asyncio.sleep(random.uniform(0, pause))
        pause = min(2 * pause, _LONGEST_PAUSE)
    raise AssertionError("the last attempt returns or raises")


async def _roll_back(conn: Any) -> None:
    # The error that it follows says more than one of its own.
    with contextlib.suppress(OperationalError):
        await conn.rollback()

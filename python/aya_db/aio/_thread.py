"""The thread in which a blocking connection works."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    _T = TypeVar("_T")


class Worker:
    """Runs one call after another, and cancels the one that nobody waits for any more."""

    def __init__(self) -> None:
        """Start no thread before the first call."""
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aya_db.aio")
        # Asks the server to cancel what runs; it may be called from any thread.
        self.cancel: Callable[[], None] | None = None

    async def run(self, call: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
        """Run a call in the thread.

        If the task is cancelled, the statement is too, and its end is waited for: the connection
        is then in a state that is known.
        """
        future = self._threads.submit(call, *args, **kwargs)
        waiting = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            # What has not begun needs no cancelling on the server.
            if not future.cancel():
                if self.cancel is not None and not future.done():
                    await asyncio.to_thread(self.cancel)
                await asyncio.wait([waiting])
                if not waiting.cancelled():
                    # Somebody has to look at it, or asyncio complains.
                    waiting.exception()
            raise

    def stop(self) -> None:
        """Let the thread end once it is done."""
        self._threads.shutdown(wait=False)

"""Clocks and gauges."""

from __future__ import annotations

import gc
import os
import resource
import sys
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes, without what it takes to throw its result away."""
    gc.collect()
    began = perf_counter()
    result = work()
    took = perf_counter() - began
    del result
    return took


async def seconds_async(work: Callable[[], Awaitable[object]]) -> float:
    """Return how long ``work`` takes, without what it takes to throw its result away."""
    gc.collect()
    began = perf_counter()
    result = await work()
    took = perf_counter() - began
    del result
    return took


def peak_bytes() -> int:
    """Return the most memory that this process has ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def server() -> dict[str, str]:
    """Return how libpq's keywords name the server of ``with-postgres``."""
    return {
        "host": os.environ["AYA_HOST"],
        "port": os.environ["AYA_PORT"],
        "user": os.environ["AYA_USER"],
        "password": os.environ["AYA_PASSWORD"],
        "dbname": os.environ["AYA_DATABASE"],
    }

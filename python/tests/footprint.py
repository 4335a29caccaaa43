"""What a process holds, so that what a loop leaves behind can be told."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Footprint:
    """What this process holds of the system and of Python's heap."""

    resident_bytes: int
    descriptors: int
    threads: int
    # Python's allocations. Their number is exact where that of bytes is not.
    blocks: int

    @classmethod
    def now(cls) -> Footprint:
        """Measure, after what only waits for the collector is gone."""
        gc.collect()
        return cls(_resident_bytes(), _descriptors(), _threads(), sys.getallocatedblocks())

    def __sub__(self, earlier: Footprint) -> Footprint:
        """Return how much was added since ``earlier``."""
        return Footprint(
            self.resident_bytes - earlier.resident_bytes,
            self.descriptors - earlier.descriptors,
            self.threads - earlier.threads,
            self.blocks - earlier.blocks,
        )


def growth(action: Callable[[], object], times: int) -> Footprint:
    """Return what ``times`` calls of ``action`` leave behind.

    A tenth as many calls go before: they fill caches and the arenas of the allocator.
    """
    for _ in range(max(times // 10, 3)):
        action()
    before = Footprint.now()
    for _ in range(times):
        action()
    return Footprint.now() - before


def _resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    command = ["ps", "-o", "rss=", "-p", str(os.getpid())]
    return int(subprocess.check_output(command)) * 1024


def _descriptors() -> int:
    folder = "/proc/self/fd" if Path("/proc/self/fd").exists() else "/dev/fd"
    return len(os.listdir(folder))


def _threads() -> int:
    """Count the threads of the process, those that Python has not made as well if that can be."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else threading.active_count()

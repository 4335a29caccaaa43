"""Agents that write one unit after the other, each on a thread of its own.

The order comes as one line of JSON on the standard input. Whatever becomes of a unit is told on the
standard output, in the lines of `telling`. The end of the input is the end of all.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from telling import failed, written
from writers import writers

if TYPE_CHECKING:
    from writers.writer import Order, Writer

# More than any agent writes.
UNITS_PER_AGENT = 1_000_000_000


def main() -> None:
    """Let the agents work until nobody listens any more."""
    order: Order = json.loads(sys.stdin.readline())
    for number, writer in writers(order):
        work = (number, writer, order["pause_s"])
        threading.Thread(target=_work, args=work, daemon=True).start()
    sys.stdin.read()
    # Threads that wait for a server are not waited for.
    os._exit(0)


def _work(number: int, writer: Writer, pause_s: float) -> None:
    unit = number * UNITS_PER_AGENT
    again = False
    while True:
        try:
            writer.write(unit)
        except Exception as error:  # noqa: BLE001
            left = writer.left(error)
            failed(number, unit, left, error)
            writer.recover()
            again = left == "untold"
        else:
            written(number, unit)
            again = False
        unit += not again
        time.sleep(pause_s)


if __name__ == "__main__":
    main()

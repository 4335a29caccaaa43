"""What agents write through: each module has a function that makes their writers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from writers.writer import Order, Writer


def writers(order: Order) -> Iterator[tuple[int, Writer]]:
    """Return the number of each agent and its writer."""
    library = importlib.import_module(f"writers.by_{order['library']}")
    make = library.maker(order)
    for agent in order["agents"]:
        yield agent["number"], make(agent["number"], agent["task"])

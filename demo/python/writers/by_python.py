"""aya_db, as by somebody who has never heard of failovers: a connection, and no loop around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aya_db
from writers.statements import autocommit, steps
from writers.writer import left_by_fate

if TYPE_CHECKING:
    from collections.abc import Callable

    from writers.writer import Order, Task


def maker(order: Order) -> Callable[[int, Task], AyaWriter]:
    """Return what makes the writer of an agent."""
    return lambda number, task: AyaWriter(order["parameters"], number, task)


class AyaWriter:
    """One agent's connection."""

    def __init__(self, parameters: dict[str, Any], number: int, task: Task) -> None:
        self._parameters = parameters
        self._number = number
        self._task = task
        self._conn: Any = None

    def write(self, unit: int) -> None:
        """Write ``unit``."""
        if self._conn is None or self._conn.closed:
            self._conn = aya_db.connect(**self._parameters)
            self._conn.autocommit = self._task == "autocommit"
        if self._task == "autocommit":
            autocommit(self._conn, unit, self._number)
        elif self._task == "explicit":
            steps(self._conn, unit, self._number)
            self._conn.commit()
        else:
            aya_db.run_transaction(self._conn, lambda conn: steps(conn, unit, self._number))

    def recover(self) -> None:
        """Roll back."""
        try:
            if self._conn is not None:
                self._conn.rollback()
        except aya_db.Error:
            self._conn.close()

    def left(self, error: Exception) -> str:
        """Return what ``error`` says of the unit."""
        return left_by_fate(error)

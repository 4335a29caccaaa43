"""psycopg2 as a careful program uses it: after an error it connects again and writes again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg2  # type: ignore[import-untyped]

from writers.statements import autocommit, steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from writers.writer import Order, Task

PAUSE_S = 0.1


def maker(order: Order) -> Callable[[int, Task], Psycopg2Writer]:
    """Return what makes the writer of an agent."""
    return lambda number, task: Psycopg2Writer(order["parameters"], number, task)


class Psycopg2Writer:
    """One agent's connection, and how it makes another."""

    def __init__(self, parameters: dict[str, Any], number: int, task: Task) -> None:
        self._parameters = parameters
        self._number = number
        self._task = task
        self._conn: Any = None

    def write(self, unit: int) -> None:
        """Write ``unit``."""
        if self._conn is None:
            self._conn = self._connect()
        if self._task == "autocommit":
            autocommit(self._conn, unit, self._number)
        else:
            steps(self._conn, unit, self._number)
            self._conn.commit()

    def recover(self) -> None:
        """Throw the connection away."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()

    def left(self, error: Exception) -> str:
        """Return that ``error`` does not tell, so that the unit is written again."""
        del error
        return "untold"

    def _connect(self) -> Any:
        while True:
            try:
                conn = psycopg2.connect(**self._parameters)
            except psycopg2.OperationalError:
                time.sleep(PAUSE_S)
                continue
            conn.autocommit = self._task == "autocommit"
            return conn

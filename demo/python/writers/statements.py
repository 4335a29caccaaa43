"""A unit in SQL, for connections as the DB-API describes them."""

from __future__ import annotations

from typing import Any

from writers.writer import STEPS, MisreadError

INSERT = "insert into ledger (id, agent) values (%s, %s)"
STEP = "insert into ledger (id, agent, step, steps) values (%s, %s, %s, %s)"
LOOK = "select count(*) from ledger where id = %s"


def autocommit(conn: Any, unit: int, number: int) -> None:
    """Write ``unit`` as one statement."""
    with conn.cursor() as cur:
        cur.execute(INSERT, (unit, number))


def steps(conn: Any, unit: int, number: int) -> None:
    """Write three rows, and look after each of the first two at what is there."""
    with conn.cursor() as cur:
        for step in range(1, STEPS + 1):
            cur.execute(STEP, (unit, number, step, STEPS))
            if step < STEPS:
                cur.execute(LOOK, (unit,))
                if cur.fetchone() != (step,):
                    raise MisreadError("it did not read what it had written")

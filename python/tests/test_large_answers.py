"""Answers whose rows are made while more of them come are what they would be otherwise."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
from server import Server

import aya_db
from aya_db import extensions, extras

if TYPE_CHECKING:
    from collections.abc import Callable

# Enough for many reads, of values that take nothing but their bytes.
ROWS = 60_000
PLAIN = f"""
    select g, g / 7.0::float8, case when g % 3 = 0 then null else 'row ' || g end, g % 2 = 0
    from generate_series(1, {ROWS}) g
"""


def all_at_once(cur: Any) -> Any:
    cur.execute(PLAIN)
    return cur.fetchall()


def one_by_one(cur: Any) -> Any:
    cur.execute(PLAIN)
    return list(cur)


def by_pages(cur: Any) -> Any:
    cur.execute(PLAIN)
    pages = []
    while page := cur.fetchmany(777):
        pages.append(page)
    return pages


def mixed(cur: Any) -> Any:
    cur.execute(PLAIN)
    first = cur.fetchone()
    some = cur.fetchmany(5_000)
    return first, some, cur.fetchall(), cur.fetchone(), cur.rownumber


def again(cur: Any) -> Any:
    cur.execute(PLAIN)
    once = cur.fetchall()
    cur.scroll(0, mode="absolute")
    page = cur.fetchmany(100)
    cur.scroll(-50)
    return once == [*page, *cur.fetchall()[50:]], page, cur.rownumber


def the_last_row_fails(cur: Any) -> Any:
    cur.execute(f"select g, 1 / ({ROWS} - g) from generate_series(1, {ROWS}) g")


def the_last_of_two(cur: Any) -> Any:
    cur.execute(f"{PLAIN}; select -g from generate_series(1, {ROWS}) g")
    return cur.fetchall()


def no_table_in_the_end(cur: Any) -> Any:
    cur.execute(f"{PLAIN}; set work_mem to default")
    return cur.statusmessage, cur.description


def no_columns(cur: Any) -> Any:
    cur.execute(f"select from generate_series(1, {ROWS})")
    return cur.rowcount, cur.fetchall()


def other_types(cur: Any) -> Any:
    cur.execute(
        "select g, array[g, g], '2026-01-01'::timestamptz + g * '1 s'::interval"
        f" from generate_series(1, {ROWS}) g"
    )
    return cur.fetchall()


def abandoned(cur: Any) -> Any:
    cur.execute(PLAIN)
    cur.fetchone()
    cur.execute("select 'after it'")
    return cur.fetchall()


CASES = [
    all_at_once,
    one_by_one,
    by_pages,
    mixed,
    again,
    the_last_row_fails,
    the_last_of_two,
    no_table_in_the_end,
    no_columns,
    other_types,
    abandoned,
]


def outcome(module: str, work: Callable[[Any], Any]) -> Any:
    conn = importlib.import_module(module).connect(Server.from_environment().dsn)
    try:
        return work(conn.cursor())
    except Exception as error:  # noqa: BLE001
        return type(error).__name__, str(error)
    finally:
        conn.close()


@pytest.mark.parametrize("case", CASES)
def test_is_as_with_psycopg2(case: Callable[[Any], Any]) -> None:
    assert outcome("aya_db", case) == outcome("psycopg2", case)


def test_a_users_typecaster_is_asked_when_rows_are_fetched(dsn: str) -> None:
    asked: list[str | None] = []
    conn: Any = aya_db.connect(dsn)
    caster = extensions.new_type((23,), "ASKED", lambda value, _: asked.append(value))
    extensions.register_type(caster, conn)
    cur = conn.cursor()
    cur.execute(f"select g from generate_series(1, {ROWS}) g")
    assert asked == []
    assert cur.fetchone() == (None,)
    assert asked == ["1"]
    conn.close()


def test_texts_are_in_the_encoding_of_the_end(dsn: str) -> None:
    """psycopg2 does not follow a SET, and reads them in the encoding before it."""
    conn: Any = aya_db.connect(dsn)
    cur = conn.cursor()
    cur.execute(f"set client_encoding to latin1; select 'é' || g from generate_series(1, {ROWS}) g")
    assert cur.fetchall() == [(f"é{number}",) for number in range(1, ROWS + 1)]
    conn.close()


def test_dictionaries_are_made_of_rows(dsn: str) -> None:
    conn: Any = aya_db.connect(dsn)
    cur = conn.cursor(cursor_factory=extras.RealDictCursor)
    cur.execute(f"select g as number from generate_series(1, {ROWS}) g")
    assert cur.fetchone() == {"number": 1}
    assert cur.fetchall()[-1] == {"number": ROWS}
    conn.close()

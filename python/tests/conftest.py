"""What tests of many files ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from server import Server

import aya_db

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def dsn() -> str:
    """Return a connection string of the server of the tests."""
    return Server.from_environment().dsn


@pytest.fixture
def table(dsn: str) -> Iterator[str]:
    """Return the name of an empty table of numbers and texts."""
    conn: Any = aya_db.connect(dsn)
    conn.autocommit = True
    with conn.cursor() as cur:
        cur.execute("drop table if exists numbers")
        cur.execute("create table numbers (id int primary key, v text)")
    yield "numbers"
    with conn.cursor() as cur:
        cur.execute("drop table if exists numbers")
    conn.close()

"""The programs in the documentation run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from server import Server

import aya_db

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = ["docs/python.md", "docs/migration.md"]
LINK = re.compile(r"\]\(([^)#:]+)")


def samples() -> Iterator[Any]:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for number, sample in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL), 1):
            yield pytest.param(sample, id=f"{page} {number}")


@pytest.fixture
def shop() -> Iterator[Server]:
    """Return a server with what the programs work on."""
    server = Server.from_environment()
    conn: Any = aya_db.connect(server.dsn)
    conn.autocommit = True
    with conn.cursor() as cur:
        cur.execute("""
            drop table if exists orders, account;
            create table orders (id serial primary key, customer int);
            create table account (id int primary key, balance int);
            insert into account values (1, 100), (2, 0);
        """)
    yield server
    with conn.cursor() as cur:
        cur.execute("drop table orders, account")
    conn.close()


@pytest.mark.parametrize("sample", list(samples()))
def test_a_program_runs(sample: str, shop: Server, tmp_path: Path) -> None:
    """As a program of its own, which is given what names the server."""
    given = {
        "dsn": shop.dsn,
        "host": shop.host,
        "port": shop.port,
        "database": shop.database,
        "credentials": f"{shop.user}:{shop.password}",
    }
    lines = [f"{name} = {value!r}" for name, value in given.items()]
    program = "\n".join([*lines, "import aya_db", "conn = aya_db.connect(dsn)", sample])
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = LINK.findall(text)
    assert links
    for link in links:
        assert ((ROOT / page).parent / link).exists(), link

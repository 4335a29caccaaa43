"""Connections survive that their process forks, and children connect anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import forking
import pytest

DEADLINE_S = 90


# psycopg2 ends the parent's session when a child closes its connection, as its documents warn.
MILDER_THAN_PSYCOPG2 = "inherited_is_closed"


@pytest.mark.parametrize("hosts", ["one", "several"])
@pytest.mark.parametrize("program", [it.__name__ for it in forking.PROGRAMS])
def test_parent_and_children_work(program: str, hosts: str) -> None:
    if program == MILDER_THAN_PSYCOPG2 and forking.DRIVER.__name__ == "psycopg2":
        pytest.skip("psycopg2 does not promise it")
    done = run(program, hosts)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "well\n"


def test_a_child_that_fails_is_told() -> None:
    done = run("one_fails", "one")
    assert done.returncode == 1
    assert done.stdout == ""


def run(program: str, hosts: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, forking.__file__, program, hosts],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        cwd=Path(__file__).parent,
    )

"""Runs cases with one driver, in a process that holds no other.

Usage: ``python worker.py DRIVER``. It reads the name of a case a line, and answers each with a line
of JSON: what the case has taken, ``null`` if the driver has nothing of the kind.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def open_driver(name: str) -> Any:
    """Import a driver and connect; nothing is imported for the sake of another one."""
    if name == "psycopg":
        from drivers.psycopg3 import Psycopg3

        return Psycopg3()
    if name == "asyncpg":
        from drivers.asyncpg_face import Asyncpg

        return Asyncpg()
    from drivers.psycopg2_face import Psycopg2Face

    return Psycopg2Face(name)


def import_module(name: str) -> float:
    """Return how long the import of a module takes in an interpreter that has just started."""
    program = (
        "from time import perf_counter; began = perf_counter();"
        f" import {name}; print(perf_counter() - began)"
    )
    return float(subprocess.check_output([sys.executable, "-I", "-c", program]))


def answer(name: str, driver: Any, case: str) -> object:
    """Run one case; ``version`` is answered as well."""
    if case == "import_module":
        return import_module(name)
    if case == "version":
        return driver.version
    method = getattr(driver, case, None)
    return method() if method is not None else None


def main() -> None:
    """Answer lines until there are no more."""
    name = sys.argv[1]
    driver = open_driver(name)
    for line in sys.stdin:
        print(json.dumps(answer(name, driver, line.strip())), flush=True)


if __name__ == "__main__":
    main()

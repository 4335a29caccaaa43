"""Every public name of psycopg2 is there."""

from __future__ import annotations

import importlib
from pathlib import Path

NAMES = (Path(__file__).parent / "surface.txt").read_text(encoding="utf-8").split()


def has(name: str) -> bool:
    """Return whether a dotted name of psycopg2 leads to something of ours."""
    parts = ["aya_db", *name.split(".")[1:]]
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_every_name_is_there() -> None:
    assert len(NAMES) == 2377
    assert [name for name in NAMES if not has(name)] == []


def test_the_check_can_fail() -> None:
    assert not has("psycopg2.extensions.nonsense")
    assert not has("psycopg2.nonsense.connect")

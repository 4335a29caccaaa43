"""Whatever bytes a server sends, a program gets a result or an error, soon, and lives on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "damaged.py"


@pytest.mark.parametrize(
    ("mode", "count"),
    [("blocking", 3000), ("polling", 1500), ("surviving", 6), ("casting", 1500)],
)
def test_damaged_bytes_are_an_error(mode: str, count: int) -> None:
    """In a process of its own, which would not outlive a crash."""
    command = [sys.executable, str(PROGRAM), mode, "1", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert sum(seen.values()) >= count
    # Some damage does no harm, and most of it does.
    assert seen.get("nothing", 0) < sum(seen.values()) / 2
    assert len(seen) > 4 or mode == "surviving"

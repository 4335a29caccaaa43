"""A plugin for pytest that writes how each test ended, a line each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_OUTCOMES: dict[str, str] = {}


def pytest_runtest_logreport(report: Any) -> None:
    """Keep the worst of set-up, call and tear-down."""
    worst = _OUTCOMES.get(report.nodeid, "passed")
    if report.failed or worst == "failed":
        _OUTCOMES[report.nodeid] = "failed"
    elif report.skipped or worst == "skipped":
        _OUTCOMES[report.nodeid] = "skipped"
    else:
        _OUTCOMES[report.nodeid] = "passed"


def pytest_sessionfinish() -> None:
    """Write all of them."""
    lines = [f"{outcome}\t{test}\n" for test, outcome in sorted(_OUTCOMES.items())]
    Path(os.environ["AYA_OUTCOMES"]).write_text("".join(lines), encoding="utf-8")

"""What psycopg2 makes of its own tests, and what a run has lost against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

HERE = Path(__file__).parent
BASELINE = HERE / "baseline.tsv"

# They read structures of libpq through a pointer, and there is no libpq. psycopg2-binary, which
# has its libpq inside, fails the first one as well.
ALLOWED = {
    "test_connection.ConnectionTests.test_pgconn_ptr",
    "test_cursor.CursorTests.test_pgresult_ptr",
}


class Mode(Enum):
    """How the tests wait for the server."""

    PLAIN = "plain"
    GREEN = "green"


@dataclass
class Result:
    """How one test ended: ``ok``, ``fail`` or ``skip``, and why."""

    status: str
    why: str = ""


@dataclass
class Verdict:
    """A run, compared with the baseline."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    # Tests that psycopg2 passes and this run does not, with the reason.
    lost: list[str] = field(default_factory=list)


def read(mode: Mode) -> dict[str, str]:
    """Return the status of each test under psycopg2."""
    column = 1 if mode is Mode.PLAIN else 2
    lines = BASELINE.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {row[0]: row[column] for row in rows}


def judge(expected: dict[str, str], results: dict[str, Result]) -> Verdict:
    """Compare the results of a run with what psycopg2 makes of the same tests.

    A test that fails is lost unless it is allowed to or fails for psycopg2 too; so is one that is
    skipped where psycopg2 runs it, or that the baseline does not know.
    """
    verdict = Verdict()
    for test, result in sorted(results.items()):
        before = expected.get(test, "unknown")
        if result.status == "ok":
            verdict.passed += 1
        elif result.status == "skip":
            verdict.skipped += 1
            if before != "skip":
                verdict.lost.append(f"{test} is skipped, and was {before}: {result.why[:160]}")
        else:
            verdict.failed += 1
            if test not in ALLOWED and before != "fail":
                verdict.lost.append(f"{test}: {_last_line(result.why)}")
    return verdict


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:160] if lines else "failed without a word"

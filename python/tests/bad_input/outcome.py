"""What became of a snippet, in a form that can be written down and compared."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server import Server

    from bad_input.case import Case

EXPECTED = Path(__file__).parent / "expected.tsv"

# The class of a snippet that raised nothing.
ACCEPTED = "-"

PLAIN = (type(None), bool, int, str, bytes, list, tuple, dict)


@dataclass(frozen=True)
class Outcome:
    """The class of the error and its message, or what a snippet gave if it raised none."""

    error: str
    message: str = ""

    @classmethod
    def of_value(cls, value: object) -> Outcome:
        """Describe what a snippet gave; only plain values are compared."""
        if isinstance(value, dict):
            value = dict(sorted(value.items()))
        return cls(ACCEPTED, _steady(repr(value)) if isinstance(value, PLAIN) else "")

    @classmethod
    def of_error(cls, error: BaseException, package: str, server: Server) -> Outcome:
        """Describe ``error``, without what differs from run to run.

        Args:
            error: what a snippet raised.
            package: the module under test, which psycopg2's name takes the place of.
            server: whose address is not always the same.
        """
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else _full_name(kind)
        return cls(_renamed(name, package), _renamed(server.hide(_steady(str(error))), package))


def read_expected() -> dict[tuple[str, str], Outcome]:
    """Return what psycopg2 made of each case."""
    outcomes = {}
    for line in EXPECTED.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            file, snippet, error, message = line.split("\t")
            outcomes[file, snippet] = Outcome(error, json.loads(message))
    return outcomes


def write_expected(version: str, outcomes: dict[Case, Outcome]) -> None:
    """Write down what psycopg2 made of each case."""
    lines = [
        f"# What psycopg2 {version} makes of each case; made by `python -m bad_input --record`.",
        "# file, snippet, class of the error (- for none), message",
    ]
    for case, outcome in outcomes.items():
        lines.append("\t".join([*case.key, outcome.error, json.dumps(outcome.message)]))
    EXPECTED.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _renamed(text: str, package: str) -> str:
    return re.sub(rf"\b{re.escape(package)}\b", "psycopg2", text)


def _steady(text: str) -> str:
    """Take addresses in memory out of a message."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x...", text)

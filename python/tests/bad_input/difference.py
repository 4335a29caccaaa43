"""Where we answer otherwise than psycopg2 on purpose."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bad_input.outcome import Outcome

DIFFERENCES = Path(__file__).parent / "differences.tsv"


@dataclass(frozen=True)
class Difference:
    """Our outcome of one case, and why it is not psycopg2's."""

    outcome: Outcome
    reason: str


def read_differences() -> dict[tuple[str, str], Difference]:
    """Return the differences by the key of their case."""
    differences = {}
    for line in DIFFERENCES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            file, snippet, error, message, reason = line.split("\t")
            differences[file, snippet] = Difference(Outcome(error, json.loads(message)), reason)
    return differences

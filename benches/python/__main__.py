"""Measures aya_db, psycopg2, psycopg 3 and asyncpg in one run, for `cargo xtask bench python`.

Every driver lives in a process of its own. In each round every driver runs a case before the next
case begins, and another driver is the first of them, so that no driver has the better hour.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import psycopg2

from cases import CASES, Case
from chart import draw
from data import SETUP
from fleet import Fleet
from measure import server
from report import Report

DRIVERS = ["aya_db", "psycopg2", "psycopg", "asyncpg"]


def main() -> int:
    """Measure, and say how it went; the exit code is 1 if a target was missed and must not be."""
    arguments = _parser().parse_args()
    cases = [case for case in CASES if not arguments.case or case.name in arguments.case]
    version = _set_up()
    with Fleet(arguments.driver or DRIVERS) as fleet:
        versions = fleet.versions()
        samples = _measure(fleet, list(versions), cases, arguments.rounds)
    report = Report(versions, version, samples)
    _write(report, arguments.out, arguments.chart)
    print(report.markdown())
    missed = report.missed()
    for line in missed:
        print("MISSED", line)
    return 1 if missed and arguments.check else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cargo xtask bench python", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="after one that does not count")
    parser.add_argument("--case", action="append", help="measure this one alone; may be repeated")
    parser.add_argument("--driver", action="append", help="measure this one; may be repeated")
    parser.add_argument("--check", action="store_true", help="fail if a target is missed")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the results")
    parser.add_argument("--chart", type=Path, help="write the chart there as well")
    return parser


def _set_up() -> str:
    """Make the tables; return the server's version."""
    conn: Any = psycopg2.connect(**server())  # type: ignore[call-overload]
    conn.autocommit = True
    with conn.cursor() as cur:
        for statement in filter(str.strip, SETUP.split(";")):
            cur.execute(statement)
        cur.execute("show server_version")
        version = str(cur.fetchone()[0])
    conn.close()
    return version


def _measure(
    fleet: Fleet, drivers: list[str], cases: list[Case], rounds: int
) -> dict[str, dict[str, list[float]]]:
    samples: dict[str, dict[str, list[float]]] = {case.name: {} for case in cases}
    for turn in range(rounds + 1):
        first = turn % len(drivers)
        for case in cases:
            for driver in drivers[first:] + drivers[:first]:
                sample = fleet.measure(driver, case)
                # The first round fills caches, of the machine as of the drivers.
                if sample is not None and turn > 0:
                    samples[case.name].setdefault(driver, []).append(sample)
        print(f"round {turn} of {rounds}", file=sys.stderr, flush=True)
    return samples


def _write(report: Report, folder: Path, chart: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    figures = json.dumps(report.json(), indent=1)
    (folder / "python.json").write_text(figures + "\n", encoding="utf-8")
    (folder / "python.md").write_text(report.markdown() + "\n", encoding="utf-8")
    for path in filter(None, [folder / "python.svg", chart]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(draw(report), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

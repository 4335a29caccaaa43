"""Runs psycopg2's own tests against this package, and compares them with psycopg2's results.

The tests come from psycopg2's source distribution (see `fetch.py`), which is LGPL and never part of
this repository. The server is found by ``AYA_HOST``, ``AYA_PORT``, ``AYA_USER``, ``AYA_PASSWORD``
and ``AYA_DATABASE``, as the program ``with-postgres`` sets them.

Each file has a process of its own, so that a crash or a hang costs that file alone. A test that the
baseline knows and that never reported is a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from baseline import BASELINE, Mode, Result, Verdict, judge, read

HERE = Path(__file__).parent


def main() -> int:
    """Run the files that are asked for; the exit code is 0 if no pass was lost."""
    arguments = _parser().parse_args()
    mode = Mode(arguments.mode)
    tests: Path = arguments.tests.resolve()
    files = arguments.files or sorted(path.stem for path in tests.glob("test_*.py"))
    expected = {} if arguments.write_baseline else read(mode)
    environment = _environment(arguments.module, mode)
    total = Verdict()
    results: dict[str, Result] = {}
    print(f"{'file':28}{'passed':>8}{'failed':>8}{'skipped':>8}{'psycopg2':>14}{'sec':>7}  note")
    for file in files:
        known = {test: end for test, end in expected.items() if test.startswith(file + ".")}
        run = _run(file, tests, environment, arguments.timeout, arguments.allow_libpq)
        for test in [*known, *run.started]:
            # It crashed, hung, or was never collected.
            run.results.setdefault(test, Result("fail", f"did not report {run.note}"))
        verdict = judge(known, run.results)
        _print(file, verdict, known, run)
        _add(total, verdict)
        results.update(run.results)
    if arguments.report:
        _report(arguments.report, results)
    if arguments.write_baseline:
        _write_baseline(mode, results)
        return 0
    for lost in total.lost:
        print("LOST", lost)
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    # In the words of libtest, by which `cargo xtask test` counts: a failure is a pass that is lost.
    word = "FAILED" if total.lost else "ok"
    print(f"test result: {word}. {total.passed} passed; {len(total.lost)} failed; 0 ignored")
    return 1 if total.lost else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="as test_cursor; by default all")
    parser.add_argument("--tests", type=Path, required=True, help="psycopg2's folder of tests")
    parser.add_argument("--module", default="aya_db", help="what is tested")
    parser.add_argument("--mode", default="plain", choices=[mode.value for mode in Mode])
    parser.add_argument("--timeout", type=float, default=180, help="seconds for each file")
    parser.add_argument("--report", type=Path, help="write every result there, as JSON")
    parser.add_argument(
        "--allow-libpq",
        action="store_true",
        help="do not refuse to run when libpq is loaded, to measure psycopg2 itself",
    )
    parser.add_argument(
        "--write-baseline", action="store_true", help="take the results for psycopg2's"
    )
    return parser


def _environment(module: str, mode: Mode) -> dict[str, str]:
    """Tell the tests where the server is, in their own words."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    for name, ours in {
        "PSYCOPG2_TESTDB": "AYA_DATABASE",
        "PSYCOPG2_TESTDB_HOST": "AYA_HOST",
        "PSYCOPG2_TESTDB_PORT": "AYA_PORT",
        "PSYCOPG2_TESTDB_USER": "AYA_USER",
        "PSYCOPG2_TESTDB_PASSWORD": "AYA_PASSWORD",
    }.items():
        if ours not in os.environ:
            raise SystemExit(f"{ours} is not set: run this below with-postgres")
        environment[name] = os.environ[ours]
    # Empty means the same server; without it the replication tests would be skipped.
    environment["PSYCOPG2_TEST_REPL_DSN"] = ""
    if mode is Mode.GREEN:
        environment["PSYCOPG2_TEST_GREEN"] = "1"
    environment["AYA_SUITE_MODULE"] = module
    environment["PYTHONFAULTHANDLER"] = "1"
    path = [str(HERE / "alias"), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return environment


@dataclass
class _Run:
    """What one process reported."""

    results: dict[str, Result] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    note: str = ""
    info: str = ""
    seconds: float = 0


def _run(
    file: str, tests: Path, environment: dict[str, str], timeout: float, allow_libpq: bool
) -> _Run:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out, log = Path(folder, "results"), Path(folder, "log")
        command = [sys.executable, str(HERE / "child.py"), file]
        command += ["--tests", str(tests), "--out", str(out)]
        command += ["--allow-libpq"] if allow_libpq else []
        with log.open("wb") as output:
            child = subprocess.Popen(
                command,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = child.wait(timeout)
                end = f"exit code {code}" if code else ""
            except subprocess.TimeoutExpired:
                # The whole session: tests leave processes of their own.
                os.killpg(child.pid, 9)
                child.wait()
                end = f"stopped after {timeout:.0f} s"
        run = _read(out)
        if end:
            tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            run.note = f"{end} {run.note} {''.join(tail)[:150]}".strip()
    run.seconds = time.monotonic() - began
    return run


def _read(path: Path) -> _Run:
    run = _Run()
    if not path.exists():
        run.note = "no line was written"
        return run
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "fatal" in entry:
            run.note = entry["fatal"][:200]
        elif "info" in entry:
            run.info = entry["info"]
        elif entry["status"] == "start":
            run.started.append(entry["id"])
        elif entry["id"] not in run.results or run.results[entry["id"]].status != "fail":
            # A failure is final: a test with parts may report once for each of them.
            run.results[entry["id"]] = Result(entry["status"], entry["why"])
    return run


def _print(file: str, verdict: Verdict, known: dict[str, str], run: _Run) -> None:
    ends = list(known.values())
    before = "/".join(str(ends.count(end)) for end in ("ok", "fail", "skip"))
    counts = f"{verdict.passed:>8}{verdict.failed:>8}{verdict.skipped:>8}"
    note = run.note or (run.info if "aya_db" not in run.info else "")
    print(f"{file:28}{counts}{before:>14}{run.seconds:>7.1f}  {note}", flush=True)


def _add(total: Verdict, part: Verdict) -> None:
    total.passed += part.passed
    total.failed += part.failed
    total.skipped += part.skipped
    total.lost += part.lost


def _report(path: Path, results: dict[str, Result]) -> None:
    entries = {test: [result.status, result.why] for test, result in sorted(results.items())}
    path.write_text(json.dumps(entries, indent=0), encoding="utf-8")


def _write_baseline(mode: Mode, results: dict[str, Result]) -> None:
    ends = {other: read(other) for other in Mode}
    ends[mode] = {test: result.status for test, result in results.items()}
    lines = [
        line for line in BASELINE.read_text(encoding="utf-8").splitlines() if line.startswith("#")
    ]
    for test in sorted({test for part in ends.values() for test in part}):
        columns = [ends[other].get(test, "unknown") for other in Mode]
        lines.append("\t".join([test, *columns]))
    BASELINE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

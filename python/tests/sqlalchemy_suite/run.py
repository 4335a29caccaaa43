"""Runs SQLAlchemy's tests of its PostgreSQL dialect on this package, under psycopg2's name.

The tests come from SQLAlchemy's source distribution and are never part of this repository. A test
that psycopg2 passes has to pass: `baseline.tsv` lists those that psycopg2-binary 2.9.13 does not
pass, and says how many it does. The server is found by ``AYA_HOST`` and the others, as the program
``with-postgres`` sets them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "2.1.9"
HERE = Path(__file__).parent
BASELINE = HERE / "baseline.tsv"
ALIAS = HERE.parent / "psycopg2_suite" / "alias"

# What SQLAlchemy's README.unittests.rst asks of a PostgreSQL database.
SCHEMAS = """
create schema if not exists test_schema;
create schema if not exists test_schema_2;
create extension if not exists hstore;
create extension if not exists citext;
"""


def main() -> int:
    """Run them; the exit code is 0 if no pass was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the source distribution is kept")
    parser.add_argument("--module", default="aya_db", help="what stands in for psycopg2")
    parser.add_argument(
        "--write-baseline", action="store_true", help="take the outcomes for psycopg2's"
    )
    arguments = parser.parse_args()
    source = fetch(arguments.folder.resolve())
    outcomes = run(source, arguments.module)
    passed = sum(outcome == "passed" for outcome in outcomes.values())
    if arguments.write_baseline:
        write_baseline(outcomes, passed)
        return 0
    expected, others = read_baseline()
    lost = [
        f"{test} {outcome}, and psycopg2 passes it"
        for test, outcome in sorted(outcomes.items())
        if outcome != "passed" and test not in others
    ]
    for line in lost:
        print("LOST", line)
    # A test that was not even collected is missing in the sum.
    missing = max(0, expected - passed - len(lost))
    if missing:
        print(f"LOST {missing} tests that psycopg2 passes and that did not run")
    count = len(lost) + missing
    # In the words of libtest, by which `cargo xtask test` counts.
    word = "FAILED" if count else "ok"
    print(f"test result: {word}. {passed} passed; {count} failed; 0 ignored")
    return 1 if count else 0


def fetch(folder: Path) -> Path:
    """Return the source distribution, which pip downloads unless it is there."""
    source = folder / f"sqlalchemy-{VERSION}"
    if not (source / "test" / "dialect").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--disable-pip-version-check", "--no-binary", ":all:", "--dest", scratch]
            subprocess.run([*command, f"SQLAlchemy=={VERSION}"], check=True)
            with tarfile.open(Path(scratch) / f"sqlalchemy-{VERSION}.tar.gz") as files:
                files.extractall(Path(scratch) / "unpacked")
            shutil.rmtree(source, ignore_errors=True)
            (Path(scratch) / "unpacked" / source.name).rename(source)
    return source


def run(source: Path, module: str) -> dict[str, str]:
    """Return how each test ended."""
    host, port, user, password, database = (
        os.environ[f"AYA_{name}"] for name in ("HOST", "PORT", "USER", "PASSWORD", "DATABASE")
    )
    environment = dict(os.environ)
    paths = [str(ALIAS), str(HERE), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    environment["AYA_SUITE_MODULE"] = module
    dsn = f"host={host} port={port} user={user} password={password} dbname={database}"
    prepare = f"import psycopg2; c = psycopg2.connect({dsn!r}); c.autocommit = True;"
    prepare += f"c.cursor().execute({SCHEMAS!r})"
    subprocess.run([sys.executable, "-c", prepare], env=environment, check=True)
    with tempfile.TemporaryDirectory() as scratch:
        outcomes = Path(scratch) / "outcomes.tsv"
        environment["AYA_OUTCOMES"] = str(outcomes)
        command = [sys.executable, "-m", "pytest", "-p", "outcomes", "-p", "no:cacheprovider"]
        command += ["-q", "--no-header", "--tb=line", "--maxfail=500", "-W", "ignore"]
        command += ["--dburi", f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"]
        command += ["test/dialect/test_suite.py", "test/dialect/postgresql"]
        subprocess.run(command, cwd=source, env=environment, check=False)
        lines = outcomes.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t", 1) for line in lines]
    return {test: outcome for outcome, test in pairs}


def read_baseline() -> tuple[int, set[str]]:
    """Return how many tests psycopg2 passes, and which ones it does not."""
    lines = BASELINE.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t", 1) for line in lines if not line.startswith("#")]
    count = next(int(name) for outcome, name in rows if outcome == "passed")
    return count, {name for outcome, name in rows if outcome != "passed"}


def write_baseline(outcomes: dict[str, str], passed: int) -> None:
    """Write what is needed to tell whether a pass is lost."""
    lines = [
        f"# What psycopg2-binary 2.9.13 makes of SQLAlchemy {VERSION}'s tests on PostgreSQL 18;",
        "# written by `run.py --write-baseline`.",
        f"passed\t{passed}",
    ]
    lines += [
        f"{outcome}\t{test}" for test, outcome in sorted(outcomes.items()) if outcome != "passed"
    ]
    BASELINE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

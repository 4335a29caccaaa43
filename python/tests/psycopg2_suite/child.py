"""Runs one file of psycopg2's tests in this process, and writes a line for each test."""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
import os
import sys
import time
import types
import unittest
import warnings
from pathlib import Path
from typing import Any, TextIO


def main() -> None:
    """Run the file and leave without the interpreter's farewell, which may hang."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="the module of the tests, as test_cursor")
    parser.add_argument("--tests", type=Path, required=True, help="psycopg2's folder of tests")
    parser.add_argument("--out", required=True, help="where the lines go")
    parser.add_argument("--allow-libpq", action="store_true")
    arguments = parser.parse_args()
    faulthandler.enable()
    with Path(arguments.out).open("a", buffering=1, encoding="utf-8") as out:
        try:
            run(arguments.file, arguments.tests, out, allow_libpq=arguments.allow_libpq)
        except BaseException as error:
            _write(out, fatal=f"{type(error).__name__}: {error}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def run(file: str, tests: Path, out: TextIO, *, allow_libpq: bool) -> None:
    """Load the tests as a package named ``tests``, without its own start-up, and run them."""
    package: Any = types.ModuleType("tests")
    package.__path__ = [str(tests)]
    package.unittest = unittest
    sys.modules["tests"] = package
    os.chdir(tests.parent)
    # As psycopg2's own start-up does: a warning is a failure.
    warnings.simplefilter("error")
    psycopg2 = importlib.import_module("psycopg2")
    _write(out, info=f"psycopg2 is {psycopg2.__name__} {psycopg2.__version__!r}")
    if not allow_libpq:
        _refuse_the_real_one()
    suite = importlib.import_module(f"tests.{file}").test_suite()

    def result_class(*args: Any, **kwargs: Any) -> Reporter:
        return Reporter(out, *args, **kwargs)

    unittest.TextTestRunner(resultclass=result_class, verbosity=2).run(suite)


def _refuse_the_real_one() -> None:
    """Raise if psycopg2 or libpq does the work underneath."""
    places = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    real = [place for place in places if f"{os.sep}psycopg2{os.sep}" in place]
    maps = Path("/proc/self/maps")
    if maps.exists():
        lines = maps.read_text(encoding="utf-8").splitlines()
        real += sorted({line.split()[-1] for line in lines if "libpq" in line})
    if real:
        raise RuntimeError(f"the real thing is loaded underneath: {real}")


class Reporter(unittest.TextTestResult):
    """Writes each test when it starts and when it ends, so that a crash is seen by its absence."""

    def __init__(self, out: TextIO, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._out = out
        self._began = time.monotonic()

    def startTest(self, test: unittest.TestCase) -> None:
        self._began = time.monotonic()
        _write(self._out, id=_id(test), status="start")
        super().startTest(test)

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._ended(test, "ok")
        super().addSuccess(test)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._ended(test, "fail", self._trace(err, test))
        super().addFailure(test, err)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self._ended(test, "fail", self._trace(err, test))
        super().addError(test, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._ended(test, "skip", reason)
        super().addSkip(test, reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._ended(test, "ok")
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._ended(test, "fail", "unexpected success")
        super().addUnexpectedSuccess(test)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self._ended(test, "fail", self._trace(err, subtest))
        super().addSubTest(test, subtest, err)

    def _trace(self, err: Any, test: unittest.TestCase) -> str:
        text: str = self._exc_info_to_string(err, test)  # type: ignore[attr-defined]
        return text[-1500:]

    def _ended(self, test: unittest.TestCase, status: str, why: str = "") -> None:
        seconds = round(time.monotonic() - self._began, 3)
        _write(self._out, id=_id(test), status=status, why=why, seconds=seconds)


def _id(test: unittest.TestCase) -> str:
    return test.id().removeprefix("tests.")


def _write(out: TextIO, **fields: object) -> None:
    out.write(json.dumps(fields) + "\n")


if __name__ == "__main__":
    main()

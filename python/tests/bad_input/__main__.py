"""Writes ``expected.tsv`` anew: runs every case with psycopg2.

Below ``python/tests``, with psycopg2-binary 2.9.13 installed, and PostgreSQL 18 as server::

    with-postgres --setting wal_level=logical --setting max_prepared_transactions=10 \
        --database bad_input -- env AYA_TEST_MODULE=psycopg2 python -m bad_input --record

Read the difference before it is committed: a case for which psycopg2 raises `NameError` or
`AttributeError` is mostly a mistake in the case.
"""

from __future__ import annotations

import argparse
import sys

from server import Server, module_under_test

from bad_input.case import Compare, read_cases
from bad_input.outcome import ACCEPTED, Outcome, write_expected
from bad_input.run import run


def main() -> int:
    """Run the cases, and write down or print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write expected.tsv, print nothing")
    parser.add_argument("files", nargs="*", help="print these files alone, as dsn")
    arguments = parser.parse_args()
    server = Server.from_environment()
    outcomes = {}
    for case in read_cases():
        if arguments.record or not arguments.files or case.file in arguments.files:
            outcome = run(case, module_under_test, server)
            if not arguments.record:
                print(case.file, case.snippet, outcome.error, repr(outcome.message), sep="\t")
            if case.compare is Compare.CLASS and outcome.error != ACCEPTED:
                outcome = Outcome(outcome.error)
            outcomes[case] = outcome
    if arguments.record:
        write_expected(module_under_test().__version__, outcomes)
    return 0


if __name__ == "__main__":
    sys.exit(main())

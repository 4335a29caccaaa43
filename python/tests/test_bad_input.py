"""Bad input is refused as psycopg2 refuses it: by the same class of error, in the same words."""

from __future__ import annotations

from collections import Counter

import pytest
from bad_input.case import Case, Compare, read_cases
from bad_input.difference import read_differences
from bad_input.outcome import ACCEPTED, Outcome, read_expected
from bad_input.run import run
from server import Server, module_under_test

CASES = read_cases()
EXPECTED = read_expected()
DIFFERENCES = read_differences() if module_under_test().__name__ == "aya_db" else {}

# Without any of these in the environment, a connection string says all.
LIBPQ_VARIABLES = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSERVICE")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.snippet}")
def test_is_refused_as_by_psycopg2(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LIBPQ_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    outcome = run(case, module_under_test, Server.from_environment())
    different = DIFFERENCES.get(case.key)
    expected = different.outcome if different else EXPECTED[case.key]
    if case.compare is Compare.CLASS:
        assert outcome.error == expected.error, outcome.message
    else:
        assert outcome == expected


def test_each_case_has_an_outcome_and_is_there_once() -> None:
    assert Counter(case.key for case in CASES) == Counter(dict.fromkeys(EXPECTED, 1))


def test_enough_is_compared_word_for_word() -> None:
    refused = [case for case in CASES if EXPECTED[case.key].error != ACCEPTED]
    assert len([case for case in refused if case.compare is Compare.ALL]) >= 320


def test_each_difference_is_one_and_says_why() -> None:
    for key, difference in read_differences().items():
        assert difference.outcome != EXPECTED[key]
        assert key in {case.key for case in CASES}
        assert difference.reason


def test_a_message_loses_what_changes_from_run_to_run() -> None:
    server = Server("127.0.0.1", "5433", "postgres", "secret", "shop")
    error = ValueError('at "127.0.0.1", port 5433: <mine.thing at 0x7f00aa00bb00> in "shop"')
    outcome = Outcome.of_error(error, "mine", server)
    told = 'at "HOST", port PORT: <psycopg2.thing at 0x...> in "DATABASE"'
    assert outcome == Outcome("ValueError", told)

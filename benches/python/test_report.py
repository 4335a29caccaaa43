"""What is made of samples."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from cases import CASES
from chart import draw
from report import Ratio, Report

FETCH = next(case for case in CASES if case.name == "fetch_mixed")


def report(ours: list[float]) -> Report:
    reference = [1.0, 2.0, 1.0]
    samples = {
        FETCH.name: {"psycopg2": reference, "aya_db": ours},
        "execute_values": {"psycopg2": reference, "aya_db": [0.5, 0.5, 0.5]},
    }
    return Report({"aya_db": "1", "psycopg2": "2", "asyncpg": "3"}, "18.6", samples)


def test_a_ratio_is_of_samples_of_the_same_round() -> None:
    # A slow round is slow for both.
    ratio = Ratio.of([0.5, 5.0, 0.6], [1.0, 10.0, 1.0])
    assert ratio.median == pytest.approx(0.5)
    assert ratio.low == pytest.approx(0.5)
    assert ratio.high == pytest.approx(0.55)


def test_a_target_is_missed_by_the_median() -> None:
    assert report([0.7, 1.4, 9.0]).missed() == []
    (line,) = report([0.8, 1.6, 0.1]).missed()
    assert line.endswith("0.80 of psycopg2's, at most 0.7")


def test_a_driver_without_a_case_has_a_dash() -> None:
    table = report([0.5, 1.0, 0.5]).markdown()
    assert "| 1000.0 ms | 0.50 (0.50–0.50) | — | 0.7 |" in table


def test_the_chart_is_well_formed_and_cuts_long_bars() -> None:
    chart = draw(report([50.0, 100.0, 50.0]))
    root = ElementTree.fromstring(chart)
    widths = [float(it.get("width", "0").rstrip("%")) for it in root.findall(".//{*}rect")]
    assert max(widths) <= float(root.get("width", "0"))
    assert "50.00" in chart

"""The chart of the README: a bar for each driver and case, as a multiple of psycopg2's."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from report import OURS, REFERENCE

if TYPE_CHECKING:
    from report import Report

COLOURS = {OURS: "#1f6feb", "psycopg": "#8c959f", "asyncpg": "#bf8700"}
WIDTH = 900
LEFT = 330
RIGHT = 70
TOP = 84
BAR = 12
GAP = 14
# A bar that would be longer is cut, and its number tells.
MOST = 2.0


def draw(report: Report) -> str:
    """Return the chart as SVG."""
    drivers = [driver for driver in report.versions if driver != REFERENCE]
    parts = [*_head(drivers)]
    y = TOP
    for case in report.cases:
        title = escape(case.title.replace("`", ""))
        ratios = [(driver, report.ratio(case, driver)) for driver in drivers]
        bars = [(driver, ratio.median) for driver, ratio in ratios if ratio]
        height = BAR * len(bars)
        parts.append(_text(LEFT - 10, y + height / 2 + 4, title, anchor="end"))
        for driver, ratio in bars:
            parts += _bar(y, driver, ratio)
            y += BAR
        y += GAP
    one = _x(1)
    parts.append(
        f'<line x1="{one}" y1="{TOP - 8}" x2="{one}" y2="{y - GAP + 6}" stroke="#cf222e"'
        ' stroke-dasharray="4 3"/>'
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 6}"'
        f' viewBox="0 0 {WIDTH} {y + 6}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _head(drivers: list[str]) -> list[str]:
    parts = [_text(20, 26, f"Time and memory as multiples of {REFERENCE}'s: less is better", 16)]
    x = 20
    for driver in drivers:
        colour = COLOURS[driver]
        parts.append(f'<rect x="{x}" y="40" width="12" height="12" fill="{colour}"/>')
        name = "psycopg 3 (C)" if driver == "psycopg" else driver
        parts.append(_text(x + 18, 50, name))
        x += 120
    ticks = (0, 0.5, 1, 1.5, 2)
    return parts + [_text(_x(at), TOP - 12, f"{at:g}", anchor="middle") for at in ticks]


def _bar(y: float, driver: str, ratio: float) -> list[str]:
    end = _x(min(ratio, MOST))
    return [
        f'<rect x="{LEFT}" y="{y + 1:.0f}" width="{end - LEFT:.1f}" height="{BAR - 2}"'
        f' fill="{COLOURS[driver]}"/>',
        _text(end + 5, y + BAR - 2, f"{ratio:.2f}", 10),
    ]


def _x(ratio: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * ratio / MOST, 1)


def _text(x: float, y: float, text: str, size: int = 12, anchor: str = "start") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="#24292f">'
        f"{text}</text>"
    )

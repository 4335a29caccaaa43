"""``python -m aya_db``: how a cluster stands, from a terminal."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import aya_db
from aya_db._psycopg import COMMIT_LEDGER_SQL
from aya_db.status import ClusterStatus, cluster_status

if TYPE_CHECKING:
    from collections.abc import Sequence

# Exit codes: all is well, something is not, the question could not be asked.
WELL, UNWELL, WRONG = 0, 1, 2

_COLUMNS = ("host", "port", "role", "timeline", "lag_bytes", "latency_ms", "error")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 if all is well, 1 if not, 2 if it could not be found out."""
    given = _parser().parse_args(arguments)
    try:
        code: int = given.run(given)
    except aya_db.Error as error:
        print(f"aya_db: {str(error).strip()}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        return WELL
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aya_db", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument(
            "dsn", metavar="DSN", help="a connection string, perhaps of several hosts"
        )
        added.set_defaults(run=run)
        return added

    status = command("status", _status, "Ask every server how it stands.")
    status.add_argument("--json", action="store_true", help="print one JSON object")
    ping = command("ping", _ping, "Connect as an application does, and run SELECT 1.")
    ping.add_argument("--json", action="store_true", help="print one JSON object")
    watch = command("watch", _watch, "Show how the servers stand, again and again.")
    watch.add_argument("--interval", type=float, default=1.0, help="seconds between two looks")
    watch.add_argument("--count", type=int, default=0, help="how many looks; 0 for no end")
    command("setup", _setup, "Create the commit ledger, by which commits in doubt are resolved.")
    return parser


def _status(given: argparse.Namespace) -> int:
    status = cluster_status(given.dsn)
    if given.json:
        print(json.dumps(status.as_dict()))
    else:
        print(_text(status))
    return WELL if status.is_healthy else UNWELL


def _ping(given: argparse.Namespace) -> int:
    began = time.monotonic()
    conn = aya_db.connect(given.dsn)
    try:
        with conn.cursor() as cur:
            cur.execute("select 1")
        took = round(1000 * (time.monotonic() - began), 1)
        host, port = conn.info.host, conn.info.port
    finally:
        conn.close()
    if given.json:
        print(json.dumps({"host": host, "port": port, "ms": took}))
    else:
        print(f"{host}:{port} answers in {took} ms")
    return WELL


def _watch(given: argparse.Namespace) -> int:
    try:
        from rich.live import Live
    except ModuleNotFoundError:
        return _watch_plainly(given)
    with Live(screen=False, auto_refresh=False) as live:
        for status in _looks(given):
            live.update(_table(status), refresh=True)
    return WELL


def _watch_plainly(given: argparse.Namespace) -> int:
    for status in _looks(given):
        print(_text(status), end="\n\n", flush=True)
    return WELL


def _looks(given: argparse.Namespace) -> Any:
    done = 0
    while True:
        yield cluster_status(given.dsn)
        done += 1
        if done == given.count:
            return
        time.sleep(given.interval)


def _setup(given: argparse.Namespace) -> int:
    conn = aya_db.connect(given.dsn)
    try:
        conn.autocommit = True
        with conn.cursor() as cur:
            cur.execute(COMMIT_LEDGER_SQL)
    finally:
        conn.close()
    print("the commit ledger is set up")
    return WELL


def _rows(status: ClusterStatus) -> list[list[str]]:
    shown = []
    for node in status.nodes:
        values = [getattr(node, column) for column in _COLUMNS]
        shown.append(["" if value is None else str(value).splitlines()[0] for value in values])
    return shown


def _text(status: ClusterStatus) -> str:
    rows = [list(_COLUMNS), *_rows(status)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _table(status: ClusterStatus) -> Any:
    from rich.table import Table

    colours = {"primary": "bold green", "standby": "cyan", "unreachable": "bold red"}
    table = Table(title="healthy" if status.is_healthy else "[bold red]not healthy")
    for column in _COLUMNS:
        table.add_column(column)
    for node, row in zip(status.nodes, _rows(status)):
        table.add_row(*row, style=colours.get(node.role, ""))
    return table

"""`cluster_status` and ``python -m aya_db``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import aya_db
from aya_db import _cli


def closed_port() -> int:
    """Return a port at which nobody listens."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_every_host_is_asked(dsn: str) -> None:
    given = aya_db.extensions.parse_dsn(dsn)
    status = aya_db.cluster_status(
        dsn, host=f"{given['host']},127.0.0.1", port=f"{given['port']},{closed_port()}"
    )
    up, down = status.nodes
    assert (up.role, up.host, up.port) == ("primary", given["host"], int(given["port"]))
    assert up.timeline == 1
    assert up.lag_bytes == 0
    assert (down.role, status.primary, status.is_healthy) == ("unreachable", up, False)
    assert down.error is not None
    assert "Connection refused" in down.error
    assert json.dumps(status.as_dict())


def test_no_password_is_shown(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    dsn = f"{dsn} password=very-secret host=127.0.0.1 port={closed_port()}"
    assert _cli.main(["status", "--json", dsn]) == _cli.UNWELL
    assert _cli.main(["ping", f"{dsn} failover=off"]) == _cli.WRONG
    shown = "".join(capsys.readouterr())
    assert "very-secret" not in shown
    assert "refused" in shown


def test_the_commands_answer(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _cli.main(["status", dsn]) == _cli.WELL
    assert "primary" in capsys.readouterr().out
    assert _cli.main(["ping", "--json", dsn]) == _cli.WELL
    assert json.loads(capsys.readouterr().out)["ms"] > 0
    assert _cli.main(["watch", "--count", "2", "--interval", "0", dsn]) == _cli.WELL
    assert "primary" in capsys.readouterr().out
    assert _cli.main(["setup", dsn]) == _cli.WELL
    # Setting it up again changes nothing.
    assert _cli.main(["setup", dsn]) == _cli.WELL


def test_it_is_a_program(dsn: str) -> None:
    command = [sys.executable, "-m", "aya_db", "status", "--json", dsn]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    assert json.loads(told.stdout)["healthy"] is True

"""The agents' connector."""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any

import pytest
from proxy import Proxy
from server import Server

import aya_db
from aya_db.postgres_connector import PostgresConnector


def test_queries_and_transactions(dsn: str, table: str) -> None:
    with PostgresConnector(dsn) as db:
        assert db.execute("insert into numbers values (1, 'a'), (2, 'b')") == 2
        with db.transaction() as cur:
            cur.execute("update numbers set v = 'c' where id = %s", (2,))
        with pytest.raises(ZeroDivisionError), db.transaction() as cur:
            cur.execute("delete from numbers")
            raise ZeroDivisionError
        assert db.query("select * from numbers order by id") == [
            {"id": 1, "v": "a"},
            {"id": 2, "v": "c"},
        ]
        assert db.run(lambda conn: conn.autocommit) is False
        health = db.health()
        assert (health["query"], health["healthy"]) == (True, True)
    with pytest.raises(aya_db.InterfaceError, match="closed"):
        db.query("select 1")


def test_the_environment_configures_it(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("AYA_POOL_MAX_SIZE", "2")
    with PostgresConnector() as db:
        assert db.query("select 1 as one") == [{"one": 1}]
    monkeypatch.setenv("AYA_POOL_MAX_SIZE", "many")
    with pytest.raises(ValueError, match="AYA_POOL_MAX_SIZE must be a whole number, got 'many'"):
        PostgresConnector()


def test_more_threads_than_connections_wait(dsn: str, table: str) -> None:
    db = PostgresConnector(dsn, max_size=2)

    def work(number: int) -> None:
        for turn in range(5):
            db.execute("insert into numbers values (%s, 'x')", (10 * number + turn,))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.query("select count(*) as n from numbers") == [{"n": 40}]
    db.close()


def test_agents_do_not_notice_a_loss(table: str) -> None:
    server = Server.from_environment()
    proxy = Proxy(server.host, int(server.port))
    with PostgresConnector(server.dsn, host="127.0.0.1", port=proxy.port) as db:
        for number in range(5):
            db.execute("insert into numbers values (%s, 'x')", (number,))
            proxy.cut()
        assert db.query("select count(*) as n from numbers") == [{"n": 5}]
    proxy.close()


def _child(db: PostgresConnector, answers: Any) -> None:
    answers.put(db.query("select pg_backend_pid() as pid")[0]["pid"])


def test_a_forked_child_has_a_pool_of_its_own(dsn: str) -> None:
    db = PostgresConnector(dsn)
    mine = db.query("select pg_backend_pid() as pid")[0]["pid"]
    context: Any = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_child, args=(db, answers))
    child.start()
    theirs = answers.get(timeout=20)
    child.join(20)
    assert theirs != mine
    assert db.query("select pg_backend_pid() as pid")[0]["pid"] == mine
    db.close()

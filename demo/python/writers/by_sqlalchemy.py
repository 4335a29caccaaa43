"""SQLAlchemy's ORM on aya_db: one engine for all agents of a process, a session for each unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, BigInteger, Engine, create_engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from writers.writer import STEPS, MisreadError, left_by_fate

if TYPE_CHECKING:
    from collections.abc import Callable

    from writers.writer import Order, Task


def maker(order: Order) -> Callable[[int, Task], OrmWriter]:
    """Return what makes the writer of an agent."""
    engine = create_engine(_url(order["parameters"]), pool_size=len(order["agents"]))
    return lambda number, task: OrmWriter(engine, number, task)


def _url(parameters: dict[str, Any]) -> URL:
    """Return the URL of a database on several hosts."""
    more = dict(parameters)
    hosts = zip(more.pop("host").split(","), more.pop("port").split(","))
    query: dict[str, Any] = {"host": tuple(f"{host}:{port}" for host, port in hosts), **more}
    names = ("user", "password", "dbname")
    user, password, database = (query.pop(name) for name in names)
    return URL.create("postgresql+aya_db", user, password, database=database, query=query)


class Base(DeclarativeBase):
    """The base of what is mapped."""


class Entry(Base):
    """A row of the ledger."""

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    agent: Mapped[int]
    step: Mapped[int] = mapped_column(primary_key=True)
    steps: Mapped[int]


class OrmWriter:
    """One agent's way to the engine."""

    def __init__(self, engine: Engine, number: int, task: Task) -> None:
        self._autocommit = task == "autocommit"
        options = {"isolation_level": "AUTOCOMMIT"} if self._autocommit else {}
        self._engine = engine.execution_options(**options)
        self._number = number

    def write(self, unit: int) -> None:
        """Write ``unit``."""
        with Session(self._engine) as session, session.begin():
            if self._autocommit:
                session.add(Entry(id=unit, agent=self._number, step=1, steps=1))
                return
            for step in range(1, STEPS + 1):
                session.add(Entry(id=unit, agent=self._number, step=step, steps=STEPS))
                session.flush()
                if step < STEPS:
                    there = select(func.count()).select_from(Entry).where(Entry.id == unit)
                    if session.scalar(there) != step:
                        raise MisreadError("it did not read what it had written")

    def recover(self) -> None:
        """Do nothing: the session is gone, and the pool looks after its connections."""

    def left(self, error: Exception) -> str:
        """Return what ``error`` says of the unit."""
        return left_by_fate(error.orig if isinstance(error, DBAPIError) and error.orig else error)

"""SQLAlchemy's dialect and Django's backend."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from proxy import Proxy
from server import Server
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """The mapped classes."""


class Item(Base):
    """A mapped class."""

    __tablename__ = "item_of_sqlalchemy"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def engine(port: int, second: int) -> Any:
    server = Server.from_environment()
    return create_engine(
        f"postgresql+aya_db://{server.user}:{server.password}@/{server.database}"
        f"?host=127.0.0.1:{port}&host=127.0.0.1:{second}"
    )


def test_sqlalchemys_pool_outlives_a_server() -> None:
    server = Server.from_environment()
    first, second = (Proxy(server.host, int(server.port)) for _ in range(2))
    made = engine(first.port, second.port)
    assert made.dialect.driver == "aya_db"
    assert made.dialect.import_dbapi().__name__ == "aya_db"
    Base.metadata.drop_all(made)
    Base.metadata.create_all(made)
    with Session(made) as session:
        session.add(Item(id=1, name="before"))
        session.flush()
        first.stop()
        session.add(Item(id=2, name="behind"))
        session.commit()
        assert session.scalars(select(Item.name).order_by(Item.id)).all() == ["before", "behind"]
    with made.connect() as conn:
        before = conn.execute(text("select count(*) from item_of_sqlalchemy")).scalar()
        second.cut()
        first.start()
        assert conn.execute(text("select 2")).scalar() == before
    made.dispose()
    first.close()
    second.close()


DJANGO = """
import json, sys
import django
from django.conf import settings
given = json.loads(sys.argv[1])
settings.configure(
    DATABASES={"default": {"ENGINE": "aya_db.django", **given}},
    INSTALLED_APPS=["django.contrib.contenttypes"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
from django.db import connection, models, transaction

class Item(models.Model):
    name = models.CharField(max_length=20)
    data = models.JSONField(default=dict)
    class Meta:
        app_label = "shop"
        db_table = "item_of_django"

with connection.schema_editor() as editor:
    editor.execute("drop table if exists item_of_django")
    editor.create_model(Item)
with transaction.atomic():
    Item.objects.create(name="one", data={"a": [1, 2]})
    Item.objects.bulk_create([Item(name="two"), Item(name="three")])
module = type(connection.connection).__module__
found = [[item.name, item.data] for item in Item.objects.order_by("id")]
with connection.schema_editor() as editor:
    editor.delete_model(Item)
print(json.dumps([module, found]))
"""


def test_django_works_without_psycopg2() -> None:
    server = Server.from_environment()
    given = {
        "HOST": server.host,
        "PORT": server.port,
        "USER": server.user,
        "PASSWORD": server.password,
        "NAME": server.database,
        "OPTIONS": {"failover": True},
    }
    command = [sys.executable, "-c", DJANGO, json.dumps(given)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    module, found = json.loads(told.stdout)
    assert module == "aya_db.extensions"
    assert found == [["one", {"a": [1, 2]}], ["two", {}], ["three", {}]]

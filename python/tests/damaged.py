"""A program that is answered with damaged bytes, for `test_damaged_server`.

Usage: python damaged.py MODE SEED COUNT. It prints what was raised, class by class, and ends with 0
if nothing was but what a program may expect.
"""

from __future__ import annotations

import collections
import faulthandler
import io
import json
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import threading
from typing import TYPE_CHECKING, Any

from server import Server

import aya_db
from aya_db import extensions as ext

if TYPE_CHECKING:
    from collections.abc import Callable

# What servers send is parsed by these, which raise what they raise; psycopg2 lets it pass as well.
EXPECTED = (aya_db.Error, ValueError, ArithmeticError, LookupError, TypeError)
MEMORY = 4 << 30
HANG_S = 20

QUERIES = [
    "select 1, null, 'text', 1.5::numeric, 2.5::float8, true, '\\x00ff'::bytea",
    "select now(), current_date, '10:11:12'::time, '1 day 2:03:04.5'::interval, 'infinity'::date",
    "select '{1,2,null}'::int[], '{a,\"b c\",null}'::text[], '{{1,2},{3,4}}'::int[], '{}'::date[]",
    "select '[1,5)'::int4range, '[2020-01-01,)'::daterange, '{\"a\": [1, null]}'::jsonb",
    "select row(1, 'a b', null), '10.0.0.1/8'::inet, gen_random_uuid(), 'a=>1'::text",
    "select g, repeat('x', g) from generate_series(1, 60) g",
    "select 1/0",
    "do $$ begin raise notice 'told %', 1; raise warning 'and warned'; end $$",
    "listen here; notify here, 'a word'; select 'after it'",
    "select 1; select 2, 3; update pg_class set relname = relname where false",
    "",
]
COPY = "copy (select g, 'row ' || g from generate_series(1, 50) g) to stdout"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


def status(name: str, value: str) -> bytes:
    return message(b"S", f"{name}\0{value}\0".encode())


LOGIN = b"".join(
    [
        message(b"R", struct.pack(">I", 0)),
        status("client_encoding", "UTF8"),
        status("DateStyle", "ISO, MDY"),
        status("integer_datetimes", "on"),
        status("server_version", "18.0"),
        status("standard_conforming_strings", "on"),
        message(b"K", struct.pack(">II", 7, 8)),
        message(b"Z", b"I"),
    ]
)
DONE = message(b"C", b"SELECT 0\0") + message(b"Z", b"I")


def record() -> list[bytes]:
    """Return what a real server answers to the queries, byte by byte."""
    conn: Any = aya_db.connect(Server.from_environment().dsn)
    answers = []
    with socket.socket(fileno=os.dup(conn.fileno())) as sock:
        sock.setblocking(True)
        for sql in [*QUERIES, COPY]:
            sock.sendall(message(b"Q", sql.encode() + b"\0"))
            answer = b""
            while not answer.endswith(message(b"Z", b"I")):
                answer += sock.recv(1 << 16)
            answers.append(answer)
    return answers


def split(answer: bytes) -> list[bytes]:
    """Return its messages."""
    messages = []
    while answer:
        size = 1 + struct.unpack(">I", answer[1:5])[0]
        messages.append(answer[:size])
        answer = answer[size:]
    return messages


def damage(answer: bytes, dice: random.Random) -> bytes:
    """Return ``answer`` with something wrong in it, or several things."""
    for _ in range(dice.choice([1, 1, 1, 2, 5])):
        answer = dice.choice(DAMAGES)(answer, dice) or b"Z"
    return answer


def _flip(answer: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(answer))
    return answer[:at] + bytes([answer[at] ^ (1 << dice.randrange(8))]) + answer[at + 1 :]


def _overwrite(answer: bytes, dice: random.Random) -> bytes:
    at, size = dice.randrange(len(answer)), dice.randrange(1, 9)
    return answer[:at] + dice.randbytes(size) + answer[at + size :]


def _cut(answer: bytes, dice: random.Random) -> bytes:
    return answer[: dice.randrange(len(answer))]


def _drop(answer: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(answer))
    return answer[:at] + answer[at + dice.randrange(1, 9) :]


def _insert(answer: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(answer))
    return answer[:at] + dice.randbytes(dice.randrange(1, 20)) + answer[at:]


def _number(answer: bytes, dice: random.Random) -> bytes:
    """Put a number that is hard to bear where a length or a count may be."""
    form, numbers = dice.choice(
        [(">i", [-1, 0, 3, 4, 5, 0x7FFFFFFF, -0x80000000]), (">h", [-1, 0, 1, 0x7FFF, -0x8000])]
    )
    packed = struct.pack(form, dice.choice(numbers))
    at = dice.randrange(len(answer))
    return answer[:at] + packed + answer[at + len(packed) :]


def _shuffle(answer: bytes, dice: random.Random) -> bytes:
    try:
        messages = split(answer)
    except struct.error:
        return answer[::-1]
    dice.shuffle(messages)
    return b"".join(messages[: dice.randrange(1, len(messages) + 1)] + messages[:2])


def _noise(answer: bytes, dice: random.Random) -> bytes:
    return dice.randbytes(len(answer))


DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [
    _flip,
    _flip,
    _overwrite,
    _cut,
    _drop,
    _insert,
    _number,
    _number,
    _shuffle,
    _noise,
]


class Liar:
    """A server that lets everybody in and gives the answers that it is told to give."""

    def __init__(self) -> None:
        self.login = LOGIN
        self.answer = DONE
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        login, answer = self.login, self.answer
        try:
            with sock:
                size = struct.unpack(">I", _take(sock, 4))[0]
                _take(sock, size - 4)
                sock.sendall(login)
                # The end follows at once: nobody is to wait for what a wrong length promises.
                if login == LOGIN and self._asked(sock):
                    sock.sendall(answer)
        except OSError:
            pass

    def _asked(self, sock: socket.socket) -> bool:
        """Answer the BEGIN before the statement that matters."""
        while True:
            head = _take(sock, 5)
            body = _take(sock, struct.unpack(">I", head[1:])[0] - 4)
            if head[:1] != b"Q" or body.startswith(b"select 'damage'"):
                return head[:1] == b"Q"
            sock.sendall(message(b"C", b"BEGIN\0") + message(b"Z", b"T"))


def _take(sock: socket.socket, size: int) -> bytes:
    taken = b""
    while len(taken) < size:
        more = sock.recv(size - len(taken))
        if not more:
            raise ConnectionError
        taken += more
    return taken


def blocking(dsn: str, copies: bool) -> None:
    conn: Any = aya_db.connect(dsn)
    try:
        cur = conn.cursor()
        if copies:
            cur.copy_expert("select 'damage'", io.BytesIO())
            return
        cur.execute("select 'damage'")
        cur.fetchall()
        str((cur.description, cur.statusmessage, conn.notices, conn.notifies))
    finally:
        conn.close()


def polling(dsn: str, copies: bool) -> None:
    del copies
    conn: Any = aya_db.connect(dsn, async_=1)
    try:
        _wait(conn)
        cur = conn.cursor()
        cur.execute("select 'damage'")
        _wait(conn)
        cur.fetchall()
    finally:
        conn.close()


def _wait(conn: Any) -> None:
    while True:
        state = conn.poll()
        if state == ext.POLL_OK:
            return
        lists = ([conn], []) if state == ext.POLL_READ else ([], [conn])
        select.select(*lists, [], HANG_S)


def surviving(dsn: str, copies: bool) -> None:
    blocking(f"{dsn} failover=on failover_timeout=300ms", copies)


def lie(mode: str, seed: int, count: int) -> collections.Counter[str]:
    """Let a mode meet ``count`` damaged answers."""
    work = {"blocking": blocking, "polling": polling, "surviving": surviving}[mode]
    answers = record()
    liar = Liar()
    dsn = f"host=127.0.0.1 port={liar.port} user=a dbname=b sslmode=disable gssencmode=disable"
    seen: collections.Counter[str] = collections.Counter()
    for number in range(seed, seed + count):
        dice = random.Random(number)
        which = dice.randrange(len(answers) + 1)
        copies = which == len(QUERIES)
        liar.login, liar.answer = LOGIN, DONE
        if which == len(answers):
            liar.login = damage(LOGIN, dice)
        else:
            liar.answer = damage(answers[which], dice)
        seen[outcome(lambda: work(dsn, copies), number)] += 1  # noqa: B023
    return seen


def cast(seed: int, count: int) -> collections.Counter[str]:
    """Let each typecaster meet texts that are none of its own, or damaged ones."""
    conn: Any = aya_db.connect(Server.from_environment().dsn)
    cur = conn.cursor()
    cur.execute("select " + ", ".join(q[7:] for q in QUERIES[:5]))
    good = [str(value) for value in cur.fetchone()]
    good += ['{"a","b"}', "2020-01-02 03:04:05.6+07:08:09", "1 year -2 mons 3 days", "\\x00ff", ""]
    casters = {id(it): it for it in [*ext.string_types.values(), *ext.binary_types.values()]}
    seen: collections.Counter[str] = collections.Counter()
    for number in range(seed, seed + count):
        dice = random.Random(number)
        text = damage(dice.choice(good).encode() or b"x", dice)
        value: Any = dice.choice([text, text.decode("latin1"), text.decode("utf8", "replace")])
        for caster in casters.values():
            seen[outcome(lambda: caster(value, cur), number)] += 1  # noqa: B023
    return seen


def outcome(work: Callable[[], object], number: int) -> str:
    """Return the class of what ``work`` raised, and end the program if it is none to be raised."""
    signal.alarm(HANG_S)
    try:
        work()
    except EXPECTED as error:
        return type(error).__name__
    except BaseException as error:
        raise SystemExit(f"seed {number}: {type(error).__name__}: {error}") from error
    finally:
        signal.alarm(0)
    return "nothing"


def main() -> None:
    """Run a mode."""
    mode, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    faulthandler.enable()
    # SIGALRM has no handler: a program that hangs is ended by it.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    seen = cast(seed, count) if mode == "casting" else lie(mode, seed, count)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()

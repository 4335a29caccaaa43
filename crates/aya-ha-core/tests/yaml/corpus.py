"""Writes down what PyYAML makes of many texts: ``python corpus.py > corpus.jsonl``.

Each line is a text, and its value with the name of each type, or ``"error"``.
"""

from __future__ import annotations

import datetime
import json
import random
import sys

import yaml

SCALARS = """
~|null|Null|NULL|nULL|yes|Yes|YES|yEs|no|No|NO|on|On|ON|oN|off|Off|OFF|true|True|TRUE|tRUE|false
False|FALSE|y|n|Y|N
0|1|-1|+1|-0|+0|00|01|07|08|09|0600|0o17|0755|-0755|0_7|0_|0b0|0b1010|0b|0b2|-0b11|0b1_0|0x|0xff
0xFF|0XFF|0xfg|-0x1f|0x_f|0x1_0
10|1_000|1__0|_1|1_|12e3|12e+3|1e3|1.|1.0|-1.5|+1.5|.5|-.5|+.5|.|..|1.5e3|1.5e+3|1.5e-3|1.5E+3
1.e+3|.5e+1|.5e1|1_0.5_0|1._5|._5|1.2.3
.inf|.Inf|.INF|.iNF|-.inf|+.inf|inf|.nan|.NaN|.NAN|.Nan|nan|-.nan|1:30|1:3|1:60|1:5:9|-1:30|0:30
01:30|190:20:30|1:30.5|190:20:30.15|1:|:1|1:030|1_0:30
2001-12-14|2001-1-1|2001-13-01|2001-02-29|2000-02-29|2001-12-14t21:59:43.10-05:00
2001-12-14 21:59:43.10 -5|2001-12-15 2:59:43.10|2001-12-14T21:59:43Z
2001-12-14 21:59|2001-12-14 25:00:00|2001-1-1 1:01:01|2001-12-14 21:59:43 Z
2001-12-14 21:59:43 +1:30|2001-12-14  21:59:43|0000-01-01|20011214|2001-12-14 21:59:60
=|==|<<|<|a=b|a:b|a#b|10MB|8kB|5min|127.0.0.1|127.0.0.1:8008|1.1.1.1|::1|host=a port=1
Power$$336633$$|p@ss|0123|00123|0123456789|1234567890123456789012|99999999999999999999
12345678901234567890123456789012345678|0x7fffffffffffffffffff|1e400|1.0e+400|-1.0e+400|"quoted"
'single'|'it''s'|"tab\\there"|"\\x41\\u00e9"|é|日本|a b|- |?|! x|!!str 10|!!int "10"|!!int "0x1F"
!!float 1|!!float "1e3"|!!bool yes|!!bool "Yes"|!!bool "1"|!!bool y|!!null ""|!!null x|!!str yes
!!str|!!int x|!!int ""|!!float x|!!float ""|!!binary aGVsbG8=|!!binary "aGVs bG8="|!!binary "%"
!!timestamp 2001-12-14|!!timestamp x|! 12|!foo 1|!!python/none x|*a|&a 1|&a|@x|`x|%x|"a|'a
[1, on, "on", 0x10]|{a: 1, on: 2}|{a, b: }|[a, [b, c]]|[1,2|{a: 1|[]|{}|[,]|{? a : b}
"""

DOCUMENTS = [
    "",
    "# nothing",
    "---\n",
    "---\na: 1\n...\n",
    "a: 1\n---\nb: 2\n",
    "a: 1\na: 2\n",
    "a: 1\nb: 2\na: 3\n",
    "a: &x {b: 1}\nc: *x\n",
    "a: &x [1]\nb: [*x, *x]\n",
    "a: *x\n",
    "base: &b {a: 1, b: 2}\nnew:\n  <<: *b\n  b: 3\n",
    "base: &b {a: 1, b: 2}\nnew:\n  b: 3\n  <<: *b\n  c: 4\n",
    "x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz:\n  <<: [*x, *y]\n  c: 3\n",
    "x: {<<: 1}\n",
    "x: {<<: [1]}\n",
    "x: {<<: {}}\n",
    'x: {"<<": {a: 1}}\n',
    "? a\n: b\n",
    "? [a]\n: b\n",
    "{1: a, '1': b, 1.5: c, true: d, null: e}",
    "a:\n- 1\n- 2\nb:\n  - x: 1\n    y: 2\n",
    "a: |\n  one\n  two\n\nb: >\n  one\n  two\n\nc: |-\n  one\n\nd: |+\n  one\n\n",
    "a: |2\n   x\n",
    "a: one\n  two\n  three\n",
    "a: 'one\n  two'\n",
    'a: "one\\\n  two\\n"\n',
    "a:\n  b:\n    c: on\n",
    "a:\tb\n",
    "a:\n\tb: 1\n",
    "a: b: c\n",
    "- a\n- b\n",
    "- - 1\n  - 2\n- 3\n",
    "a: !!set {x, y}\n",
    "a: !!map {x: 1}\nb: !!seq [1]\n",
    "a: !!seq {x: 1}\n",
    "a: 1 # comment\nb: 'x # y'\n",
    "a: x#y\n",
    "%YAML 1.1\n---\na: 010\n",
    "\ufeffa: 1\n",
    "a: 1\r\nb: yes\r\n",
    "initdb:\n- encoding: UTF8\n- data-checksums\n- auth: scram-sha-256\n",
    "tags:\n  nofailover: no\n  noloadbalance: 'no'\n  clonefrom: On\n",
    "password: 0123\nport: '5432'\nttl: 30\nloop_wait: 10.0\nmode: 0600\n",
    "parameters:\n  max_wal_size: 4GB\n  random_page_cost: 1.1\n  hot_standby: on\n  log: ''\n",
    "pg_hba:\n- host all all 0.0.0.0/0 md5\n- local all all trust\n",
    "a: {b: [c, {d: e}], f: 'g'}\n",
    "a: &a\n  b: 1\nc:\n  <<: *a\n  d: &d [x]\ne: *d\n",
    "a: [\n  1,\n  2,\n]\n",
    "key with blanks: value with blanks\n",
    "a: -\n",
    "a: - b\n",
    "a : b\n",
    "a:b\n",
    "'a': b\n",
    "a: ''\nb: \"\"\nc:\n",
    "a: ~\n~: b\n",
    "yes: 1\nno: 2\n",
    "1: a\n01: b\n",
]

ALPHABETS = [
    "0123456789",
    "0123456789_",
    "01_bxX",
    "0123456789.eE+-",
    "0123456789:.",
    "0123456789-: TtZ+.",
]


def typed(value: object) -> object:
    """Return a value with the name of its type."""
    if value is None:
        return {"null": None}
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, str):
        return {"str": value}
    if isinstance(value, (datetime.date, datetime.datetime)):
        return {"time": None}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, list):
        return {"list": [typed(item) for item in value]}
    if isinstance(value, set):
        value = dict.fromkeys(sorted(value))
    return {"map": [[typed(key), typed(item)] for key, item in value.items()]}


def answer(text: str) -> object:
    """Return what PyYAML makes of ``text``."""
    try:
        return typed(yaml.safe_load(text))
    except Exception:  # noqa: BLE001
        return "error"


def main() -> None:
    """Write all of it."""
    dice = random.Random(1)
    scalars = [scalar for line in SCALARS.strip().split("\n") for scalar in line.split("|")]
    for _ in range(1500):
        alphabet = dice.choice(ALPHABETS)
        scalars.append(
            dice.choice(["", "", "-", "+"])
            + "".join(dice.choices(alphabet, k=dice.randrange(1, 9)))
        )
    texts = DOCUMENTS + [f"a: {scalar}\n" for scalar in dict.fromkeys(scalars)]
    for text in texts:
        json.dump([text, answer(text)], sys.stdout)
        sys.stdout.write("\n")


main()

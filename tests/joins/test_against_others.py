"""Joins against SQLite, against DuckDB's own SQL and against coreutils, over random small tables."""

import json
import os
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.database import Limits, database
from jobs.text.formats import Tsv
from joins.database import open_join
from joins.plan import HOWS, NAMES, How, JoinPlan, Name, Side
from joins.stages import records
from tests import command
from tests.conformance.oracle import encode
from tests.joins.oracle import fields_hash

PLANS = 30  # random joins of each type, each of about ten random pairs of tables

Row = tuple[str | None, str | None, str | None]
TEXTS = st.one_of(st.none(), st.sampled_from(["", "1", "01", "a", "a\x01", "a\tb", "\\", "é", "\\N"]))
TABLE = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=8)
COLUMNS = (("a", "b", "x"), ("a", "c", "y"))

# What each of l and r, and of both, may be asked; '' for nothing. SQLite and DuckDB mean the same by them.
OF_LEFT = ["", "x <> '1'", "a IS NULL OR b >= 'a'", "x IS NOT NULL"]
OF_RIGHT = ["", "y <> '1'", "c IS NULL OR a < 'a'", "y IS NULL"]
OF_BOTH = [
    "",
    "x = y",
    "coalesce(x, 'z') < coalesce(y, 'z')",
    "r.y IS NULL",
    "NOT (l.x = r.y)",
    "l.b = '1' OR r.c = '1'",
]
OF_ONE = ["", "b = '1'", "coalesce(l.b, 'z') > 'a'"]
KEYS = [("a=a",), ("b=c",), ("a=a", "b=c"), ("b=a", "x=y")]

# An SQL of its own for each type, in place of the joins' own; {{keys}} is what a match is.
BY_HAND: dict[How, str] = {
    "inner": "SELECT {both} FROM {l} AS l, {r} AS r WHERE ({keys}) AND ({where})",
    "left": "SELECT {both} FROM {l} AS l LEFT JOIN {r} AS r ON {keys} WHERE {where}",
    "right": "SELECT {both} FROM {r} AS r LEFT JOIN {l} AS l ON {keys} WHERE {where}",
    "full": "SELECT {both} FROM {l} AS l LEFT JOIN {r} AS r ON {keys} WHERE {where} UNION ALL SELECT {none} FROM {r} AS r"
    " LEFT JOIN (SELECT NULL AS a, NULL AS b, NULL AS x) AS l ON false"
    " WHERE NOT EXISTS (SELECT 1 FROM {l} AS l WHERE {keys}) AND ({where})",
    "semi": "SELECT {one} FROM {l} AS l WHERE EXISTS (SELECT 1 FROM {r} AS r WHERE {keys}) AND ({where})",
    "anti": "SELECT {one} FROM {l} AS l WHERE NOT EXISTS (SELECT 1 FROM {r} AS r WHERE {keys}) AND ({where})",
}  # fmt: skip


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with database(Limits(256_000_000, 1)) as ours:
        yield ours


@pytest.mark.slow
@pytest.mark.parametrize("how", HOWS)
@settings(deadline=None, max_examples=PLANS)
@given(
    tables=st.lists(st.tuples(TABLE, TABLE), min_size=5, max_size=30), keys=st.sampled_from(KEYS), left_where=st.sampled_from(OF_LEFT),
    right_where=st.sampled_from(OF_RIGHT), where=st.sampled_from(OF_BOTH), parts=st.sampled_from([1, 3]),
)  # fmt: skip
def test_sqlite_and_duckdb_say_the_same(
    connection: duckdb.DuckDBPyConnection, how: How, tables: list[tuple[list[Row], list[Row]]], keys: tuple[str, ...],
    left_where: str, right_where: str, where: str, parts: int,
) -> None:  # fmt: skip
    if how in ("semi", "anti"):
        where = OF_ONE[OF_BOTH.index(where) % len(OF_ONE)]  # there is no r
    on = [tuple(pair.split("=")) for pair in keys]
    sides = [
        Side(
            Tsv(dict.fromkeys(names, "text"), numbers={name: i for i, name in enumerate(names, 1)}, width=3), key, sql
        )
        for names, key, sql in zip(COLUMNS, zip(*on, strict=True), (left_where, right_where), strict=True)
    ]
    select = "l.a AS a, l.b AS b, l.x AS x" + ("" if how in ("semi", "anti") else ", r.a AS a2, r.c AS c, r.y AS y")
    plan = JoinPlan("tests:Join", sides[0], sides[1], how, select, where)
    query = BY_HAND[how].format(
        one="l.a, l.b, l.x", both="l.a, l.b, l.x, r.a, r.c, r.y", none="NULL, NULL, NULL, r.a, r.c, r.y",
        l=f"(SELECT * FROM lefts WHERE {left_where or '1 = 1'})", r=f"(SELECT * FROM rights WHERE {right_where or '1 = 1'})",
        keys=" AND ".join(f"l.{one} = r.{other}" for one, other in on), where=where or "1 = 1",
    )  # fmt: skip
    places = [[COLUMNS[side].index(pair[side]) + 3 * side for pair in on] for side in (0, 1)]
    here: dict[Name, list[Row]] = {"left": [], "right": []}
    plan, columns = open_join(connection, plan, {name: partial(block, here, name) for name in NAMES})
    with connection.cursor() as theirs:
        for here["left"], here["right"] in tables:
            found = connection.execute(records(plan, [column["name"] for column in columns], parts)).fetchall()
            lines = Counter(record for _, record in found)
            assert lines == Counter(sqlite(query, *here.values()))
            assert lines == Counter(by_duckdb(theirs, query, *here.values()))
            for part, record in found if parts > 1 else []:
                key = key_of(how, record.removesuffix("\n").split("\t"), places)
                assert part == fields_hash(key.encode()) % parts


def key_of(how: How, fields: list[str], places: list[list[int]]) -> str:
    """The key's text of a record; that of an unmatched row of the right side is its own."""
    if how == "right" or (how == "full" and all(text == "\\N" for text in fields[:3])):
        return "\t".join(fields[i] for i in places[1])
    return "\t".join(fields[i] for i in places[0])


def block(here: dict[Name, list[Row]], name: Name) -> list[str]:
    """The lines of the side `name` of the tables that are being joined."""
    return ["".join(map(line, here[name])).removesuffix("\n")] if here[name] else []


def line(row: tuple[str | None, ...]) -> str:
    return "\t".join(map(encode, row)) + "\n"


def sqlite(query: str, left: list[Row], right: list[Row]) -> list[str]:
    with closing(sqlite3.connect(":memory:")) as other:
        for name, columns, rows in (("lefts", COLUMNS[0], left), ("rights", COLUMNS[1], right)):
            other.execute(f"CREATE TABLE {name} ({' TEXT, '.join(columns)} TEXT)")
            other.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", rows)
        return [line(row) for row in other.execute(query)]


def by_duckdb(other: duckdb.DuckDBPyConnection, query: str, left: list[Row], right: list[Row]) -> list[str]:
    """Of DuckDB's own tables, of JSON: nothing of ours reads or writes them."""
    for name, columns, rows in (("lefts", COLUMNS[0], left), ("rights", COLUMNS[1], right)):
        shape = json.dumps([dict.fromkeys(columns, "VARCHAR")])
        values = json.dumps([dict(zip(columns, row, strict=True)) for row in rows])
        other.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT unnest(from_json($1::JSON, $2), recursive := true)",
            [values, shape],
        )
    return [line(row) for row in other.execute(query).fetchall()]


FROM_JOIN = {"inner": [], "left": ["-a1"], "right": ["-a2"], "full": ["-a1", "-a2"]}


@pytest.mark.parametrize("how", FROM_JOIN)
def test_coreutils_join_says_the_same(how: str, tmp_path: Path) -> None:
    rng = random.Random(7)
    keys = ["", "a", "a\x01", "é", "ß", "01", "1", " 1", "a b", *(f"k{number}" for number in range(900))]
    width = {"left": 2, "right": 3}
    for side, columns in width.items():
        rows = [[rng.choice(keys), *(f"{side}{rng.randrange(50)}" for _ in range(columns - 1))] for _ in range(1500)]
        (tmp_path / side).write_text("".join("\t".join(row) + "\n" for row in rows))
    options = [
        word for side, n in width.items() for word in (f"--{side}-columns", "k" + f",{side}".join(map(str, range(n))))
    ]
    ours = command.run(
        "join", str(tmp_path / "left"), str(tmp_path / "right"), "--on", "k0", "--how", how, *options
    ).ok()

    names = [str(tmp_path / f"{side} sorted") for side in width]
    bytewise = {"env": {**os.environ, "LC_ALL": "C"}}
    for side, name in zip(width, names, strict=True):
        command.call("sort", "-t", "\t", "-k1,1", "-o", name, str(tmp_path / side), **bytewise).ok()
    theirs = command.call(
        "join", "-t", "\t", "-o", "auto", "-e", r"\N", *FROM_JOIN[how], "-1", "1", "-2", "1", *names, **bytewise
    ).ok()
    # join writes -e for an empty column, too: of these files only the key can be one.
    told = [
        b"\t" + line.removeprefix(rb"\N" + b"\t") if line.startswith(rb"\N") else line
        for line in theirs.out.splitlines()
    ]
    assert Counter(ours.out.splitlines()) == Counter(told)
    assert len(told) > 1000

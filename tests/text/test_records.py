"""Records and their parts: the text PostgreSQL's COPY would read, and Hadoop's own partition of it."""

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from jobs.sql import identifier, literal
from jobs.text.partition import part
from jobs.text.records import decoded, encoded, joined
from tests.conformance.oracle import encode, hadoop_hash

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CONNECTION = duckdb.connect()


def ask(sql: str, *values: object) -> tuple[object, ...]:
    row = CONNECTION.execute(sql, list(values)).fetchone()
    assert row
    return row


def decode_copy(column: str) -> str | None:
    """A column as PostgreSQL's documentation of COPY says it is read."""
    if column == "\\N":
        return None
    out, rest = "", iter(column)
    for character in rest:
        out += {"t": "\t", "n": "\n", "r": "\r"}.get(c := next(rest), c) if character == "\\" else character
    return out


@given(st.lists(st.none() | TEXTS | st.sampled_from(["\\N", "\\", "\t", "\r\n", ""]), min_size=1, max_size=3))
def test_columns_survive(columns: list[str | None]) -> None:
    sql = f"SELECT {joined([encoded(f'${i}::VARCHAR') for i in range(1, len(columns) + 1)])}"
    (text,) = ask(sql, *columns)
    assert text == "\t".join(map(encode, columns))
    assert [decode_copy(column) for column in str(text).split("\t")] == columns


@given(TEXTS, st.integers(2, 1000))
def test_the_part_is_hadoops(key: str, parts: int) -> None:
    assert ask(f"SELECT {part('k', parts)} FROM (SELECT $1::VARCHAR AS k)", key) == (
        hadoop_hash(key.encode()) % parts,
    )


def test_known_hashes_of_hadoop() -> None:
    """Values of org.apache.hadoop.io.Text.hashCode(), from the definition by hand: h = 31 * h + b, from 1."""
    known = {"": 1, "a": 128, "ab": 128 * 31 + 98, "é": (31 * (31 - 61) - 87) & 0x7FFFFFFF}
    for key, value in known.items():
        assert ask(f"SELECT {part('k', 0x7FFFFFFF)} FROM (SELECT $1::VARCHAR AS k)", key) == (value % 0x7FFFFFFF,)


@given(st.lists(TEXTS, max_size=30))
def test_order_is_that_of_bytes(keys: list[str]) -> None:
    found = CONNECTION.execute("SELECT k FROM (SELECT unnest($1::VARCHAR[]) AS k) ORDER BY k", [keys]).fetchall()
    assert [key.encode() for (key,) in found] == sorted(key.encode() for key in keys)


@given(TEXTS.filter(lambda text: "\0" not in text))
def test_quoting_holds_any_text(text: str) -> None:
    assert ask(f"SELECT {literal(text)}") == (text,)
    if text:
        CONNECTION.execute(f"SELECT 1 AS {identifier(text)}")
        assert CONNECTION.description and CONNECTION.description[0][0] == text


@given(st.lists(st.text("\\\t\n\rNtnr a\u00e9"), max_size=5))
def test_a_column_is_decoded_to_what_was_encoded(values: list[str]) -> None:
    back = decoded(f"({encoded('v')})")
    found = duckdb.execute(f"SELECT {back} FROM (SELECT unnest($1::VARCHAR[]) AS v)", [[*values, None]]).fetchall()
    assert [value for (value,) in found] == [*values, None]

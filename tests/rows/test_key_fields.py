"""Key fields, against what Hadoop's classes do, in plain Python."""

import functools
from collections.abc import Sequence

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.engines.rows.key_fields import KeyField, hashed, order, parse, partition
from jobs.errors import UsageError
from jobs.text.partition import modulo
from tests.rows import java


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ("", []),
        ("-k1,1", [KeyField(last=1)]),
        ("-k2.3,2.5nr -k 4", [KeyField(2, 3, 2, 5, True, True), KeyField(4)]),
        ("-k1n,2r", [KeyField(1, 1, 2, 0, True, True)]),
        ("-k2,2.0 -k1,0", [KeyField(2, last=2), KeyField()]),
        ("-n", [KeyField(numeric=True)]),
        ("-nr -k1,1 -k2,2n", [KeyField(last=1, numeric=True, reverse=True), KeyField(2, last=2, numeric=True)]),
        ("  -r\t-n ", [KeyField(numeric=True, reverse=True)]),
    ],
)
def test_options(options: str, fields: list[KeyField]) -> None:
    assert list(parse(options)) == fields


@pytest.mark.parametrize(
    "options",
    [
        "-k0",
        "-kx",
        "-k",
        "-k1,",
        "-k1.0",
        "-k1.",
        "-k1,1f",
        "-rn",
        "-f",
        "k1",
        "-k1,2,3",
        "-k-1",
        "-k+1",
        "-k1 n",
        "-k٣",
    ],
)
def test_options_that_are_not_understood_are_refused(options: str) -> None:
    with pytest.raises(UsageError, match="understood are -k F"):
        parse(options)


def test_the_old_setting_says_how_many_fields_divide() -> None:
    assert partition("-k3", "2") == (KeyField(last=2),)
    assert partition("-k3", "0") == ()
    assert partition("-k3") == (KeyField(3),)
    with pytest.raises(UsageError, match="num.key.fields.for.partition=x"):
        partition("", "x")


NUMBER = st.integers(1, 4)
FIELDS = st.builds(KeyField, NUMBER, NUMBER, st.integers(0, 4), st.integers(0, 4), st.just(False), st.booleans())
SEPARATORS = st.sampled_from([b"\t", b",", b".", b"\xff", b"-"])
TEXTS = st.text("ab,.\t-0é😀\x00", max_size=12).map(str.encode) | st.binary(max_size=12)
# Bytes that Java's decoder and Python's tell apart, or nearly.
ODD = st.lists(st.sampled_from([b"\xed", b"\xa0", b"\x80", b"\xf0", b"\x9f", b"\x98", b"\xe2", b"\xc0", b"\xf4", b"\x90", b"a"]), max_size=6).map(b"".join)  # fmt: skip


@functools.cache
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def evaluated(sql: str, keys: Sequence[bytes]) -> list[int]:
    """An expression over `key`, for each of the keys."""
    table = "SELECT unnest($keys) AS key, generate_subscripts($keys, 1) AS number"
    texts = [key.decode("latin-1") for key in keys]
    rows = connection().execute(f"SELECT {sql} FROM ({table}) ORDER BY number", {"keys": texts}).fetchall()
    return [value for (value,) in rows]


@given(st.lists(TEXTS | ODD, min_size=1, max_size=20), st.lists(FIELDS, max_size=3), SEPARATORS)
@example([b"a\xed\xa0\x80", b"\xed\xa0", b"\xed\xa0b", b"\xf0\x9f\x98", "é😀".encode(), b""], [], b"\t")
def test_keys_are_divided_as_the_partitioner_does(
    keys: list[bytes], fields: list[KeyField], separator: bytes
) -> None:
    found = evaluated(modulo(hashed(tuple(fields), "key", separator.decode("latin-1")), 1009), keys)
    assert found == [java.field_partition(key, fields, separator, 1009) for key in keys]


def is_ordered(keys: list[bytes], fields: Sequence[KeyField], separator: bytes) -> None:
    """Any two keys stand to each other in the ORDER BY as Java compares them; equal ones are of one rank."""
    terms = ", ".join(order(tuple(fields), "key", separator.decode("latin-1")))
    rank = dict(zip(keys, evaluated(f"rank() OVER (ORDER BY {terms})", keys), strict=True))
    for a in keys:
        for b in keys:
            wanted = java.compare(a, b, fields, separator)
            assert wanted in (None, java.sign(rank[a] - rank[b])), (a, b)


@given(st.lists(TEXTS, min_size=2, max_size=20), st.lists(FIELDS, min_size=1, max_size=3), SEPARATORS)
def test_texts_are_ordered_as_the_comparator_does(
    keys: list[bytes], fields: list[KeyField], separator: bytes
) -> None:
    is_ordered(keys, fields, separator)


def test_without_fields_the_order_is_that_of_bytes() -> None:
    assert order((), "key", "\t") == ["key"]


DIGITS = st.text("0159", min_size=1, max_size=4)
INTEGERS = st.integers(-200, 200).map(str) | st.integers().map(str)
DECIMALS = st.tuples(st.sampled_from(["", "-"]), st.sampled_from(["0", "1", "9", "10", "19"]), DIGITS).map(
    lambda t: f"{t[0]}{t[1]}.{t[2]}"
)
ADDRESSES = st.tuples(*[st.sampled_from(["0", "1", "10", "192", "9"])] * 4).map(".".join)
LEADING_ZEROS = st.tuples(st.sampled_from(["", "0", "00"]), st.sampled_from(["0", "7", "10", "70"])).map("".join)
ENDED = st.tuples(st.sampled_from(["7", "70", "12"]), st.sampled_from(["", "a", "kB", "-", " ", "é"])).map("".join)
WORDS = st.sampled_from(["", "abc", "b", "+1", " 5", "1", "9", "0", "é", "\x00"])
ONE_KIND = [
    INTEGERS | DECIMALS | st.just("-0"),
    INTEGERS | st.just(""),
    ADDRESSES,
    LEADING_ZEROS,
    ENDED,
    WORDS,
    st.dates().map(str),
]
KINDS = st.sampled_from(ONE_KIND).flatmap(lambda kind: st.lists(kind, min_size=2, max_size=20))


@given(KINDS, st.sampled_from(["-n", "-nr", "-k1n"]))
@example(["-0", "0", "0.0", "-0.00", "1", "1.0", "1.50", "1.5", "-1.5", "-1.50", "-1.51", "-10", "-9"], "-n")
@example(["1.0.1.0", "1.0.10.0", "1.0.0.0"], "-n")
def test_numbers_are_ordered_as_the_comparator_does(keys: list[str], options: str) -> None:
    is_ordered([key.encode() for key in keys], parse(options), b"\t")


@pytest.mark.slow
@given(KINDS, st.lists(st.sampled_from(["", "\tx", "\ty", "\t"]), min_size=20, max_size=20))
def test_numbers_that_are_equal_are_ordered_by_the_next_field(keys: list[str], behind: list[str]) -> None:
    whole = [(key + rest).encode() for key, rest in zip(keys, behind, strict=False)]
    for options in ("-k1,1n -k2,2", "-k1,1nr -k2,2", "-k2,2r -k1,1n"):
        is_ordered(whole, parse(options), b"\t")

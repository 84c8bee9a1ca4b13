"""Numbers: a strict grammar, no rounding unasked, no overflow unsaid."""

import math
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import UsageError
from jobs.text.numbers import exact, root

CONNECTION = duckdb.connect()


def value(text: object, type: str = "VARCHAR", scale: int = 0, rounding: str | None = None) -> object:
    sql = exact("x", type, scale=scale, rounding=rounding, name="Sum('x')", group="'group k=1'")  # type: ignore[arg-type]
    row = CONNECTION.execute(f"SELECT {sql} FROM (SELECT $1::{type} AS x)", [text]).fetchone()
    assert row
    return row[0]


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-7", -7), ("+7", 7), ("007", 7), ("9" * 28, 10**28 - 1)])
def test_integers(text: str, number: int) -> None:
    assert value(text) == number


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "0x10", "1_000", "1e3", "--1", "1.", ".5", "NaN", "inf", "1,5", "é", "1\n"]
)
@pytest.mark.parametrize("scale", [0, 2])
def test_no_numbers(text: str, scale: int) -> None:
    with pytest.raises(duckdb.Error, match=r"(?s)Sum\('x'\): .*is not a number, in group k=1"):
        value(text, scale=scale)


def test_decimals_without_a_scale_are_refused() -> None:
    with pytest.raises(duckdb.Error, match="1.5 has decimals; declare a scale"):
        value("1.5")


def test_more_decimals_than_the_scale_are_refused_never_rounded() -> None:
    assert value("1.25", scale=2) == Decimal("1.25")
    for text in ("1.255", "1.250"):
        with pytest.raises(
            duckdb.Error, match="more digits than it holds: 26 before the point, 2 after it, in group k=1"
        ):
            value(text, scale=2)


@pytest.mark.parametrize(("text", "type", "scale"), [
    ("1" + "0" * 28, "VARCHAR", 0), ("1" + "0" * 26, "VARCHAR", 2), (10**28, "HUGEINT", 0),
    (-(2**127) + 1, "HUGEINT", 0), (10**30, "UHUGEINT", 2), (Decimal(10**28), "DECIMAL(38,0)", 0), (1e27, "DOUBLE", 2),
])  # fmt: skip
def test_too_large_is_an_error_that_names_the_group(text: object, type: str, scale: int) -> None:
    with pytest.raises(duckdb.Error, match=r"more digits than it holds.*in group k=1"):
        value(text, type, scale, "half_even")


def test_null_is_null() -> None:
    for type in ("VARCHAR", "INTEGER", "DECIMAL(9,2)", "DOUBLE"):
        assert value(None, type, 2, "half_even") is None


@given(st.integers(-(10**28) + 1, 10**28 - 1), st.integers(0, 27))
def test_every_fitting_text_is_exact(units: int, scale: int) -> None:
    number = Decimal(units).scaleb(-scale)
    assert value(f"{number:f}", scale=scale) == number


@given(st.integers(-(2**63), 2**63 - 1))
def test_typed_integers_are_exact(number: int) -> None:
    assert value(number, "BIGINT") == number == value(number, "BIGINT", scale=5)


@pytest.mark.parametrize(("number", "rounded"), [(0.125, "0.12"), (0.375, "0.38"), (-0.125, "-0.12"), (2.5, "2.50")])
def test_floats_are_rounded_half_even_where_asked(number: float, rounded: str) -> None:
    assert value(number, "DOUBLE", 2, "half_even") == Decimal(rounded)


def test_what_a_float_cannot_say_is_refused() -> None:
    for number in (float("nan"), float("inf")):
        with pytest.raises(duckdb.Error, match="in group k=1"):
            value(number, "DOUBLE", 2, "half_even")


@pytest.mark.parametrize(("type", "scale", "why"), [
    ("DOUBLE", 2, "no exact sum.*rounding='half_even'"), ("FLOAT", 0, "no exact sum"), ("DECIMAL(9,3)", 2, "keeps all its decimals"),
    ("DATE", 0, "not a number"), ("BOOLEAN", 0, "not a number"), ("INTEGER[]", 0, "not a number"),
])  # fmt: skip
def test_columns_without_an_exact_sum_are_refused_before_any_row(type: str, scale: int, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        exact("x", type, scale=scale, rounding=None, name="Sum('x')", group="''")


@given(st.integers(0, 10**19), st.integers(-1, 1))
def test_roots_beside_every_square_and_of_any_size(whole: int, beside: int) -> None:
    squares = [max(whole**2 + beside, 0), whole * 10**19 + beside + 1, whole**2 + whole, whole]
    CONNECTION.execute("CREATE OR REPLACE TEMP TABLE squares AS SELECT unnest($1::HUGEINT[]) AS x", [squares])
    found = CONNECTION.execute(f"SELECT x, {root('x')} FROM squares").fetchall()
    assert [r for _, r in found] == [math.isqrt(x) for x, _ in found]

"""Measures: any split, any merge tree, any order, empty parts too: the same answer; and plans travel."""

import json
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import Count, Measure, Sum, stages
from jobs.errors import DeclarationError, UsageError
from jobs.plan import Plan

CONNECTION = duckdb.connect()
TYPES = {"k": "VARCHAR", "x": "VARCHAR"}
MEASURES: dict[str, Measure] = {"n": Count(), "total": Sum("x", scale=2)}
Row = tuple[str | None, str | None]


def plan(group_by: tuple[str, ...] = ("k",), **measures: Measure) -> Plan:
    return Plan("tests:Job", "SELECT k, x FROM lines", group_by, measures or MEASURES, strict=True)


def table(name: str, sql: str) -> str:
    CONNECTION.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
    return name


def partial_of(rows: list[Row], name: str) -> str:
    values = json.dumps([{"k": k, "x": x} for k, x in rows])
    CONNECTION.execute(
        "CREATE OR REPLACE TEMP TABLE some_rows AS SELECT r.k, r.x FROM"
        " (SELECT unnest(from_json($1::JSON, '[{\"k\": \"VARCHAR\", \"x\": \"VARCHAR\"}]')) AS r)", [values],
    )  # fmt: skip
    return table(name, stages.partial(PLAN, TYPES, "some_rows"))


def merged(left: str, right: str, name: str) -> str:
    union = f"(SELECT * FROM {left} UNION ALL SELECT * FROM {right})"
    return table(name, stages.merge(PLAN, TYPES, union))


def answer(source: str, of: Plan | None = None, types: dict[str, str] = TYPES) -> list[str]:
    """The records that `source`, partials of a plan, ends in."""
    final = f"({stages.final(of or PLAN, types, source)})"
    found = CONNECTION.execute(stages.records(of or PLAN, 1, final)).fetchall()
    return [record.removesuffix("\n") for _, record in found]


PLAN = plan()
VALUES = st.none() | st.decimals(-(10**25), 10**25, places=2, allow_nan=False).map(lambda d: f"{d:f}")
ROWS = st.lists(st.tuples(st.none() | st.sampled_from(["a", "b", ""]), VALUES), max_size=6)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=5), st.data())
def test_any_split_and_any_merge_tree_give_the_same(parts: list[list[Row]], data: st.DataObject) -> None:
    whole = answer(partial_of([row for part in parts for row in part], "whole"))
    partials = [partial_of(part, f"part{i}") for i, part in enumerate(parts)]
    while len(partials) > 1:
        left = partials.pop(data.draw(st.integers(0, len(partials) - 1)))
        right = partials.pop(data.draw(st.integers(0, len(partials) - 1)))
        partials.append(merged(left, right, f"merged{len(partials)}_{left[:1]}"))
        if len(partials) == 1:
            partials = [table("last", f"SELECT * FROM {partials[0]}")]
    assert answer(partials[0]) == whole


def test_against_plain_python() -> None:
    rows: list[Row] = [("a", "0.10")] * 1000 + [("a", None), ("b", None), (None, "-5.5"), (None, "5.50")]
    expected = ["\\N\t2\t0.00", f"a\t1001\t{Decimal('0.10') * 1000}", "b\t1\t\\N"]
    assert answer(partial_of(rows, "all_rows")) == expected


def test_without_keys_there_is_one_row_for_no_input() -> None:
    total = plan((), n=Count(), total=Sum("x"))
    empty = table("nothing", "SELECT NULL::VARCHAR AS k, NULL::VARCHAR AS x WHERE false")
    first = table("first", stages.partial(total, TYPES, empty))
    again = table("again", stages.merge(total, TYPES, first))
    assert answer(again, total) == answer(first, total) == ["0\t\\N"]


@pytest.mark.slow
@settings(deadline=None)
@given(ROWS)
def test_partials_survive_the_shuffles_text(rows: list[Row]) -> None:
    partials = partial_of(rows, "partials")
    described = CONNECTION.execute(f"DESCRIBE {partials}").fetchall()
    states = {name: type for name, type, *_ in described if name != "key"}
    lines = table("lines", f"SELECT rtrim(record, chr(10)) AS line FROM ({stages.shuffled(states, partials)})")
    assert answer(table("back", stages.unshuffled(1, states, lines))) == answer(partials)


@pytest.mark.parametrize(("type", "values", "groups"), [
    ("DOUBLE", "(0.0), (-0.0), ('NaN'), (-'NaN'::DOUBLE), (0.5)", ["0.0", "0.5", "nan"]),
    ("INTERVAL", "('1 month'), ('30 days'), ('720 hours')", ["1 month", "30 days", "720:00:00"]),
    ("TIMETZ", "('12:00:00+00'), ('13:00:00+01')", ["12:00:00+00", "13:00:00+01"]),
    ("VARCHAR[]", "(['a', 'b']), (['a, b']), (['a', 'b'])", None),
    ("DECIMAL(5,2)", "(1.5), (1.50), (10)", ["1.50", "10.00"]),
    ("INTEGER", "(10), (9), (-1), (NULL)", ["-1", "10", "9", "\\N"]),
])  # fmt: skip
def test_groups_are_those_of_the_written_text(type: str, values: str, groups: list[str] | None) -> None:
    one_key = plan(("k",), n=Count())
    table("typed", f"SELECT v::{type} AS k FROM (VALUES {values}) t(v)")
    table("grouped", stages.partial(one_key, {"k": type}, "typed"))
    found = [record.split("\t")[0] for record in answer("grouped", one_key, {"k": type})]
    assert found == groups if groups else len(set(found)) == len(found)


def test_a_plan_travels_as_json() -> None:
    assert Plan.from_json(PLAN.to_json()) == PLAN


@pytest.mark.parametrize("name", ["os:system", "jobs.measures:Rows", "nothing", ""])
def test_a_plan_names_measures_and_nothing_else(name: str) -> None:
    text = PLAN.to_json().replace("jobs.measures.counts:Count", name)
    with pytest.raises(UsageError, match="is no measure class"):
        Plan.from_json(text)


@pytest.mark.parametrize(("change", "why"), [
    ({"rows": " "}, "empty"), ({"group_by": (), "measures": {}}, "nothing to compute"),
    ({"group_by": ("k", "k")}, "two columns of the output have the name 'k'"),
    ({"measures": {"k": Count()}}, "two columns of the output have the name 'k'"),
])  # fmt: skip
def test_a_wrong_plan_is_refused(change: dict[str, object], why: str) -> None:
    values: dict[str, object] = {"job": "j", "rows": "FROM lines", "group_by": ("k",), "measures": MEASURES}
    with pytest.raises(DeclarationError, match=why):
        Plan(**(values | change))  # type: ignore[arg-type]


def test_a_wrong_measure_is_refused() -> None:
    with pytest.raises(UsageError, match="scale is 28"):
        Sum("x", scale=28)
    with pytest.raises(UsageError, match="rounding"):
        Sum("x", rounding="up")  # type: ignore[arg-type]

"""Every measure: any split, any merge tree, any order, through the shuffle's text or not: what plain Python says."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from fractions import Fraction
from hashlib import md5
from math import log

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import (
    ApproxCountDistinct,
    Count,
    CountDistinct,
    First,
    Last,
    Max,
    Mean,
    Measure,
    Min,
    Quantile,
    StdDev,
    Sum,
    TopK,
    Variance,
    stages,
)  # fmt: skip
from jobs.errors import DeclarationError, UsageError
from jobs.measures import Rows
from jobs.plan import Plan
from tests.conformance.oracle import encode, half_even, root, variance
from tests.examples import examples

CONNECTION = duckdb.connect()
TYPES = {"k": "VARCHAR", "x": "VARCHAR", "i": "BIGINT", "f": "DOUBLE"}
Row = tuple[str | None, str | None, int | None, float | None]
Values = list[tuple[str | None, int | None, float | None]]


def decimals_of(values: Values) -> list[Fraction]:
    return [Fraction(x) for x, _, _ in values if x is not None]


def or_none(value: Fraction | None, show: Callable[[Fraction], str]) -> str | None:
    return None if value is None else show(value)


def ends(values: Values, choose: Callable[[list[tuple[int, bytes]]], tuple[int, bytes]]) -> str | None:
    known = [(i, x.encode()) for x, i, _ in values if x is not None and i is not None]
    return choose(known)[1].decode() if known else None


def show_float(value: float) -> str:
    if value != value:
        return "nan"
    return str(CONNECTION.execute("SELECT ($1::DOUBLE + 0)::VARCHAR", [value]).fetchall()[0][0])


def extreme(values: Values, choose: Callable[..., float]) -> str | None:
    floats = [f for _, _, f in values if f is not None]
    return show_float(choose(floats, key=lambda f: (f != f, f))) if floats else None


def quantile(values: Values, q: Fraction, edges: list[Fraction]) -> str | None:
    """The value below which q of those within the edges lies, spread evenly over their bin."""
    places = [bisect_right(edges, x) for x in decimals_of(values)]
    before = 0
    for place, n in sorted(Counter(places).items()):
        if before + n >= q * len(places):
            if place in (0, len(edges)):
                return None
            low, high = edges[place - 1], edges[place]
            return half_even(low + (high - low) * (q * len(places) - before) / n, 1)
        before += n
    return None


def hyper_log_log(values: Iterable[str], precision: int) -> int:
    """Ertl's estimate, of registers as Flajolet has them."""
    registers = [0] * 2**precision
    for text in values:
        bits = f"{int(md5(text.encode()).hexdigest()[:16], 16):064b}"
        register, rest = int(bits[:precision], 2), bits[precision:]
        registers[register] = max(registers[register], len(rest) - len(rest.lstrip("0")) + 1)
    m, unused = len(registers), registers.count(0)
    if unused == m:
        return 0
    x = sigma = unused / m
    for k in range(1, 40):
        x *= x
        sigma += x * 2 ** (k - 1)
    return round(m * m / (2 * log(2)) / (m * sigma + sum(2.0**-rank for rank in registers if rank)))


EDGES = [Fraction(-1), Fraction(0), Fraction("0.5"), Fraction(10**9)]

CASES: dict[str, tuple[Measure, Callable[[Values], str | None]]] = {
    "count": (Count(), lambda v: str(len(v))),
    "distinct": (CountDistinct("x"), lambda v: str(len({x for x, _, _ in v} - {None}))),
    "distinct i": (CountDistinct("i"), lambda v: str(len({i for _, i, _ in v} - {None}))),
    "distinct f": (CountDistinct("f"), lambda v: str(len({show_float(f) for _, _, f in v if f is not None}))),
    "about": (ApproxCountDistinct("x", 4), lambda v: str(hyper_log_log((x for x, _, _ in v if x is not None), 4))),
    "about i": (ApproxCountDistinct("i"), lambda v: str(hyper_log_log((str(i) for _, i, _ in v if i is not None), 12))),
    "sum": (Sum("x", scale=2), lambda v: half_even(sum(decimals_of(v), Fraction()), 2) if decimals_of(v) else None),
    "mean": (
        Mean("x", scale=2, decimals=5),
        lambda v: half_even(sum(decimals_of(v), Fraction()) / len(decimals_of(v)), 5) if decimals_of(v) else None,
    ),
    "mean i": (
        Mean("i", decimals=0),
        lambda v: half_even(Fraction(sum(i for _, i, _ in v if i is not None), max(1, len([i for _, i, _ in v if i is not None]))), 0)
        if any(i is not None for _, i, _ in v) else None,
    ),
    "min": (Min("x"), lambda v: min((x.encode() for x, _, _ in v if x is not None), default=b"\\N").decode()),
    "max i": (Max("i"), lambda v: str(max(i for _, i, _ in v if i is not None)) if any(i is not None for _, i, _ in v) else None),
    "min f": (Min("f"), lambda v: extreme(v, min)),
    "max f": (Max("f"), lambda v: extreme(v, max)),
    "first": (First("x", by="i"), lambda v: ends(v, lambda known: min(known))),
    "last": (Last("x", by="i"), lambda v: ends(v, lambda known: max(known))),
    "median": (Quantile("x", "0.5", "edges:-1,0,0.5,1000000000", decimals=1), lambda v: quantile(v, Fraction(1, 2), EDGES)),
    "quantile": (Quantile("x", "0.9", "edges:-1,0,0.5,1000000000", decimals=1), lambda v: quantile(v, Fraction(9, 10), EDGES)),
    "variance": (Variance("x", scale=2, decimals=6), lambda v: or_none(variance(decimals_of(v), 1), lambda x: half_even(x, 6))),
    "population": (
        Variance("x", scale=2, decimals=4, population=True),
        lambda v: or_none(variance(decimals_of(v), 0), lambda x: half_even(x, 4)),
    ),
    "deviation": (StdDev("x", scale=2, decimals=4), lambda v: or_none(variance(decimals_of(v), 1), lambda x: root(x, 4))),
    "deviation p": (
        StdDev("x", scale=2, decimals=2, population=True),
        lambda v: or_none(variance(decimals_of(v), 0), lambda x: root(x, 2)),
    ),
}  # fmt: skip
PLAN = Plan(
    "tests:Job", "SELECT k, x, i, f FROM lines", ("k",), {name: measure for name, (measure, _) in CASES.items()}
)

numbers = st.decimals(-(10**9), 10**9, places=2, allow_nan=False).map(lambda d: f"{d:f}")
few = st.sampled_from(["0.00", "0.01", "-0.01", "1.00", "999999999.99", "-999999999.99", "0.10"])
row = st.tuples(
    st.none() | st.sampled_from(["a", "b", ""]),
    st.none() | few | numbers,
    st.none() | st.integers(-3, 3) | st.integers(-(10**12), 10**12),
    st.none() | st.sampled_from([0.0, -0.0, float("nan"), 1.5, -1e300, float("inf")]) | st.floats(width=32),
)
ROWS = st.lists(row, max_size=8)


def table(name: str, sql: str) -> str:
    CONNECTION.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
    return name


def partial_of(rows: list[Row], name: str) -> str:
    CONNECTION.execute("CREATE OR REPLACE TEMP TABLE some_rows(k VARCHAR, x VARCHAR, i BIGINT, f DOUBLE)")
    if rows:
        CONNECTION.executemany("INSERT INTO some_rows VALUES ($1, $2, $3, $4)", rows)
    return table(name, stages.partial(PLAN, TYPES, "some_rows"))


def shuffled(source: str, name: str) -> str:
    """A partial, written as Hadoop's lines and read again."""
    described = CONNECTION.execute(f"DESCRIBE {source}").fetchall()
    states = {column: type for column, type, *_ in described if column != "key"}
    lines = table("lines", f"SELECT rtrim(record, chr(10)) AS line FROM ({stages.shuffled(states, source)})")
    return table(name, stages.unshuffled(1, states, lines))


def merged(left: str, right: str, name: str) -> str:
    union = f"(SELECT * FROM {left} UNION ALL SELECT * FROM {right})"
    return table(name, stages.merge(PLAN, TYPES, union))


def answer(source: str) -> list[str]:
    found = CONNECTION.execute(stages.records(PLAN, 1, f"({stages.final(PLAN, TYPES, source)})")).fetchall()
    return [record.removesuffix("\n") for _, record in found]


def expected(rows: list[Row]) -> list[str]:
    groups: dict[str, Values] = {}
    for key, *values in rows:
        groups.setdefault("\\N" if key is None else key, []).append(tuple(values))  # type: ignore[arg-type]
    written = {
        key: ["\\N" if (value := oracle(values)) is None else value for _, oracle in CASES.values()]
        for key, values in groups.items()
    }
    return ["\t".join([key, *values]) for key, values in sorted(written.items(), key=lambda item: item[0].encode())]


@pytest.mark.slow
@examples(30)
@given(st.lists(ROWS, min_size=1, max_size=4), st.data())
def test_any_split_any_merge_tree_and_any_order(parts: list[list[Row]], data: st.DataObject) -> None:
    rows = [one for part in parts for one in part]
    partials = [partial_of(data.draw(st.permutations(part)), f"part{number}") for number, part in enumerate(parts)]
    assert answer(partial_of(rows, "whole")) == expected(rows)
    count = 0
    while len(partials) > 1:
        left, right = (partials.pop(data.draw(st.integers(0, len(partials) - 1))) for _ in range(2))
        if data.draw(st.booleans()):
            left = shuffled(left, f"{left}s")
        partials.append(merged(left, right, f"merged{(count := count + 1)}"))
    last = shuffled(partials[0], "last")
    assert answer(merged(last, table("empty", f"SELECT * FROM {last} WHERE false"), "ended")) == expected(rows)


@pytest.mark.parametrize(("measure", "why"), [
    (lambda: Mean("x", scale=2, decimals=1), "decimals is 1; with this scale it must be 2 to 11"),
    (lambda: Variance("x", scale=2, decimals=3), "must be 4 to 13"),
    (lambda: StdDev("x", scale=15, decimals=15), "scale is 15, must be 0 to 14"),
    (lambda: ApproxCountDistinct("x", 3), "precision is 3, must be 4 to 16"),
    (lambda: Quantile("x", "1.5", "edges:0,1"), "q is '1.5', must be a text"),
    (lambda: Quantile("x", "0.5", "categories"), "are not of numbers"),
    (lambda: Quantile("x", "0.5", "edges:0,0.25", decimals=1), "decimals is 1; with these bins it must be 2 to 11"),
    (lambda: Min("l").partial(Rows({"l": "VARCHAR[]"}, "''")), "whose values have no one order"),
    (lambda: First("x", by="y").partial(Rows(TYPES, "''")), "no column 'y' in rows"),
])  # fmt: skip
def test_a_wrong_measure_is_refused(measure: Callable[[], object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        measure()


def test_a_square_too_large_is_refused_by_its_group() -> None:
    with pytest.raises(duckdb.InvalidInputException, match="a value has more than 14 digits, in group k=a"):
        partial_of([("a", "1000000000000", None, None)], "large")


def answers(plan: Plan, rows: list[Row]) -> list[str]:
    CONNECTION.execute("CREATE OR REPLACE TEMP TABLE some_rows(k VARCHAR, x VARCHAR, i BIGINT, f DOUBLE)")
    CONNECTION.executemany("INSERT INTO some_rows VALUES ($1, $2, $3, $4)", rows)
    final = stages.final(plan, TYPES, f"({stages.partial(plan, TYPES, 'some_rows')})")
    found = CONNECTION.execute(stages.records(plan, 7, f"({final})")).fetchall()
    assert {part for part, _ in found} <= {0}
    return [record.removesuffix("\n") for _, record in found]


@given(st.lists(st.tuples(st.sampled_from("abcdé\t"), st.none() | st.integers(0, 3)), min_size=1), st.integers(1, 4))
@pytest.mark.parametrize("ascending", [False, True])
def test_the_top_is_in_order_ties_by_key_and_nulls_last(
    ascending: bool, groups: list[tuple[str, int | None]], k: int
) -> None:
    plan = Plan("tests:Job", "SELECT 1", ("k",), {"most": Max("i")}, then=TopK("most", k, ascending))
    most: dict[str, int | None] = {}
    for key, value in groups:
        most[key] = max((v for v in (most.get(key), value) if v is not None), default=None)
    order = sorted(
        most.items(), key=lambda g: (g[1] is None, (g[1] or 0) * (1 if ascending else -1), encode(g[0]).encode())
    )
    expected = [f"{encode(key)}\t{encode(None if value is None else str(value))}" for key, value in order[:k]]
    assert answers(plan, [(key, None, value, None) for key, value in groups]) == expected


@pytest.mark.parametrize(("then", "group_by", "why"), [
    (TopK("other", 1), ("k",), "TopK by 'other', which is none of: n"),
    (TopK("n", 0), ("k",), "it must keep 1 at least"),
    (TopK("n", 1), (), "without group_by"),
])  # fmt: skip
def test_a_wrong_second_stage_is_refused(then: TopK, group_by: tuple[str, ...], why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        Plan("tests:Job", "SELECT 1", group_by, {"n": Count()}, then=then)


def test_a_plan_with_all_of_it_travels_as_json() -> None:
    plan = Plan("j", "SELECT 1", ("k",), PLAN.measures, bad="b", max_bad="3", then=TopK("count", 2, ascending=True))
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize("precision", [8, 12])
def test_distinct_values_are_counted_within_the_stated_error(precision: int) -> None:
    """Groups of one value, and of up to 20 times as many as there are registers; ten of each size."""
    measure = ApproxCountDistinct("x", precision)
    of = Plan("tests:Job", "SELECT k, x FROM lines", ("k",), {"about": measure, "exact": CountDistinct("x")})
    groups = {
        f"{size}": size for size in (1, 2, 10, 2**precision // 3, 2**precision, 3 * 2**precision, 20 * 2**precision)
    }
    errors = []
    for name, size in groups.items():
        sql = f"SELECT (g % 10)::VARCHAR AS k, '{name} ' || (g)::VARCHAR AS x FROM range({size} * 10) t(g)"
        source = table("partials", stages.partial(of, {"k": "VARCHAR", "x": "VARCHAR"}, table("few_rows", sql)))
        final = f"({stages.final(of, {'k': 'VARCHAR', 'x': 'VARCHAR'}, source)})"
        for (record,) in CONNECTION.execute(f"SELECT record FROM ({stages.records(of, 1, final)})").fetchall():
            _, about, exact = record.split("\t")
            errors.append((int(about) - int(exact)) / int(exact))
            assert int(exact) == size
    sigma = 1.04 / 2 ** (precision / 2)
    assert all(abs(error) < 4 * sigma for error in errors)
    assert abs(sum(errors) / len(errors)) < sigma / 2, "no bias"

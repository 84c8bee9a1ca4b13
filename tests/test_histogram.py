"""Weighted histograms, against fractions and boost-histogram; histograms of histograms; outputs told as JSON."""

import json
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import boost_histogram as bh
import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import WeightedHistogram, stages
from jobs.catalog import find
from jobs.errors import FaninError, UsageError
from jobs.measures import Rows
from jobs.plan import Plan
from jobs.report import nested
from tests import command
from tests.conformance.oracle import encode, half_even, root
from tests.examples import examples

CONNECTION = duckdb.connect(config={"threads": 1})
TYPES = {
    "k": "VARCHAR",
    "d": "DECIMAL(18,3)",
    "i": "BIGINT",
    "f": "DOUBLE",
    "s": "VARCHAR",
    "c": "VARCHAR",
    "w": "VARCHAR",
}
COLUMNS = list(TYPES)

Row = tuple[str | None, ...]
"""The text of each column."""
Bin = tuple[Any, str | None, str | None, str | None]
"""What orders it, its name, its edges."""

EDGES = {
    "equal:-10:10:4": "-10 -5 0 5 10", "edges:-1.5,0,0.10,7": "-1.5 0 0.1 7", "log:1:1000:3": "1 10 100 1000",
    "equal:0:1:8": "0 0.125 0.25 0.375 0.5 0.625 0.75 0.875 1",
}  # fmt: skip


# Plain Python


def bin_of(bins: str, value: str | None) -> Bin:
    if bins == "categories":
        return *open_category(value), None, None
    if bins.startswith("categories:"):
        names = bins.removeprefix("categories:").split(",")
        if value is None:
            return len(names) + 1, None, None, None
        place = names.index(value) if value in names else len(names)
        return place, [*names, "other"][place], None, None
    edges = EDGES[bins].split()
    scale = max(len(edge.partition(".")[2]) for edge in edges)
    shown = [f"{Decimal(edge):.{scale}f}" for edge in edges]
    if value is None:
        return len(edges) + 2, "null", None, None
    if math.isnan(float(value)):
        return len(edges) + 1, "nan", None, None
    infinite = math.isinf(float(value))
    place = (
        len(edges) * (float(value) > 0)
        if infinite
        else bisect_right([Fraction(edge) for edge in edges], Fraction(value))
    )
    low, high = [None, *shown][place], [*shown, None][place]
    name = "underflow" if low is None else "overflow" if high is None else f"[{edges[place - 1]}, {edges[place]})"
    return place, name, low, high


def open_category(text: str | None) -> tuple[Any, str | None]:
    """Underflow, then numbers and edges as such, then texts by their bytes, then what else is told in place of a bin."""
    last = {"underflow": 0, "overflow": 3, "other": 3, "nan": 4, "null": 5, None: 6}
    name = (text or "").encode()
    if text in last:
        return (last[text], 0, name), text
    assert text is not None
    number = re.fullmatch(r"\[(-?[0-9.]+), \S+\)|(-?[0-9.]+)", text)
    return (1, Fraction(number[1] or number[2]), name) if number else (2, 0, name), text


def expected(measure: WeightedHistogram, rows: Sequence[Row]) -> list[str]:
    groups: dict[str, dict[Bin, list[Fraction]]] = {}
    for row in rows:
        told = dict(zip(COLUMNS, row, strict=True))
        counted = told[measure.weight] if measure.weight else "1"
        if counted is not None:
            bins = groups.setdefault(encode(told["k"]), {})
            bins.setdefault(bin_of(measure.bins, told[measure.value]), []).append(Fraction(counted))
    edges = EDGES[measure.bins].split() if measure.bins in EDGES else re.split("[:,]", measure.bins)
    digest = sha256(",".join(edges).encode()).hexdigest()[:8]
    lines = []
    for key in sorted(groups, key=str.encode):
        total, until = sum((sum(some, Fraction()) for some in groups[key].values()), Fraction()), Fraction()
        for place in sorted(groups[key], key=lambda place: place[0]):
            weights = groups[key][place]
            weight = sum(weights, Fraction())
            until += weight
            shares = [half_even(part / total, measure.decimals) if total > 0 else None for part in (weight, until)]
            error = root(sum((x * x for x in weights), Fraction()), measure.scale + 3)
            _, name, low, high = place
            ends = [low, high] * (measure.bins in EDGES)
            values = [name, *ends, str(len(weights)), half_even(weight, measure.scale), *shares, error, digest]
            lines.append("\t".join([key, *map(encode, values)]))
    return lines


# SQL: the stages, as engines put them together


def table(name: str, sql: str) -> str:
    CONNECTION.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
    return name


def plan_of(measure: WeightedHistogram) -> Plan:
    return Plan("tests:Job", "SELECT 1", ("k",), {"h": measure})


def partial_of(plan: Plan, rows: Sequence[Row], name: str) -> str:
    texts = ", ".join(f"unnest(${n}::VARCHAR[]) AS {column}" for n, column in enumerate(COLUMNS, 1))
    cast = ", ".join(f"{column}::{type} AS {column}" for column, type in TYPES.items())
    columns = [[row[n] for row in rows] for n, _ in enumerate(COLUMNS)]
    CONNECTION.execute(f"CREATE OR REPLACE TEMP TABLE some_rows AS SELECT {cast} FROM (SELECT {texts})", columns)
    return table(name, stages.partial(plan, TYPES, "some_rows"))


def shuffled(source: str, name: str) -> str:
    """A partial, written as Hadoop's lines and read again."""
    described = CONNECTION.execute(f"DESCRIBE {source}").fetchall()
    states = {column: type for column, type, *_ in described if column != "key"}
    lines = table("lines", f"SELECT rtrim(record, chr(10)) AS line FROM ({stages.shuffled(states, source)})")
    return table(name, stages.unshuffled(1, states, lines))


def merged(plan: Plan, left: str, right: str, name: str) -> str:
    union = f"(SELECT * FROM {left} UNION ALL SELECT * FROM {right})"
    return table(name, stages.merge(plan, TYPES, union))


def answer(plan: Plan, source: str) -> list[str]:
    found = CONNECTION.execute(stages.records(plan, 1, f"({stages.final(plan, TYPES, source)})")).fetchall()
    return [record.removesuffix("\n") for _, record in found]


def fixed(units: int, decimals: int) -> str:
    return half_even(Fraction(units, 10**decimals), decimals)


MEASURES = st.builds(
    lambda value, bins, weight, decimals: WeightedHistogram(
        value, weight, bins if value not in "c" else "categories", 2 if weight else 0, decimals
    ),
    st.sampled_from(["d", "i", "f", "s"]),
    st.sampled_from(sorted(EDGES)),
    st.sampled_from([None, "w"]),
    st.integers(0, 9),
) | st.builds(
    lambda bins, weight: WeightedHistogram("c", weight, bins, 2 if weight else 0),
    st.sampled_from(["categories", "categories:a,b", "categories:10,b,null,é"]),
    st.sampled_from([None, "w"]),
)  # fmt: skip
NAMES = ["a", "b", "", "é", "10", "9", "-1", "1.50", "1.5", "[0, 5)", "[-10, 0)", "[10, 20)", "[9.5, 10)", *("nan", "other", "underflow", "overflow", "null", "[a, b)")]  # fmt: skip
near_edges = st.sampled_from([-10_000, -5_000, -1_500, 0, 100, 1_000, 5_000, 7_000, 10_000, 100_000, 1_000_000, 125])
rows_of = st.lists(
    st.tuples(
        st.none() | st.sampled_from(["k", "l\t"]),
        st.none() | (near_edges | st.integers(-11_000, 11_000)).map(lambda n: fixed(n, 3)),
        st.none() | st.sampled_from(["0", "1", "9", "10", "-10", "-11", "1000", "100"]),
        st.none() | st.sampled_from(["nan", "-nan", "inf", "-inf", "-0.0", "-1.5", "0.125", "1e3", "9.999", "-10.0000001"]),
        st.none() | (near_edges | st.integers(-11_000, 11_000)).map(lambda n: fixed(n * 10**6 + n % 2, 9)),
        st.none() | st.sampled_from(NAMES),
        st.none() | st.sampled_from(["0", "0.00", "1", "-1", "-0.01", "3.33", "999999999999.99"]) | st.integers(-999, 9999).map(lambda n: fixed(n, 2)),
    ), max_size=8,
)  # fmt: skip


@pytest.mark.slow
@examples(30)
@given(MEASURES, st.lists(rows_of, min_size=1, max_size=3), st.data())
def test_any_split_any_merge_tree_and_any_order(
    measure: WeightedHistogram, parts: list[list[Row]], data: st.DataObject
) -> None:
    plan, right = plan_of(measure), expected(measure, [row for part in parts for row in part])
    partials = [partial_of(plan, data.draw(st.permutations(part)), f"p{n}") for n, part in enumerate(parts)]
    count = 0
    while len(partials) > 1:
        first, second = (partials.pop(data.draw(st.integers(0, len(partials) - 1))) for _ in range(2))
        if data.draw(st.booleans()):
            first = shuffled(first, f"{first}s")
        partials.append(merged(plan, first, second, f"m{(count := count + 1)}"))
    assert answer(plan, partials[0]) == right
    last = shuffled(partials[0], "last")
    assert answer(plan, merged(plan, last, table("empty", f"SELECT * FROM {last} WHERE false"), "ended")) == right


def of_texts(*rows: tuple[str | None, str | None]) -> list[Row]:
    """Rows of a text and a weight."""
    return [("k", None, None, None, None, c, w) for c, w in rows]


@pytest.mark.parametrize(("weights", "shares"), [
    ([1, 7], ["0.12", "0.88"]), ([3, 5], ["0.38", "0.62"]), ([-1, 9], ["-0.12", "1.12"]), ([-3, 11], ["-0.38", "1.38"]),
    ([1, -1], ["\\N", "\\N"]), ([0], ["\\N"]), ([-5], ["\\N"]), ([2, -5], ["\\N", "\\N"]), ([5], ["1.00"]),
])  # fmt: skip
def test_shares_are_rounded_half_to_even_and_none_of_a_total_that_is_not_positive(
    weights: list[int], shares: list[str]
) -> None:
    plan = plan_of(WeightedHistogram("c", "w", decimals=2))
    rows = of_texts(*((name, str(weight)) for name, weight in zip("ab", weights, strict=False)))
    assert [line.split("\t")[4] for line in answer(plan, partial_of(plan, rows, "some_of"))] == shares


def test_rows_without_a_weight_are_left_out_and_with_them_bins_and_groups() -> None:
    plan = plan_of(WeightedHistogram("c", "w"))
    partial = partial_of(plan, of_texts(("a", "1"), ("a", None), ("b", None), ("c", "0")), "some_of")
    assert [line.split("\t")[1:4] for line in answer(plan, partial)] == [["a", "1", "1"], ["c", "1", "0"]]
    assert answer(plan, partial_of(plan, of_texts(("a", None)), "none")) == []


def test_rows_that_all_weigh_1_have_no_decimals() -> None:
    """A scale is that of weights: it must not make 5 rows weigh 0.05."""
    with pytest.raises(UsageError, match=r"WeightedHistogram\('c'\): scale is 2, where no weight has decimals"):
        WeightedHistogram("c", scale=2)


def test_open_categories_are_in_the_order_of_what_they_tell() -> None:
    plan = plan_of(WeightedHistogram("c"))
    rows = of_texts(*((name, None) for name in reversed(NAMES)), *[(None, None)])
    assert [line.split("\t")[1] for line in answer(plan, partial_of(plan, rows, "some_of"))] == [
        "underflow", "[-10, 0)", "-1", "[0, 5)", "1.5", "1.50", "9", "[9.5, 10)", "10", "[10, 20)", "", "[a, b)", "a", "b", "é",
        "other", "overflow", "nan", "null", "\\N",
    ]  # fmt: skip


def test_states_of_different_edges_in_one_group_are_refused() -> None:
    plan = plan_of(WeightedHistogram("c", "w", merged=True, edges="s"))
    partials = [
        partial_of(plan, [(key, None, None, None, edges, name, "1")], f"p{n}")
        for n, (key, edges, name) in enumerate(
            [("k", "abc", "a"), ("k", "abc", "b"), ("l", "xyz", "a"), ("k", "xyz", "b")]
        )
    ]
    same = merged(plan, merged(plan, partials[0], partials[1], "one"), partials[2], "same")
    assert [line.split("\t")[::6] for line in answer(plan, same)] == [["k", "abc"], ["k", "abc"], ["l", "xyz"]]
    one_bin = partial_of(plan, [("k", None, None, None, edges, "a", "1") for edges in ("abc", "xyz")], "one_bin")
    for different in (merged(plan, same, partials[3], "different"), one_bin):
        with pytest.raises(duckdb.InvalidInputException, match="bins with different edges, abc and xyz, in group k$"):
            answer(plan, different)


@pytest.mark.parametrize(("measure", "why"), [
    (lambda: WeightedHistogram("c", decimals=10), "decimals is 10, must be 0 to 9"),
    (lambda: WeightedHistogram("c", "w", scale=15).partial(Rows(TYPES, "''")), "scale is 15, must be 0 to 14"),
    (lambda: WeightedHistogram("c", bins="equal:0:1:3"), "2 or 4 bins would do"),
    (lambda: WeightedHistogram("none").within(Rows(TYPES, "''")), "no column 'none' in rows"),
    (lambda: WeightedHistogram("c", edges="none").partial(Rows(TYPES, "''")), "no column 'none' in rows"),
    (lambda: WeightedHistogram("c", "f").partial(Rows(TYPES, "''")), "a DOUBLE column has no exact sum"),
])  # fmt: skip
def test_a_wrong_measure_is_refused(measure: Callable[[], object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        measure()


def test_weights_too_large_for_their_error_are_refused_and_merged_ones_have_none() -> None:
    weight = "9" * 14
    plan = plan_of(WeightedHistogram("c", "w"))
    with pytest.raises(duckdb.InvalidInputException, match="a value has more than 14 digits, in group k=k"):
        partial_of(plan, of_texts(("a", weight + "9")), "large")
    few, many = (partial_of(plan, of_texts(*[("a", weight)] * n), f"n{n}") for n in (1, 9))
    assert answer(plan, few) == expected(plan.measures["h"], of_texts(("a", weight)))  # type: ignore[arg-type]
    assert answer(plan, many) == expected(plan.measures["h"], of_texts(*[("a", weight)] * 9))  # type: ignore[arg-type]
    merging = plan_of(WeightedHistogram("c", "w", merged=True, scale=1))
    found = answer(merging, partial_of(merging, of_texts(("a", "9" * 27), ("b", "0.5")), "huge"))
    assert [line.split("\t")[2:6] for line in found] == [
        ["1", "9" * 27 + ".0", "1.000000", "1.000000"], ["1", "0.5", "0.000000", "1.000000"],
    ]  # fmt: skip


@examples(30)
@given(
    st.lists(st.integers(-400, 400), min_size=2, max_size=9, unique=True).map(sorted),
    st.lists(st.tuples(st.integers(-450, 450), st.integers(-4000, 4000)), min_size=1, max_size=30),
)
def test_the_same_as_boost_histogram(eighths: list[int], values: list[tuple[int, int]]) -> None:
    """Edges, values and weights are such that its doubles are exact."""
    axis = bh.axis.Variable([edge / 8 for edge in eighths])
    histogram = bh.Histogram(axis, storage=bh.storage.Weight())
    histogram.fill([value / 8 for value, _ in values], weight=[weight / 4 for _, weight in values])
    view: Any = histogram.view(flow=True)
    measure = WeightedHistogram("f", "w", "edges:" + ",".join(fixed(edge * 125, 3) for edge in eighths), 2)
    plan = plan_of(measure)
    rows: list[Row] = [
        ("k", None, None, repr(value / 8), None, None, fixed(weight * 25, 2)) for value, weight in values
    ]
    lows = ["\\N", *(Fraction(edge, 8) for edge in eighths)]
    for line in answer(plan, partial_of(plan, rows, "some_of")):
        _, name, low, _, n, weight, _, _, error, _ = line.split("\t")
        place = lows.index(low if low == "\\N" else Fraction(low))
        assert (name == "underflow", name == "overflow") == (place == 0, place == len(eighths))
        assert Fraction(weight) == Fraction(float(view["value"][place]))
        assert error == root(Fraction(float(view["variance"][place])), 5)
        view[place] = 0, 0
        assert int(n) > 0
    assert not view["variance"].any(), "bins that are left out are empty"


# The job


def run(job: str, inputs: Sequence[Path | str], out: Path, *options: str) -> list[str]:
    """The records of a job, run in this process."""
    with find(job)(args=[*map(str, inputs), "-o", str(out), *options]).make_runner() as runner:
        runner.run()
        return [line.decode() for line in b"".join(runner.cat_output()).splitlines()]


FLIGHTS = b"carrier,delay,seats\nAA,-61,100\nAA,-60,\nAA,0.5,150.25\nBA,180,1\nAA,,7\nAA,119.999999999,0.75\n"


def test_the_job(tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_bytes(FLIGHTS)
    options = [
        "--value",
        "delay",
        "--bins",
        "equal:-60:180:2",
        "--key",
        "carrier",
        "--weight",
        "seats",
        "--scale",
        "2",
    ]
    done = command.run("run", "histogram", str(tmp_path / "flights.csv"), "--format", "csv", *options).ok()
    digest = sha256(b"-60,60,180").hexdigest()[:8]
    assert done.out.decode().splitlines() == [
        f"AA\tunderflow\t\\N\t-60\t1\t100.00\t0.387597\t0.387597\t100.00000\t{digest}",
        f"AA\t[-60, 60)\t-60\t60\t1\t150.25\t0.582364\t0.969961\t150.25000\t{digest}",
        f"AA\t[60, 180)\t60\t180\t1\t0.75\t0.002907\t0.972868\t0.75000\t{digest}",
        f"AA\tnull\t\\N\t\\N\t1\t7.00\t0.027132\t1.000000\t7.00000\t{digest}",
        f"BA\toverflow\t180\t\\N\t1\t1.00\t1.000000\t1.000000\t1.00000\t{digest}",
    ]


def test_floats_and_nan(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"1e1\nnan\n-0.0\n9.99\n\\N\n-inf\n1e300\n")
    found = run("histogram", [tmp_path / "in"], tmp_path / "out", "--value", "1", "--bins", "equal:0:10:1", "--float")
    assert [line.split("\t")[:4] for line in found] == [
        ["underflow", "\\N", "0", "1"], ["[0, 10)", "0", "10", "2"], ["overflow", "10", "\\N", "2"], ["nan", "\\N", "\\N", "1"],
        ["null", "\\N", "\\N", "1"],
    ]  # fmt: skip
    with pytest.raises(FaninError, match="column '1': 1e1 is not a number of at most 9 decimals"):
        run("histogram", [tmp_path / "in"], tmp_path / "no", "--value", "1", "--bins", "equal:0:10:1")


TOWNS = b"""\
country\ttown\tkids\tshare\tinhabitants
DE\tBerlin\t0\t0.5000\t3700000
DE\tBerlin\t1\t0.2500\t3700000
DE\tBerlin\t2\t0.2000\t3700000
DE\tBerlin\t10\t0.0500\t3700000
DE\tBonn\t2\t0.3333\t330001
DE\tBonn\t0\t0.6667\t330001
FR\tNice\t10\t1.0000\t7
FR\tNice\t2\t\\N\t7
"""


def test_shares_of_towns_become_those_of_countries_by_their_populations(tmp_path: Path) -> None:
    (tmp_path / "towns.tsv").write_bytes(TOWNS)
    found = run(
        "histogram", [tmp_path / "towns.tsv"], tmp_path / "out", "--merge", "--value", "kids", "--share", "share",
        "--population", "inhabitants", "--scale", "4", "--key", "country",
    )  # fmt: skip
    weights: dict[str, dict[int, list[Fraction]]] = {}
    for line in TOWNS.decode().splitlines()[1:]:
        country, _, number, share, inhabitants = line.split("\t")
        if share != "\\N":
            weights.setdefault(country, {}).setdefault(int(number), []).append(Fraction(share) * int(inhabitants))
    right = []
    for country, bins in sorted(weights.items()):
        total, until = sum(sum(some) for some in bins.values()), Fraction()
        for kids, some in sorted(bins.items()):
            weight = sum(some, Fraction())
            until += weight
            shares = [half_even(part / total, 6) for part in (weight, until)]
            right.append("\t".join([country, str(kids), str(len(some)), half_even(weight, 4), *shares]))
    assert [line.rpartition("\t")[0] for line in found] == right
    assert [line.split("\t")[1] for line in right] == ["0", "1", "2", "10", "10"]
    assert found[0].split("\t")[4] == "0.513650", "not the mean of the towns' shares"


def test_histograms_of_parts_are_merged_to_that_of_all(tmp_path: Path) -> None:
    """Outputs of the job are inputs of the job; bins are in the order of their numbers, whatever their names' bytes."""
    values = [-100, -10, -9.5, -1, 0, 3, 9, 10, 15, 99, 100, "\\N"]
    rows = [f"{'ab'[n % 2]}\t{value}\t{n}.5\n" for n, value in enumerate(values)]
    (tmp_path / "all").write_text("".join(rows))
    options = ["--key", "1", "--value", "2", "--weight", "3", "--scale", "1", "--bins", "equal:-20:100:12"]
    right = run("histogram", [tmp_path / "all"], tmp_path / "whole", *options)
    for n in range(3):
        (tmp_path / f"in{n}").write_text("".join(rows[n::3]))
        run("histogram", [tmp_path / f"in{n}"], tmp_path / f"out{n}", *options)
    outs = [tmp_path / f"out{n}" for n in range(3)]
    merge = ["--merge", "--key", "1", "--value", "bin", "--count", "weight", "--scale", "1"]
    found = run("histogram", outs, tmp_path / "merged", *merge, "--parts", "2")
    told = [line.split("\t") for line in right]
    assert sorted(line.rsplit("\t", 1)[1] for line in found) == [told[0][-1]] * len(told)
    short = [[fields[0], fields[1], *fields[5:8]] for fields in told]
    merged = [[fields[0], fields[1], *fields[3:6]] for fields in (line.split("\t") for line in found)]
    assert sorted(merged, key=lambda fields: fields[0]) == short
    assert [fields[1] for fields in short if fields[0] == "a"] == [
        "underflow", "[-10, 0)", "[0, 10)", "[10, 20)", "overflow",
    ]  # fmt: skip
    again = run("histogram", [tmp_path / "merged"], tmp_path / "again", *merge)
    assert [line.split("\t")[1:2] + line.split("\t")[3:] for line in again] == [
        [*fields[1:], told[0][-1]] for fields in short
    ]


def test_bins_with_different_edges_are_refused_and_both_files_named(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("1\n")
    for n, bins in enumerate(("equal:0:10:1", "equal:0:10:2")):
        run("histogram", [tmp_path / "in"], tmp_path / f"out{n}", "--value", "1", "--bins", bins)
    merge = ["--merge", "--value", "bin", "--count", "weight"]
    refused = command.run("run", "histogram", "out0", "out1", *merge, "-o", "no", cwd=tmp_path)
    digests = [sha256(edges).hexdigest()[:8] for edges in (b"0,10", b"0,5,10")]
    why = f"out1/part-00000: its 'edges' is '{digests[1]}', where that of out0/part-00000 is '{digests[0]}'"
    assert (refused.code, refused.err.strip(), (tmp_path / "no").exists()) == (2, f"fanin: {why}", False)
    mixed = b"".join((tmp_path / f"out{n}" / "part-00000").read_bytes() for n in (0, 1))
    (tmp_path / "mixed").write_bytes(b"bin\tlow\thigh\tn\tweight\tshare\tcumulative\terror\tedges\n" + mixed)
    with pytest.raises(
        FaninError, match=f"mixed:3: column 'edges': {digests[1]} is not '{digests[0]}', as elsewhere"
    ):
        run("histogram", [tmp_path / "mixed"], tmp_path / "no", *merge)
    assert run("histogram", [tmp_path / "out0"] * 2, tmp_path / "twice", *merge)[0].startswith("[0, 10)\t2\t2\t")


@pytest.mark.parametrize(("options", "why"), [
    (["--merge"], "histogram --merge: give --count, or --share and --population"),
    (["--merge", "--share", "2"], "histogram --merge: give --count"),
    (["--merge", "--count", "2", "--share", "2", "--population", "2"], "histogram --merge: give --count"),
    (["--bins", "equal:0:1:3"], "2 or 4 bins would do"), (["--bins", "thirds"], "write equal:LOW:HIGH:N"),
    (["--scale", "2"], "scale is 2, where no weight has decimals"),
    (["--weight", "2", "--scale", "15"], "scale is 15, must be 0 to 14"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(options: list[str], why: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("1\t2\n")
    with pytest.raises(UsageError, match=re.escape(why)):
        run("histogram", [tmp_path / "in"], tmp_path / "out", "--value", "1", *options)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


# Outputs told as JSON


JOBS = """\
from jobs import AggregateJob, Count, Max, Sliding, Tsv, WeightedHistogram


class Seen(AggregateJob):
    input = Tsv({"1": "text", "2": "text"})
    group_by = ["1", "2"]
    measures = {"count": Count()}


class Kinds(Seen):
    group_by = ["1"]


class Pairs(Seen):
    measures = {}


class Most(AggregateJob):
    input = Tsv({"1": "text", "2": "float", "3": "boolean"})
    group_by = ["1"]
    measures = {"float": Max("2"), "boolean": Max("3")}


class Daily(AggregateJob):
    input = Tsv({"1": "time", "2": "text"})
    window = Sliding("1", 86_400_000_000, 86_400_000_000)
    measures = {"h": WeightedHistogram("2")}
"""


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., str]:
    """Runs a job of the file above over a text; gives its output directory."""
    (tmp_path / "json_jobs.py").write_text(JOBS)
    count = iter(range(99))

    def made(name: str, text: str, *options: str) -> str:
        (tmp_path / "in").write_text(text)
        out = tmp_path / f"json{next(count)}"
        run(name if name.islower() else f"{tmp_path}/json_jobs.py:{name}", [tmp_path / "in"], out, *options)
        return str(out)

    return made


Job = Callable[..., str]
SEEN = {"vehicles": {"car": 12, "bus": 3, "tram": 1}, "colors": {"red": 7, "dark\tblue": 1}}


def lines_of(seen: dict[str, dict[str, int]]) -> str:
    return "".join(
        f"{encode(kind)}\t{encode(name)}\n" * n for kind, names in seen.items() for name, n in names.items()
    )


def test_vehicles_and_colors(job: Job) -> None:
    out = job("Seen", lines_of(SEEN), "--parts", "3")
    assert json.loads(command.run("cat", "--json", out).ok().out) == SEEN
    assert json.loads(command.run("cat", "--json", out + "/", "--column", "count").ok().out) == SEEN
    others = {"trees": {"oak": 2}, "colors": {"green": 1}}
    told = json.loads(nested([out, job("Seen", lines_of(others))]))
    assert told == {**SEEN, "trees": {"oak": 2}, "colors": {**SEEN["colors"], "green": 1}}


def test_numbers_have_all_their_digits_and_keys_may_be_null(job: Job) -> None:
    large = "1234567890123456789012345.67"
    out = job(
        "sums",
        f"a\t{large}\t0.10\n\\N\t\\N\t-1\n\\N\t\\N\t0.9\n\tb\n".replace("\tb\n", "\t1\t1\n"),
        "--key",
        "1",
        "--value",
        "2",
        "--value",
        "3",
        "--scale",
        "2",
    )
    assert nested([out]) == (
        f'{{"": {{"sum 2": 1.00, "sum 3": 1.00}}, "\\\\N": {{"sum 2": null, "sum 3": -0.10}}, "a": {{"sum 2": {large}, "sum 3": 0.10}}}}'
    )
    assert json.loads(nested([out], "sum 2"), parse_float=Decimal) == {
        "": Decimal(1),
        "\\N": None,
        "a": Decimal(large),
    }
    out = job("Most", "a\tnan\ttrue\nb\t1e300\tfalse\nc\t-inf\t\\N\n")
    assert json.loads(nested([out])) == {
        "a": {"float": "nan", "boolean": True}, "b": {"float": 1e300, "boolean": False}, "c": {"float": "-inf", "boolean": None},
    }  # fmt: skip
    assert json.loads(nested([job("sums", "7\n", "--value", "1")])) == {"sum 1": 7}
    assert json.loads(nested([job("Pairs", "a\tb\na\tc\n")])) == {"a": {"b": {}, "c": {}}}


def test_windows_and_bins_are_keys(job: Job) -> None:
    at = [f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3)]
    out = job("windows", "".join(f"{t}\tann\n" for t in at[:2]), "--time", "1", "--key", "2", "--size", "1d")
    right = {"ann": {at[n]: {"end": at[n + 1], "rows": 1} for n in (0, 1)}}
    assert json.loads(nested([out])) == right
    assert json.loads(nested([out], "rows")) == {"ann": {at[0]: 1, at[1]: 1}}
    out = job("histogram", "b\na\nb\n", "--value", "1")
    assert json.loads(nested([out], "n")) == {"a": 1, "b": 2}
    assert json.loads(nested([out]))["b"].keys() == {"n", "weight", "share", "cumulative", "error", "edges"}
    out = job("Daily", f"{at[0]}\ta\n{at[0]}\tb\n{at[1]}\ta\n")
    assert json.loads(nested([out], "n")) == {at[0]: {"a": 1, "b": 1}, at[1]: {"a": 1}}
    assert json.loads(nested([out], "end")) == {at[0]: {"a": at[1], "b": at[1]}, at[1]: {"a": at[2]}}


def test_a_group_that_comes_twice_is_refused(job: Job) -> None:
    out, again = job("Seen", lines_of(SEEN)), job("Seen", "vehicles\tcar\n")
    refused = command.run("cat", "--json", out, again)
    assert (refused.code, refused.out) == (1, b"")
    assert f"{again}: has vehicles / car once more; merge outputs of the same groups first" in refused.err
    totals = [job("sums", "7\n", "--value", "1") for _ in range(2)]
    with pytest.raises(FaninError, match=f"{totals[1]}: has sum 1 once more"):
        nested(totals)


def test_outputs_with_keys_and_with_more_keys_are_not_mixed(job: Job) -> None:
    kinds, seen = job("Kinds", "vehicles\tcar\n"), job("Seen", "vehicles\tcar\n")
    for one, other, keys in ((kinds, seen, (2, 1)), (seen, kinds, (1, 2))):
        with pytest.raises(
            UsageError, match=rf"{other}: has {keys[0]} key\(s\), where {one} has {keys[1]}: tell them apart"
        ):
            nested([one, other])


def test_what_cannot_be_told_as_json_is_refused(job: Job, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "part-00000").write_text("a\t1\n")
    refused = command.run("cat", "--json", "plain", cwd=tmp_path)
    assert (refused.code, refused.out) == (2, b"")
    assert "plain: has no manifest that tells its columns, so it cannot be told as JSON" in refused.err
    out = job("Seen", lines_of(SEEN))
    for column in ("none", "1"):
        with pytest.raises(UsageError, match=f"--column: no column '{column}' in .*, which has: count$"):
            nested([out], column)
    part = Path(out) / "part-00000"
    part.write_bytes(part.read_bytes().replace(b"12", b"13"))
    with pytest.raises(FaninError, match="damaged: its CRC32C"):
        nested([out])


def test_distributions_in_json_lines() -> None:
    lines = b'{"bin":"a","weight":3}\n{"bin":"b","weight":1}\n'
    merge = ["histogram", "-", "--merge", "--value", "bin", "--count", "weight", "--format", "jsonl"]
    assert (
        command.run("run", *merge, input=lines).ok().out.split(b"\n")[0] == b"a\t1\t3\t0.750000\t0.750000\ta6216ea0"
    )


def test_a_null_key_and_a_text_that_looks_like_one_are_told_apart(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    command.run("run", "sums", "-", "--key", "1", "--value", "2", "-o", out, input=b"\\N\t1\n\\\\N\t2\n").ok()
    assert json.loads(command.run("cat", "--json", out).ok().out) == {"\\N": 1, "\\\\N": 2}
    assert command.run("cat", out, "--column", "1").code == 2

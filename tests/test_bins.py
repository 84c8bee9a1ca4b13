"""Bins: exact at every edge, against plain Python's fractions and against boost-histogram; what is refused, and how."""

import math
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import boost_histogram as bh
import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.errors import UsageError
from jobs.measures.bins import Bins, parse
from tests.examples import examples

CONNECTION = duckdb.connect(config={"threads": 1})
SIGNED = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
DECIMALS = [(4, 1), (3, 3), (9, 3), (18, 0), (18, 6), (18, 17), (28, 0), (28, 9), (38, 0), (38, 10), (38, 38)]
EXACT = {  # type to its least and most value, in units of its last decimal, and its decimals
    **{name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 0) for name, bits in SIGNED.items()},
    **{f"U{name}": (0, 2**bits - 1, 0) for name, bits in SIGNED.items()},
    **{f"DECIMAL({p},{s})": (-(10**p) + 1, 10**p - 1, s) for p, s in DECIMALS},
}
MOST = 10**28 - 1


def text(units: int, decimals: int) -> str:
    digits = str(abs(units)).rjust(decimals + 1, "0")
    number = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"-{number}" if units < 0 else number


def column(sql: str, values: list[str | None], type: str) -> list[object]:
    """The results of `sql` over a column x of `values`, in their order."""
    rows = CONNECTION.execute(
        f"SELECT {sql} FROM (SELECT i, t::{type} AS x FROM (SELECT unnest($1::VARCHAR[]) AS t, unnest($2::INT[]) AS i))"
        " ORDER BY i",
        [values, list(range(len(values)))],
    ).fetchall()
    return [row[0] for row in rows]


def places(bins: Bins, values: list[str | None], type: str) -> list[object]:
    return column(bins.place("x", type), values, type)


def expected(bins: Bins, values: list[str | None], type: str) -> list[object]:
    k = len(bins.edges) - 1
    exact, doubles = [Fraction(edge) for edge in bins.edges], [float(edge) for edge in bins.edges]

    def place(value: str | None) -> int:
        if value is None:
            return k + 3
        if type in EXACT:
            return bisect_right(exact, Fraction(value))
        return k + 2 if math.isnan(float(value)) else bisect_right(doubles, float(value))

    return [place(value) for value in values]


def as_float(number: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def beside(bins: Bins, type: str) -> Iterator[str | None]:
    """Values on edges and next to them, the ends of the type, and what is no number."""
    yield None
    if type in EXACT:
        least, most, decimals = EXACT[type]
        near = (math.floor(Fraction(edge) * 10**decimals) + by for edge in bins.edges for by in (-1, 0, 1, 2))
        yield from (text(unit, decimals) for unit in (least, most, 0, *near) if least <= unit <= most)
        return
    yield from ("nan", "-nan", "inf", "-inf", "0.0", "-0.0", "5e-324", "1.7e308" if type == "DOUBLE" else "3e38")
    for edge in map(float, bins.edges):
        for number in (math.nextafter(edge, -math.inf), edge, math.nextafter(edge, math.inf)):
            yield repr(number if type == "DOUBLE" else as_float(number))


numbers_ = st.builds(
    lambda units, decimals: text(units, decimals),
    st.one_of(st.integers(-100, 100), st.integers(-(10**6), 10**6), st.integers(-MOST, MOST)),
    st.integers(0, 9),
)


@st.composite
def equal_specs(draw: st.DrawFn) -> str:
    decimals, count = draw(st.integers(0, 9)), draw(st.one_of(st.integers(1, 12), st.integers(1, 400)))
    low = draw(st.one_of(st.integers(-200, 200), st.integers(-MOST, MOST)))
    width = draw(st.one_of(st.integers(1, 300), st.integers(1, MOST // count)))
    if low + width * count > MOST:
        low = -low
    return f"equal:{text(low, decimals)}:{text(low + width * count, decimals)}:{count}"


@st.composite
def edge_specs(draw: st.DrawFn) -> str:
    told = draw(st.sets(numbers_, min_size=2, max_size=12))
    more = draw(st.integers(0, 400).filter(lambda n: n < 12 or n > 190))
    several = {Fraction(number): number for number in [*told, *(text(i * i, 2) for i in range(more))]}
    return "edges:" + ",".join(several[number] for number in sorted(several))


@st.composite
def log_specs(draw: st.DrawFn) -> str:
    low = draw(st.integers(1, 10**9))
    high = low * draw(st.integers(2, 10**12)) + draw(st.integers(0, 9))
    decimals = draw(st.integers(0, 9))
    return f"log:{text(low, decimals)}:{text(high, decimals)}:{draw(st.integers(1, 40))}"


def parsed(spec: str) -> Bins:
    """Its bins, or two plain ones where these are refused, as log edges that fall together are."""
    try:
        return parse(spec)
    except UsageError:
        return parse("equal:-1.5:2.5:2")


@pytest.mark.slow
@examples(120)
@given(
    st.one_of(equal_specs(), edge_specs(), log_specs()).map(parsed),
    st.sampled_from([*EXACT, "DOUBLE", "FLOAT"]),
    st.lists(st.integers(-(10**38) + 1, 10**38 - 1), max_size=5),
    st.lists(st.floats(width=32), max_size=5),
)
def test_every_value_goes_where_fractions_say(bins: Bins, type: str, units: list[int], floats: list[float]) -> None:
    values = list(beside(bins, type))
    if type in EXACT:
        least, most, decimals = EXACT[type]
        values += [text(least + unit % (most - least + 1), decimals) for unit in units]
    else:
        values += [repr(number) for number in floats]
    assert places(bins, values, type) == expected(bins, values, type)


@pytest.mark.parametrize("type", [*EXACT, "DOUBLE", "FLOAT"])
@pytest.mark.parametrize(
    "spec",
    ["equal:0:100:10", "equal:-0.75:0.75:6", "equal:-9999999999999999999999999999:9999999999999999999999999999:2",
     "equal:-1000:1000:1000", "equal:-128:127:255", "edges:-5,-0.5,-0.000000001,0,0.1,0.3,126.5,127,32767.5",
     "edges:1000000000000000000000000000,1000000000000000000000000001", "log:0.001:1000:30"],
)  # fmt: skip
def test_all_types(spec: str, type: str) -> None:
    bins = parse(spec)
    values = list(beside(bins, type))
    assert places(bins, values, type) == expected(bins, values, type)


@pytest.mark.parametrize(
    ("spec", "type"),
    [("equal:-5000:5000:10000", "BIGINT"), ("equal:0:0.0625:10000", "DECIMAL(18,6)"), ("log:1:1000000000:999", "DOUBLE"),
     ("log:0.01:10000:1000", "DECIMAL(28,9)"), ("edges:" + ",".join(str(n * n) for n in range(3001)), "INTEGER")],
)  # fmt: skip
def test_many_bins(spec: str, type: str) -> None:
    bins = parse(spec)
    values = list(beside(bins, type))[:: max(1, len(bins.edges) // 1000)]
    assert places(bins, values, type) == expected(bins, values, type)


def test_a_value_may_be_any_expression_and_a_column_any_name() -> None:
    bins = parse("edges:" + ",".join(map(str, range(300))) + ",1000")
    row = 'SELECT 7 AS f, 8 AS s, 9 AS "found", 10 AS low'
    for value, place in [("f", 8), ("s", 9), ('"found"', 10), ("CASE WHEN f > 0 THEN s END", 9), ("-low", 0)]:
        assert CONNECTION.execute(f"SELECT {bins.place(value, 'INTEGER')} FROM ({row})").fetchall() == [(place,)]


def test_places_are_integers_also_of_no_rows_and_constants() -> None:
    for spec, type in [("equal:0:9:3", "BIGINT"), ("edges:0,1,5", "DOUBLE"), ("categories:a,b", "VARCHAR"),
                       ("log:1:10000:400", "DECIMAL(9,3)")]:  # fmt: skip
        place = parse(spec).place(f"NULL::{type}", type)
        assert CONNECTION.execute(f"SELECT typeof({place}), {place}").fetchone() == ("INTEGER", len_of(spec) + 3)


def len_of(spec: str) -> int:
    bins = parse(spec)
    return len(bins.names or bins.edges[1:])


def flow(axis: bh.axis.Axis, values: list[float]) -> list[int]:
    histogram = bh.Histogram(axis, storage=bh.storage.Int64())
    histogram.fill(values)
    return [int(count) for count in histogram.view(flow=True)]


@examples(60)
@given(st.lists(st.integers(-(2**30), 2**30), min_size=2, max_size=30, unique=True).map(sorted), st.data())
def test_explicit_edges_as_boost_histogram(edges: list[int], data: st.DataObject) -> None:
    scaled = [edge / 64 for edge in edges]  # these a double holds, and nine decimals
    bins = parse("edges:" + ",".join(f"{edge:.6f}" for edge in scaled))
    drawn = data.draw(st.lists(st.one_of(st.sampled_from(scaled), st.floats(allow_nan=False)), max_size=30))
    values = drawn + scaled + [math.inf, -math.inf, -0.0]
    mine = places(bins, [repr(value) for value in values], "DOUBLE")
    axis = bh.axis.Variable(scaled)
    assert mine == [axis.index(value) + 1 for value in values]
    assert [mine.count(place) for place in range(len(edges) + 1)] == flow(axis, values)


@examples(60)
@given(st.integers(-1000, 1000), st.sampled_from([1, 2, 8, 64, 256]), st.integers(-3, 3), st.data())
def test_equal_bins_as_boost_histogram(low: int, count: int, power: int, data: st.DataObject) -> None:
    width = 2.0**power  # so that boost's own arithmetic is exact
    high = low + count * width
    bins = parse(f"equal:{low}:{high}:{count}")
    eighths = data.draw(st.lists(st.integers(int(low * 8) - 99, int(high * 8) + 99), max_size=60))
    values = [unit / 8 for unit in eighths] + [low + i * width for i in range(count + 1)]
    for type in ("DOUBLE", "DECIMAL(18,3)", "DECIMAL(28,9)"):
        mine = places(bins, [f"{value:.3f}" for value in values], type)
        assert [mine.count(place) for place in range(count + 2)] == flow(bh.axis.Regular(count, low, high), values)


@examples(60)
@given(log_specs())
@example("log:1:1000:3")
@example("log:1:1000010000025:2")  # its middle, 1000005, is half way between two of six digits
@example("log:1:1000030000225:2")  # as is 1000015
@example("log:0.000000001:1000000000:18")
def test_log_edges_are_right_in_their_sixth_digit(spec: str) -> None:
    try:
        edges = [Fraction(edge) for edge in parse(spec).edges]
    except UsageError as error:
        assert "increase" in str(error)
        return
    _, low, high, count = spec.split(":")
    n = int(count)
    assert (edges[0], edges[-1], len(edges)) == (Fraction(low), Fraction(high), n + 1)
    for i, edge in enumerate(parse(spec).edges[1:-1], 1):
        half = Fraction(10) ** (edge.adjusted() - 5) / 2
        power = Fraction(low) ** (n - i) * Fraction(high) ** i
        assert (edges[i] - half) ** n <= power <= (edges[i] + half) ** n
        if power in ((edges[i] - half) ** n, (edges[i] + half) ** n):
            assert edges[i] / half / 2 % 2 == 0  # half to even
        assert len(edge.normalize().as_tuple().digits) <= 6


def test_edges() -> None:
    for spec, edges in [
        ("equal:0:1:4", "0 0.25 0.5 0.75 1"), ("equal:-1:+2:3", "-1 0 1 2"), ("edges:-0.0,007,7.50", "0 7 7.5"),
        ("log:1:1000:3", "1 10 100 1000"), ("log:0.5:512:5", "0.5 2 8 32 128 512"), ("log:2:3:1", "2 3"),
        ("log:1:10:3", "1 2.15443 4.64159 10"), ("log:1234567:12345678:1", "1234567 12345678"),
        ("log:1:1000010000025:2", "1 1000000 1000010000025"), ("log:1:1000030000225:2", "1 1000020 1000030000225"),
    ]:  # fmt: skip
        bins = parse(spec)
        assert [f"{edge:f}" for edge in bins.edges] == edges.split()
        assert bins.numeric and bins.names is None
    assert [parse(spec).scale for spec in ("edges:0.0,1.50,20", "edges:0,100", "equal:0:1:1024", "categories:1.5")] == [
        1, 0, 10, 0]  # fmt: skip


@pytest.mark.parametrize(("same", "other"), [
    ("edges:0,10,20", "equal:0:20:2"), ("edges:0.0,10.00,20", "equal:0:20:2"), ("log:1:1000:3", "edges:1,10,100,1000"),
    ("edges:-0,+1", "edges:0,01.0"), ("categories:a,b", "categories:a,b"), ("categories", "categories"),
])  # fmt: skip
def test_the_same_edges_have_the_same_digest(same: str, other: str) -> None:
    assert parse(same).digest == parse(other).digest
    assert parse(same) == parse(other)


def test_different_bins_have_different_digests() -> None:
    specs = ["edges:0,10,20", "edges:0,1020", "edges:0,10", "edges:0,1.02", "equal:0:20:4", "categories", "categories:a",
             "categories:0,10,20", "categories:a,b", "categories:b,a", "categories:ab", "categories:categories"]  # fmt: skip
    digests = {parse(spec).digest for spec in specs}
    assert len(digests) == len(specs)
    assert all(re.fullmatch("[0-9a-f]{8}", digest) for digest in digests)
    assert parse("edges:0,10,20").digest == "e3127335"  # published names hold it


def told(bins: Bins, count: int) -> list[tuple[object, ...]]:
    sql = ", ".join((bins.label("p"), bins.low("p"), bins.high("p")))
    return CONNECTION.execute(
        f"SELECT {sql} FROM range({count}) t(q), LATERAL (SELECT q::INTEGER AS p) ORDER BY q"
    ).fetchall()


def test_labels_and_edges_of_numbers() -> None:
    d = Decimal
    assert told(parse("edges:-1,0.50,10,2000"), 7) == [
        ("underflow", None, d("-1.0")), ("[-1, 0.5)", d("-1.0"), d("0.5")), ("[0.5, 10)", d("0.5"), d("10.0")),
        ("[10, 2000)", d("10.0"), d("2000.0")), ("overflow", d("2000.0"), None), ("nan", None, None), ("null", None, None),
    ]  # fmt: skip
    assert told(parse("equal:0:20:2"), 6) == [
        ("underflow", None, 0), ("[0, 10)", 0, 10), ("[10, 20)", 10, 20), ("overflow", 20, None), ("nan", None, None),
        ("null", None, None),
    ]  # fmt: skip
    assert told(parse("edges:0.000000001,9999999999999999999999999999"), 2)[1] == (
        "[0.000000001, 9999999999999999999999999999)", d("0.000000001"), d(MOST))  # fmt: skip


def test_edges_types() -> None:
    for spec, type in [("edges:0,1", "HUGEINT"), ("edges:0,0.25", "DECIMAL(38,2)"), ("categories:a", "HUGEINT")]:
        for sql in (parse(spec).low("1"), parse(spec).high("1")):
            assert CONNECTION.execute(f"SELECT typeof({sql})").fetchone() == (type,)


@examples(30)
@given(st.one_of(equal_specs(), edge_specs(), log_specs()).map(parsed))
def test_every_bin_says_its_edges(bins: Bins) -> None:
    k, edges = len(bins.edges) - 1, [Fraction(edge) for edge in bins.edges]
    rows = told(bins, k + 4)
    assert [low for _, low, _ in rows] == [None, *edges, None, None]
    assert [high for _, _, high in rows] == [*edges, None, None, None]
    for label, low, high in rows[1 : k + 1]:
        shown = re.fullmatch(r"\[(-?[0-9.]+), (-?[0-9.]+)\)", str(label))
        assert shown and [Fraction(end) for end in shown.groups()] == [low, high]
        assert not any(re.search(r"\.[0-9]*0$|\.$", end) for end in shown.groups())


def test_named_categories() -> None:
    bins = parse("categories:b,a,null, c d,it's,é,B")
    values = ["a", "b", "B", "null", None, "", " c d", "c d", "it's", "é", "e\u0301", "other", "a "]
    found = places(bins, values, "VARCHAR")
    assert found == [2, 1, 7, 3, 10, 8, 4, 8, 5, 6, 8, 8, 8]
    assert not bins.numeric and bins.edges == ()
    labels = [row[0] for row in told(bins, 11)[1:]]
    assert labels == ["b", "a", "null", " c d", "it's", "é", "B", "other", None, None]
    assert {(low, high) for _, low, high in told(bins, 11)} == {(None, None)}


def test_categories_are_the_text_as_written() -> None:
    assert places(parse("categories:1.50,0010"), ["1.50", "1.5", "0010", "10"], "VARCHAR") == [1, 3, 2, 3]
    assert places(parse("categories:1.50,10"), ["1.5", None], "DECIMAL(9,2)") == [1, 5]
    assert places(parse("categories:1,10"), ["1", "10", "2"], "INTEGER") == [1, 2, 3]
    many = parse("categories:" + ",".join(f"name {n}" for n in range(2000)))
    assert places(many, [f"name {n}" for n in range(-1, 2001)], "VARCHAR") == [2001, *range(1, 2001), 2001]


def test_open_categories() -> None:
    bins = parse("categories")
    values = ["a", "", None, "null", "other", "1.50"]
    assert places(bins, values, "VARCHAR") == values
    assert column(bins.label(bins.place("x", "VARCHAR")), values, "VARCHAR") == values
    assert column(bins.low(bins.place("x", "VARCHAR")), values, "VARCHAR") == [None] * 6
    assert places(bins, ["7", None], "INTEGER") == ["7", None]
    assert not bins.numeric


FORMS = "write equal:LOW:HIGH:N, log:LOW:HIGH:N, edges:E0,E1,..., categories, or categories:A,B,...; .* 10000 bins"


@pytest.mark.parametrize(
    "spec",
    ["", "equal", "equal:0:1", "equal:0:1:2:3", "equal:0:1:0", "equal:0:1:10001", "equal:0:1:1.5", "equal:0:1:-2", "edges",
     "edges:", "edges:1", "edges:1,", "edges:1,,2", "edges:1,2,x", "edges:1, 2", "edges:1e3,2e3", "edges:.5,1", "edges:1.,2",
     "edges:0x1,2", "edges:1_0,20", "edges:nan,1", "edges:0,inf", "edges:0,1\n", "edges:0,٣", "edges:0,1.0000000001",
     "edges:0,1" + "0" * 28, "edges:0,12345678901234567890.123456789", "edges:0:1", "log:1:2", "log:1:2:x", "Equal:0:1:2",
     " equal:0:1:2", "bins", "categories:", "categories:a,", "categories:,a", "categories:a,,b", "categories:a\0",
     "categories:\udcff", "categories,a", "edges:" + ",".join(map(str, range(10_002))),
     "categories:" + ",".join(map(str, range(10_001)))],
)  # fmt: skip
def test_what_is_no_form_is_refused_with_the_forms(spec: str) -> None:
    with pytest.raises(UsageError, match=FORMS) as refused:
        parse(spec)
    assert len(str(refused.value)) < 350


@pytest.mark.parametrize(("spec", "why"), [
    ("equal:0:1:3", "bins 'equal:0:1:3': not all edges are decimals; 2 or 4 bins would do, or bounds 0 and 1.02"),
    ("equal:0:100:7", "5 or 8 bins would do, or bounds 0 and 105"),
    ("equal:-1:0:9999", "8192 or 10000 bins would do, or bounds -1 and 0.09989"),
    ("equal:0:0.000000001:3", "2 or 4 bins would do, or bounds 0 and 0.000000003"),
    ("equal:0:1:9998", "8192 or 10000 bins"), ("equal:1:0:3", "edges must increase"), ("equal:1:1:2", "edges must increase"),
    ("edges:0,1,1.0", "edges must increase"), ("edges:0,2,1", "edges must increase"), ("log:2:1:2", "edges must increase"),
    ("log:0:10:2", "LOW must be above 0"), ("log:-1:10:2", "LOW must be above 0"),
    ("log:1:1.0001:1000", "those of log, rounded to 6 digits, do with fewer bins"),
    ("log:1000000.1:1000000.3:2", "rounded to 6 digits"), ("log:1000001:1000050:40", "rounded to 6 digits"),
    ("log:0.000000001:9999999999999999999999999999:100", "more than 38 digits"),
    ("equal:0.000000001:1000000000000000000000000000:8192", "more than 38 digits"),
    ("categories:a,b,a", "a category is named twice, or 'other'"), ("categories:other", "'other', which is all"),
])  # fmt: skip
def test_refused(spec: str, why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)):
        parse(spec)


@pytest.mark.slow
@examples(60)
@given(st.integers(-9999, 9999), st.integers(1, 99999), st.integers(0, 3), st.integers(1, 3000))
def test_what_would_do_does(low: int, span: int, decimals: int, count: int) -> None:
    try:
        assert len(parse(f"equal:{text(low, decimals)}:{text(low + span, decimals)}:{count}").edges) == count + 1
    except UsageError as error:
        advised = re.search(r"; (.*) bins would do, or bounds (\S+) and (\S+)$", str(error))
        assert advised
        for number in advised[1].split(" or "):
            assert (
                len(parse(f"equal:{text(low, decimals)}:{text(low + span, decimals)}:{number}").edges)
                == int(number) + 1
            )
        assert len(parse(f"equal:{advised[2]}:{advised[3]}:{count}").edges) == count + 1
        assert Fraction(advised[3]) > Fraction(text(low + span, decimals))


def test_limits() -> None:
    assert len(parse("equal:0:1:10000").edges) == 10_001
    assert len(parse("edges:" + ",".join(map(str, range(10_001)))).edges) == 10_001
    assert len(parse("categories:" + ",".join(map(str, range(10_000)))).names or ()) == 10_000
    assert parse("edges:-" + "9" * 28 + "," + "9" * 19 + "." + "9" * 9).scale == 9


@pytest.mark.parametrize("type", ["VARCHAR", "DATE", "BOOLEAN", "TIMESTAMP", "INTEGER[]"])
def test_columns_that_hold_no_numbers_are_refused_with_advice(type: str) -> None:
    with pytest.raises(UsageError, match=rf"not {re.escape(type)}; cast the column, as in x::DECIMAL\(18, 3\)"):
        parse("equal:0:1:2").place("x", type)

"""Windows and sessions: any split, any merge tree, any order, through the shuffle's text or not: what plain Python says."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs import (
    Count,
    CountDistinct,
    InOrder,
    Last,
    Session,
    Sliding,
    Span,
    Sum,
    TopK,
    WeightedHistogram,
    stages,
)  # fmt: skip
from jobs.errors import DeclarationError, UsageError
from jobs.event_time import Window
from jobs.measures import Measure, Rows
from jobs.plan import Plan
from tests import command
from tests.conformance.oracle import encode, half_even
from tests.examples import examples
from tests.text.test_times import absolute, moments

CONNECTION = duckdb.connect(config={"threads": 1})
CONNECTION.execute("SET TimeZone = 'UTC'")
TYPES = {"k": "VARCHAR", "at": "TIMESTAMP", "x": "VARCHAR", "t": "VARCHAR"}
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
SECOND, DAY = 10**6, 86_400 * 10**6
LOG = Path(__file__).parent / "data" / "apache_access.log"

Row = tuple[str | None, int | None, str | None, str | None]
"""A key, a time in microseconds since 1970, a number, a text."""
Found = tuple[datetime, datetime, list[Row]]
"""A window's start, its end, and its rows."""

MEASURES = {
    "n": Count(), "sum": Sum("x", scale=2), "texts": CountDistinct("t"), "last": Last("t", by="at"),
    "path": InOrder("t", by="at"), "seconds": Span("at"),
}  # fmt: skip
PLAN = Plan("tests:Job", "SELECT k, at, x, t FROM lines", ("k",), MEASURES)


# SQL: the stages, as engines put them together


def table(name: str, sql: str) -> str:
    CONNECTION.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
    return name


def partial_of(plan: Plan, rows: list[Row], name: str) -> str:
    columns = [[row[column] for row in rows] for column in range(4)]
    CONNECTION.execute(
        "CREATE OR REPLACE TEMP TABLE some_rows AS SELECT k, make_timestamp(us) AS at, x, t FROM (SELECT"
        " unnest($1::VARCHAR[]) AS k, unnest($2::BIGINT[]) AS us, unnest($3::VARCHAR[]) AS x, unnest($4::VARCHAR[]) AS t)",
        columns,
    )
    return table(name, stages.partial(plan, TYPES, "some_rows"))


def shuffled(plan: Plan, source: str, name: str) -> str:
    """A partial, written as Hadoop's lines and read again."""
    described = CONNECTION.execute(f"DESCRIBE {source}").fetchall()
    states = {column: type for column, type, *_ in described if column != "key"}
    lines = table("lines", f"SELECT rtrim(record, chr(10)) AS line FROM ({stages.shuffled(states, source)})")
    return table(name, stages.unshuffled(len(plan.group_by), states, lines))


def merged(plan: Plan, left: str, right: str, name: str) -> str:
    union = f"(SELECT * FROM {left} UNION ALL SELECT * FROM {right})"
    return table(name, stages.merge(plan, TYPES, union))


def answer(plan: Plan, source: str) -> list[str]:
    final = f"({stages.final(plan, TYPES, source)})"
    found = CONNECTION.execute(stages.records(plan, 1, final)).fetchall()
    return [record.removesuffix("\n") for _, record in found]


# Plain Python


def utc(us: int) -> datetime:
    return EPOCH + us * MICROSECOND


def iso(when: datetime, zone: str) -> str:
    text = when.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).isoformat()
    return text.replace("+00:00", "Z") if zone == "UTC" else text


def windows_of(window: Window, rows: list[Row]) -> Iterator[Found]:
    """The windows of one group."""
    if isinstance(window, Session):
        yield from sessions(rows, window.gap)
        return
    assert isinstance(window, Sliding)
    found: dict[tuple[datetime, datetime], list[Row]] = {}
    for row in rows:
        assert row[1] is not None
        for ends in (days if window.zone != "UTC" and whole_days(window) else hours)(window, row[1]):
            found.setdefault(ends, []).append(row)
    for (start, end), inside in sorted(found.items()):
        yield start, end, inside


def whole_days(window: Sliding) -> bool:
    return window.size % DAY == window.slide % DAY == 0


def hours(window: Sliding, us: int) -> Iterator[tuple[datetime, datetime]]:
    """Of those that begin at multiples of the slide: in UTC, or, where none overlap, on the zone's clock."""
    shift = 0
    if window.size == window.slide:
        offset = utc(us).replace(tzinfo=UTC).astimezone(ZoneInfo(window.zone)).utcoffset()
        assert offset is not None
        shift = offset // MICROSECOND
    start = (us + shift) // window.slide * window.slide
    while start + window.size > us + shift:
        yield utc(start - shift), utc(start - shift + window.size)
        start -= window.slide


def days(window: Sliding, us: int) -> Iterator[tuple[datetime, datetime]]:
    """Of the calendar: from a midnight to another one, whatever the clock does between them."""
    zone = ZoneInfo(window.zone)
    size, slide = window.size // DAY, window.slide // DAY
    day = (utc(us).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) - EPOCH).days
    start = day // slide * slide
    while start + size > day:
        yield absolute(utc(start * DAY), zone), absolute(utc((start + size) * DAY), zone)
        start -= slide


def sessions(rows: list[Row], gap: int) -> Iterator[Found]:
    some: list[Row] = []
    for row in sorted(rows, key=lambda row: row[1] or 0):
        if some and (row[1] or 0) - (some[-1][1] or 0) > gap:
            yield utc(some[0][1] or 0), utc((some[-1][1] or 0) + gap), some
            some = []
        some.append(row)
    if some:
        yield utc(some[0][1] or 0), utc((some[-1][1] or 0) + gap), some


def measured(rows: list[Row]) -> list[str | None]:
    sums = [Fraction(x) for _, _, x, _ in rows if x is not None]
    known = sorted((us or 0, t.encode()) for _, us, _, t in rows if t is not None)
    times = [us or 0 for _, us, _, _ in rows]
    return [
        str(len(rows)),
        half_even(sum(sums, Fraction()), 2) if sums else None,
        str(len({t for _, t in known})),
        known[-1][1].decode() if known else None,
        json.dumps([t.decode() for _, t in known], ensure_ascii=False, separators=(",", ":")),
        half_even(Fraction(max(times) - min(times), SECOND), 6),
    ]


def histogram(rows: list[Row]) -> Iterator[list[str | None]]:
    """Of texts that are no numbers, weighted by the number column, as whole hundredths."""
    weights: dict[str | None, list[int]] = {}
    for _, _, x, t in rows:
        if x is not None:
            weights.setdefault(t, []).append(int(Fraction(x) * 100))
    total, until = sum(sum(some) for some in weights.values()), 0
    for t in sorted(weights, key=lambda t: (t is None, (t or "").encode())):
        some = weights[t]
        until += sum(some)
        shares = [half_even(Fraction(part, total), 6) if total > 0 else None for part in (sum(some), until)]
        yield [t, str(len(some)), half_even(Fraction(sum(some), 100), 2), *shares]


def groups_of(plan: Plan, rows: list[Row]) -> list[tuple[list[str], list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(encode(row[0]) if plan.group_by else "", []).append(row)
    return [([key] * bool(plan.group_by), groups[key]) for key in sorted(groups, key=str.encode)]


def expected(plan: Plan, rows: list[Row]) -> list[str]:
    assert plan.window is not None
    lines = []
    for key, group in groups_of(plan, rows):
        for start, end, inside in windows_of(plan.window, group):
            ends = [iso(start, plan.window.zone), iso(end, plan.window.zone)]
            for values in histogram(inside) if plan.table else [measured(inside)]:
                lines.append("\t".join([*key, *ends, *map(encode, values)]))
    return lines


def without_error(plan: Plan, lines: list[str]) -> list[str]:
    """Histograms are tested elsewhere in all their columns."""
    return [line.rsplit("\t", 2)[0] if plan.table else line for line in lines]


# Any split, merge tree and order


@st.composite
def rows_of(draw: st.DrawFn, most: int = 7) -> list[Row]:
    times = st.builds(
        lambda seconds, more: seconds * SECOND + more,
        st.sampled_from([-90, -60, -30, 0, 30, 60, 90]) | st.integers(-200, 200),
        st.sampled_from([0, 0, 0, 1, -1, 250_000]),
    )
    numbers = st.none() | st.integers(-(10**6), 10**6).map(lambda n: half_even(Fraction(n, 100), 2))
    texts = st.none() | st.sampled_from(["a", "b", "", "é", 'a "b"\\\t\n\r']) | st.text("ab\x01/\\", max_size=3)
    return draw(
        st.lists(st.tuples(st.none() | st.sampled_from(["k", "l", "", "k\t"]), times, numbers, texts), max_size=most)
    )


SLIDING = [(60, 60), (120, 60), (90, 60), (100, 30), (7, 7)]
WINDOWS: list[Window] = [
    *(Sliding("at", size * SECOND, slide * SECOND) for size, slide in SLIDING),
    Sliding("at", 3 * DAY, DAY),
    *(Session("at", gap) for gap in (1, 30 * SECOND, 100 * SECOND)),
    Session("at", 60 * SECOND, zone="Europe/Berlin"),
]
PLANS = st.builds(
    lambda window, keys, measures: replace(PLAN, window=window, group_by=keys, measures=measures),
    st.sampled_from(WINDOWS),
    st.sampled_from([("k",), ()]),
    st.sampled_from([MEASURES, MEASURES, {"h": WeightedHistogram("t", "x", scale=2)}]),
)


@pytest.mark.slow
@examples(30)
@given(PLANS, st.lists(rows_of(), min_size=1, max_size=4), st.data())
def test_any_split_any_merge_tree_and_any_order(plan: Plan, parts: list[list[Row]], data: st.DataObject) -> None:
    right = expected(plan, [row for part in parts for row in part])
    partials = [partial_of(plan, data.draw(st.permutations(part)), f"p{n}") for n, part in enumerate(parts)]
    count = 0
    while len(partials) > 1:
        first, second = (partials.pop(data.draw(st.integers(0, len(partials) - 1))) for _ in range(2))
        if data.draw(st.booleans()):
            first = shuffled(plan, first, f"{first}s")
        partials.append(merged(plan, first, second, f"m{(count := count + 1)}"))
    assert without_error(plan, answer(plan, partials[0])) == right
    last = shuffled(plan, partials[0], "last")
    empty = table("empty", f"SELECT * FROM {last} WHERE false")
    assert without_error(plan, answer(plan, merged(plan, last, empty, "ended"))) == right


@examples(25)
@given(PLANS, rows_of(most=20))
def test_one_process(plan: Plan, rows: list[Row]) -> None:
    assert without_error(plan, answer(plan, partial_of(plan, rows, "whole"))) == expected(plan, rows)


def bridged(seconds: Iterable[float]) -> list[Row]:
    return [("k", int(second * SECOND), None, None) for second in seconds]


def test_a_row_in_one_part_bridges_sessions_of_others() -> None:
    """What no part can know: which of its stretches are one session."""
    plan = replace(PLAN, window=Session("at", 10 * SECOND), measures={"n": Count(), "path": InOrder("x", by="at")})
    parts = [bridged([0, 20, 40]), bridged([10, 100]), bridged([30, 50.000001])]
    partials = [partial_of(plan, part, f"p{n}") for n, part in enumerate(parts)]
    assert [len(answer(plan, one)) for one in partials] == [3, 2, 2]
    first = merged(plan, partials[0], partials[2], "first")
    assert [
        line.split("\t")[1:4]
        for line in answer(plan, merged(plan, shuffled(plan, first, "s"), partials[1], "everything"))
    ] == [
        ["1970-01-01T00:00:00Z", "1970-01-01T00:00:50Z", "5"],
        ["1970-01-01T00:00:50.000001Z", "1970-01-01T00:01:00.000001Z", "1"],
        ["1970-01-01T00:01:40Z", "1970-01-01T00:01:50Z", "1"],
    ]


def test_sessions_inside_a_longer_one_are_of_it() -> None:
    plan = replace(PLAN, window=Session("at", 10 * SECOND), measures={"n": Count()})
    long, inside = bridged(range(0, 101, 10)), bridged([15, 42, 60, 95])
    both = merged(plan, partial_of(plan, inside, "inside"), partial_of(plan, long, "long"), "both_of")
    (line,) = answer(plan, merged(plan, both, partial_of(plan, bridged([110]), "end_of"), "everything"))
    assert line == "k\t1970-01-01T00:00:00Z\t1970-01-01T00:02:00Z\t16"


@pytest.mark.parametrize(("more", "number"), [(-1, 1), (0, 1), (1, 2)])
@pytest.mark.parametrize("start", [-(10**15), -DAY, 0, 10**15])
def test_a_pause_of_the_gap_does_not_end_a_session(start: int, more: int, number: int) -> None:
    plan = replace(PLAN, window=Session("at", DAY), measures={"n": Count()})
    rows: list[Row] = [("k", start, None, None), ("k", start + DAY + more, None, None)]
    together = partial_of(plan, rows, "together")
    apart = merged(plan, partial_of(plan, rows[1:], "one"), partial_of(plan, rows[:1], "other"), "apart")
    assert len(answer(plan, together)) == len(answer(plan, apart)) == number


@pytest.mark.parametrize("window", [Sliding("at", DAY, DAY), Session("at", DAY)])
@pytest.mark.parametrize(("keys", "group"), [(("k", "t"), "group k=a, t=null"), ((), "the whole input")])
def test_a_row_without_a_time_fails_and_names_its_group(window: Window, keys: tuple[str, ...], group: str) -> None:
    plan = replace(PLAN, window=window, group_by=keys, measures={"n": Count()})
    with pytest.raises(duckdb.InvalidInputException, match=f"window: a row without 'at', in {group}$"):
        partial_of(plan, [("a", 0, None, None), ("a", None, None, None)], "timeless")


def test_a_bad_row_needs_no_time() -> None:
    """It is left out, with windows and without keys, too; and a window without rows is no record."""
    for window in (Sliding("at", DAY, DAY), Session("at", DAY)):
        for keys in ((), ("k",)):
            plan = replace(PLAN, window=window, group_by=keys, bad="t")
            rows: list[Row] = [("a", None, "1", "bad"), ("a", None, None, "bad"), ("b", 5, "1", None)]
            some = partial_of(plan, rows, "some_of")
            assert CONNECTION.execute(stages.bad_rows(plan, some)).fetchall() == [(2,)]
            assert answer(plan, stages.good(plan, some)) == expected(replace(plan, bad=""), rows[2:])
            assert answer(plan, stages.good(plan, partial_of(plan, rows[:2], "none"))) == []


@examples(25)
@given(st.sampled_from(WINDOWS), rows_of(most=12), st.integers(1, 4), st.booleans())
def test_the_top_of_all_windows(window: Window, rows: list[Row], k: int, ascending: bool) -> None:
    """Ties by the key's bytes, then by the start's; a cluster's driver takes the top of its reducers' records."""
    plan = replace(PLAN, window=window, measures={"n": Count(), "sum": Sum("x", 2)}, then=TopK("sum", k, ascending))
    lines = []
    for (key,), group in groups_of(plan, rows):
        for start, end, inside in windows_of(window, group):
            n, total, *_ = measured(inside)
            order = Fraction(total or 0) * (1 if ascending else -1)
            ends = [iso(start, window.zone), iso(end, window.zone)]
            line = "\t".join([key, *ends, encode(n), encode(total)])
            lines.append((total is None, order, key.encode(), ends[0], line))
    right = [line for *_, line in sorted(lines)[:k]]
    final = table("final", stages.final(plan, TYPES, partial_of(plan, rows, "whole")))
    assert [record[:-1] for _, record in CONNECTION.execute(stages.records(plan, 7, final)).fetchall()] == right
    types = {
        name.removesuffix(" value"): type for name, type, *_ in CONNECTION.execute(f"DESCRIBE {final}").fetchall()
    }
    halves = [f"(SELECT * FROM {final} WHERE hash(key) % 2 = {half})" for half in (0, 1)]
    tops = " UNION ALL ".join(
        f"(SELECT rtrim(record, chr(10)) AS line FROM ({stages.records(plan, 1, half)}))" for half in halves
    )
    again = f"({stages.recorded(plan, types, table('tops', tops))})"
    assert [record[:-1] for _, record in CONNECTION.execute(stages.records(plan, 1, again)).fetchall()] == right


def whole(measure: Measure, type: str, values: str) -> str:
    """What a measure says of all rows of `x`, a column of SQL literals, with `n`, their numbers."""
    plan = Plan("tests:Job", "SELECT 1", (), {"m": measure})
    types = {"x": type, "n": "BIGINT"}
    table("typed", f"SELECT v::{type} AS x, row_number() OVER () AS n FROM (VALUES {values}) t(v)")
    (record,) = CONNECTION.execute(
        stages.records(plan, 1, f"({stages.final(plan, types, table('one', stages.partial(plan, types, 'typed')))})")
    ).fetchall()
    return str(record[1]).removesuffix("\n")


@pytest.mark.parametrize(("type", "values", "right"), [
    ("DOUBLE", "('nan'), ('1e300'), ('-inf'), ('-0.0'), (NULL), ('inf')", '["nan",1e300,"-inf",0.0,"inf"]'),
    ("DECIMAL(38,9)", "(12345678901234567890.123456789), (-0.1)", "[12345678901234567890.123456789,-0.100000000]"),
    ("HUGEINT", "(1234567890123456789012345678)", "[1234567890123456789012345678]"), ("BOOLEAN", "(true), (NULL)", "[true]"),
    ("VARCHAR", "('nan'), (','), (']'), ('a'), ('a'), ('\u2028')", '["nan",",","]","a","a","\u2028"]'), ("DATE", "(NULL)", "[]"),
    ("DATE", "('2026-01-02')", '["2026-01-02"]'),
])  # fmt: skip
def test_values_in_order_are_json_with_all_their_digits(type: str, values: str, right: str) -> None:
    assert whole(InOrder("x", by="n"), type, values) == right
    assert isinstance(json.loads(right), list)


@pytest.mark.parametrize(("type", "values", "right"), [
    ("TINYINT", "(-128), (127), (NULL)", "255"), ("BIGINT", f"({2**63 - 1}), ({-(2**63)})", str(2**64 - 1)), ("UBIGINT", "(7), (9)", "2"),
    ("DECIMAL(4,1)", "(-999.9), (999.9)", "1999.8"), ("TIMESTAMP", "('1969-12-31 23:59:59.999999'), ('1970-01-01')", "0.000001"),
    ("INTEGER", "(NULL)", "\\N"), ("TIMESTAMP", "('0001-01-01'), ('9999-12-31')", "315537811200.000000"),
])  # fmt: skip
def test_spans(type: str, values: str, right: str) -> None:
    assert whole(Span("x"), type, values) == right


def test_a_span_of_what_has_none_is_refused() -> None:
    for type in ("VARCHAR", "DOUBLE", "DATE"):
        with pytest.raises(
            UsageError, match=f"Span: the column 'x' is {type}, neither an exact number nor a TIMESTAMP"
        ):
            Span("x").partial(Rows({"x": type}, "''"))


# Zones


ZONES = ["Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "Pacific/Apia", "Asia/Kolkata"]


@st.composite
def zoned(draw: st.DrawFn) -> tuple[str, list[Row]]:
    zone = draw(st.sampled_from(ZONES))
    times = draw(st.lists(moments(zone), min_size=1, max_size=8))
    return zone, [(None, (when - EPOCH) // MICROSECOND, "1", None) for when in times]


def near(zone: str, *texts: str) -> tuple[str, list[Row]]:
    return zone, [(None, (datetime.fromisoformat(text) - EPOCH) // MICROSECOND, "1", None) for text in texts]


HOUR = DAY // 24


@pytest.mark.slow
@examples(30)
@given(
    zoned(),
    st.sampled_from(
        [(DAY, DAY), (2 * DAY, DAY), (3 * DAY, 2 * DAY), (7 * DAY, 7 * DAY), (6 * HOUR, 6 * HOUR), (DAY, HOUR * 8)]
    ),
)
@example(
    near("America/Sao_Paulo", "2018-11-04T12:00", "2018-11-03T12:00"), (2 * DAY, DAY)
)  # whose midnight is skipped
@example(near("America/Sao_Paulo", "2018-11-04T12:00"), (DAY, DAY))
@example(
    near("America/Havana", "2025-11-02T04:30", "2025-11-02T05:30", "2025-11-03T12:00"), (2 * DAY, DAY)
)  # and comes twice
@example(near("America/Havana", "2025-11-02T12:00", "2025-11-01T12:00"), (DAY, DAY))
@example(near("Pacific/Apia", "2011-12-30T09:59:59", "2011-12-30T10:00"), (2 * DAY, DAY))  # a day that never was
def test_windows_on_the_clocks_of_zones(case: tuple[str, list[Row]], sizes: tuple[int, int]) -> None:
    zone, rows = case
    plan = replace(PLAN, window=Sliding("at", *sizes, zone=zone), group_by=())
    some = merged(plan, partial_of(plan, rows[1:], "some_of"), partial_of(plan, rows[:1], "more"), "both_of")
    assert answer(plan, shuffled(plan, some, "read")) == expected(plan, rows)


@pytest.mark.parametrize(("zone", "day", "hours", "start", "end"), [
    ("Europe/Berlin", "2026-03-29", 23, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
    ("Europe/Berlin", "2026-10-25", 25, "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
    ("America/New_York", "2026-03-08", 23, "2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00"),
    ("America/New_York", "2026-11-01", 25, "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"),
])  # fmt: skip
def test_a_day_on_which_the_clock_changes_has_all_its_hours(
    zone: str, day: str, hours: int, start: str, end: str
) -> None:
    first = datetime.fromisoformat(day) - timedelta(days=2)
    rows: list[Row] = [(None, (first + timedelta(hours=n) - EPOCH) // MICROSECOND, None, None) for n in range(120)]
    for size, number in ((DAY, hours), (2 * DAY, hours + 24)):
        plan = replace(PLAN, window=Sliding("at", size, DAY, zone=zone), group_by=(), measures={"n": Count()})
        found = [line.split("\t") for line in answer(plan, partial_of(plan, rows, "hours"))]
        told = [line for line in found if line[1] == end]
        assert [int(line[2]) for line in told] == [number]
        assert size != DAY or told[0][0] == start


# What is refused


@pytest.mark.parametrize(("size", "slide", "why"), [
    (1, 2, "must not be longer"), (0, 0, "must not be"), (-1, -1, "must not be"),
    (DAY, DAY - 1, "86400000000 panes a window, more than 10,000"),
])  # fmt: skip
def test_wrong_windows_are_refused(size: int, slide: int, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Sliding("at", size, slide)


@pytest.mark.parametrize(("time", "why"), [
    ("x", "the column 'x' is VARCHAR, not TIMESTAMP"), ("no", "the column 'no' is none of rows, which yields: k, at, x, t"),
])  # fmt: skip
def test_a_window_over_what_is_no_time_is_refused(time: str, why: str) -> None:
    for window in (Sliding(time, 1, 1), Session(time, 1)):
        with pytest.raises(DeclarationError, match=why):
            stages.check(replace(PLAN, window=window), TYPES)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_plan_with_a_window_travels_as_json(window: Window) -> None:
    plan = replace(PLAN, window=window, then=TopK("n", 1))
    assert Plan.from_json(plan.to_json()) == plan


# The commands

LinesOf = Callable[..., list[str]]
WORDS = b"""\
at\tword
2026-11-21T12:02\tcat
2026-11-21T12:02\tdog
2026-11-21T12:03\tdog
2026-11-21T12:03\tdog
2026-11-21T12:07\towl
2026-11-21T12:07\tcat
2026-11-21T12:11\tdog
2026-11-21T12:13\towl
"""


@pytest.fixture
def lines_of(tmp_path: Path) -> LinesOf:
    """What a job prints of a file."""

    def run(job: str, *options: str, text: bytes = WORDS) -> list[str]:
        (tmp_path / "in").write_bytes(text)
        return command.run("run", job, str(tmp_path / "in"), *options).ok().out.decode().splitlines()

    return run


def test_sparks_example_of_sliding_windows(lines_of: LinesOf) -> None:
    """https://spark.apache.org/docs/latest/structured-streaming-programming-guide.html, where 11:55 is left off the picture."""
    found = lines_of("windows", "--time", "at", "--key", "word", "--size", "10m", "--slide", "5m")
    told: dict[tuple[str, ...], dict[str, int]] = {}
    for line in found:
        word, *ends, count = line.split("\t")
        told.setdefault(tuple(end[11:16] for end in ends), {})[word] = int(count)
    assert told == {
        ("11:55", "12:05"): {"cat": 1, "dog": 3}, ("12:00", "12:10"): {"cat": 2, "dog": 3, "owl": 1},
        ("12:05", "12:15"): {"cat": 1, "dog": 1, "owl": 2}, ("12:10", "12:20"): {"dog": 1, "owl": 1},
    }  # fmt: skip
    assert found[0] == "cat\t2026-11-21T11:55:00Z\t2026-11-21T12:05:00Z\t1"
    assert found == sorted(found)


DATES = "a,b\nA1,2021-01-01 00:00:00\nA1,2021-01-01 00:04:30\nA1,2021-01-01 {}\nA2,2021-01-01 00:01:00\n".format


@pytest.mark.parametrize(("third", "options", "right"), [
    ("00:06:00", ["--size", "5m"], ["A1 01T00:00:00 01T00:05:00 2", "A1 01T00:05:00 01T00:10:00 1", "A2 01T00:00:00 01T00:05:00 1"]),
    ("00:06:00", ["--size", "10m", "--slide", "5m"], [
        "A1 31T23:55:00 01T00:05:00 2", "A1 01T00:00:00 01T00:10:00 3", "A1 01T00:05:00 01T00:15:00 1",
        "A2 31T23:55:00 01T00:05:00 1", "A2 01T00:00:00 01T00:10:00 1",
    ]),
    ("00:10:00", ["--gap", "5m"], ["A1 01T00:00:00 01T00:09:30 2", "A1 01T00:10:00 01T00:15:00 1", "A2 01T00:01:00 01T00:06:00 1"]),
])  # fmt: skip
def test_sparks_examples_of_window_and_session_window(
    third: str, options: list[str], right: list[str], lines_of: LinesOf
) -> None:
    """https://spark.apache.org/docs/latest/api/sql/#window and #session_window."""
    found = lines_of("windows", "--format", "csv", "--time", "b", "--key", "a", *options, text=DATES(third).encode())
    assert [re.sub(r"\t20..-..-(\S+)Z", r" \1", line).replace("\t", " ") for line in found] == right


def test_formats_epochs_totals_and_zones(lines_of: LinesOf) -> None:
    """The same rows in four formats."""
    bodies = {
        "tsv": "who\tat\tbytes\nann\t{}\t0.50\nann\t{}\t1\nbob\t{}\t2\n",
        "csv": 'bytes,who,at\n0.50,"ann","{}"\n1,ann,{}\n2,bob,{}\n',
        "jsonl": '{{"who": "ann", "at": {}, "bytes": 0.5}}\n{{"who": "ann", "at": {}, "bytes": 1}}\n{{"who": "bob", "at": {}, "bytes": 2}}\n',
    }
    right = [
        "ann\t2026-03-29T00:00:00+01:00\t2026-03-30T00:00:00+02:00\t1\t0.50",
        "ann\t2026-03-30T00:00:00+02:00\t2026-03-31T00:00:00+02:00\t1\t1.00",
        "bob\t2026-03-28T00:00:00+01:00\t2026-03-29T00:00:00+01:00\t1\t2.00",
    ]
    options = [
        "--time",
        "at",
        "--key",
        "who",
        "--value",
        "bytes",
        "--scale",
        "2",
        "--size",
        "1d",
        "--time-zone",
        "Europe/Berlin",
    ]
    whens = [datetime(2026, 3, 29, 21, 59, 59), datetime(2026, 3, 29, 22), datetime(2026, 3, 28, 22, 59, 59)]
    seconds = [str((when - EPOCH) // timedelta(seconds=1)) for when in whens]
    cases: list[tuple[str, str, list[str]]] = [
        ("tsv", "time", [f"{when.isoformat()}Z" for when in whens]), ("tsv", "time(us)", [f"{s}000000" for s in seconds]),
        ("csv", "time", ["2026-03-29 23:59:59", "2026-03-30", "2026-03-28 23:59:59"]), ("jsonl", "time(s)", seconds),
    ]  # fmt: skip
    for format, type, times in cases:
        told = bodies[format].format(*times).encode()
        assert lines_of("windows", "--format", format, "--time-type", type, *options, text=told) == right
    log = "".join(
        f'{who} - - [{when:%d/%b/%Y:%H:%M:%S} +0000] "GET / HTTP/1.1" 200 {n} "-" "-"\n'
        for who, when, n in zip(["ann", "ann", "bob"], whens, [5, 10, 20], strict=True)
    )
    found = lines_of(
        "windows", "--format", "combined", "--time", "time_local", "--time-type", "time(log)", "--key", "remote_addr",
        "--value", "body_bytes_sent", "--size", "1d", "--time-zone", "Europe/Berlin", text=log.encode(),
    )  # fmt: skip
    assert found == [line[: -len("0.00")] + {"0": "5", "1": "10", "2": "20"}[line[-4]] for line in right]


def test_columns_may_have_any_name(lines_of: LinesOf) -> None:
    """Also those that a session's SQL uses for itself."""
    head = b"b\tw\tkind\tat\n1\t2\t3\t2026-01-01\n1\t2\t3\t2026-01-01T00:00:01\n"
    columns = ["--time", "at", "--key", "kind", "--value", "b", "--value", "w"]
    for options in (["--gap", "1s"], ["--size", "1d"]):
        assert [line.split("\t")[3:] for line in lines_of("windows", *columns, *options, text=head)] == [
            ["2", "2", "4"]
        ]


@pytest.mark.parametrize(("options", "why"), [
    ([], "windows: give --size, perhaps with --slide, or --gap for sessions"),
    (["--size", "1h", "--gap", "1h"], "windows: give --size"), (["--slide", "1h", "--gap", "1h"], "windows: give --size"),
    (["--size", "1h", "--slide", "2h"], "the slide must not be longer than the size"),
    (["--size", "1 hour"], "'1 hour' is not a duration"), (["--gap", "0s"], "'0s' is not a duration"),
    (["--size", "1h", "--time-zone", "Berlin"], "no time zone 'Berlin'; near it: Europe/Berlin"),
    (["--size", "1h", "--time-type", "text"], "the column 'at' is VARCHAR, not TIMESTAMP"),
    (["--size", "1h", "--time-type", "hours"], "column 'at': 'hours' is no type of a column"),
    (["--size", "1h", "--value", "at"], "measures: sum at: column 'at', scale=0: the column is TIMESTAMP, not a number"),
    (["--size", "1h", "--key", "none"], "no column 'none' in its header, which has: at, word"),
    (["--size", "1d", "--slide", "1s"], "86400 panes a window, more than 10,000"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(options: list[str], why: str, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(WORDS)
    refused = command.run("run", "windows", "in", "--time", "at", *options, "-o", "out", cwd=tmp_path)
    assert (refused.code, refused.out) == (2, b"")
    assert why in refused.err
    assert len(refused.err.splitlines()) <= 3
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]


@pytest.mark.parametrize(("line", "why"), [
    ("yesterday\tcat", r"in:3: column 'at': yesterday is not a time as 2026-11-21T09:30:00Z, in the line yesterday\tcat"),
    ("\\N\tcat", "window: a row without 'at', in group word=cat"),
])  # fmt: skip
def test_a_line_without_a_time_fails_the_run(line: str, why: str, tmp_path: Path) -> None:
    text = f"at\tword\n2026-01-01\tdog\n{line}\n".encode()
    (tmp_path / "in").write_bytes(text)
    options = ["--time", "at", "--key", "word", "--gap", "1d", "-o", "out"]
    failed = command.run("run", "windows", "in", *options, cwd=tmp_path)
    assert failed.code == 1
    assert re.search(why, failed.err)
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]


COMBINED = re.compile(
    r'(\S+) \S+ .+ \[([^]]+)\] "\S+ (\S+) HTTP/[\d.]+" \d{3} (?:\d+|-) "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"'
)


@pytest.mark.parametrize("minutes", [30, 5])
def test_the_sessions_of_an_access_log(minutes: int) -> None:
    clicks: dict[str, list[tuple[datetime, bytes]]] = {}
    bad = 0
    for line in LOG.read_text().splitlines():
        if not (told := COMBINED.fullmatch(line)):
            bad += 1
            continue
        when = datetime.strptime(told[2], "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC).replace(tzinfo=None)
        clicks.setdefault(told[1], []).append((when, told[3].encode()))
    right, gap = [], timedelta(minutes=minutes)
    for user in sorted(clicks, key=str.encode):
        ordered = sorted(clicks[user])
        starts = [0, *(n for n in range(1, len(ordered)) if ordered[n][0] - ordered[n - 1][0] > gap), len(ordered)]
        for first, end in pairwise(starts):
            some = ordered[first:end]
            path = json.dumps([page.decode() for _, page in some], ensure_ascii=False, separators=(",", ":"))
            seconds = half_even(Fraction((some[-1][0] - some[0][0]) // MICROSECOND, SECOND), 6)
            ends = [iso(some[0][0], "UTC"), iso(some[-1][0] + gap, "UTC")]
            right.append("\t".join([user, *ends, str(len(some)), seconds, encode(path)]))
    done = command.run("run", "sessions", str(LOG), *(["--gap", "5m"] if minutes == 5 else [])).ok()
    assert done.out.decode().splitlines() == right
    assert bad == 1
    assert "1 bad row(s) were left out" in done.err
    assert len(right) > len(clicks) > 1000


def test_sessions_over_a_format_of_ones_own(lines_of: LinesOf) -> None:
    found = lines_of(
        "sessions", "--format", "jsonl", "--key", "who", "--time", "at", "--time-type", "time(s)", "--page", "$.page.name",
        "--gap", "1s", text=b'{"who":"a","at":1,"page":{"name":"x"}}\n{"who":"a","at":2}\n{"who":"a","at":4,"page":{"name":"\\t"}}\n',
    )  # fmt: skip
    assert found == [
        'a\t1970-01-01T00:00:01Z\t1970-01-01T00:00:03Z\t2\t1.000000\t["x"]',
        'a\t1970-01-01T00:00:04Z\t1970-01-01T00:00:05Z\t1\t0.000000\t["\\\\t"]',
    ]

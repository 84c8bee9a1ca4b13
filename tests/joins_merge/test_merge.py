"""The merge against nested loops, with runs so small that most keys come in pieces."""

from itertools import groupby

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import Count, CountDistinct, Sum
from jobs.errors import FaninError
from jobs.plan import Plan
from joins.plan import HOWS, NAMES, How, Name
from tests.examples import examples
from tests.joins_merge.merging import Row, Sides, changed, merge, merge_two, plan

VALUE = st.sampled_from([None, "", "a", "a\x01", "\\N", "a\tb", "é\n"])


@st.composite
def sides(draw: st.DrawFn) -> Sides:
    """Rows of few keys, null ones among them, and one key that both sides may have many of."""
    keys = draw(st.integers(1, 2))
    row = st.lists(VALUE, min_size=keys + 1, max_size=keys + 1)
    left, right = draw(st.lists(row, max_size=6)), draw(st.lists(row, max_size=6))
    large: Row = draw(st.lists(VALUE, min_size=keys, max_size=keys))
    for side in (left, right):
        side += [[*large, f"{number}"] for number in range(draw(st.sampled_from([0, 0, 1, 9])))]
    return Sides(keys, left, right)


FIRST = st.sampled_from(["left", "right"])
SIZE = st.sampled_from([1, 12, 30, 60, 1000])
quick = examples(8)
# In a hurry the full join alone is tried in order, with conditions and aggregated: it does what the others do.
FULL_FIRST = [pytest.param(how, marks=[pytest.mark.slow] * (how != "full")) for how in HOWS]


def by_key(found: list[bytes], expected: list[tuple[bytes, bytes]]) -> None:
    """The same keys in the same order, and the same records of each, in whatever order."""
    assert len(found) == len(expected)
    waiting = iter(found)
    for _, records in groupby(expected, key=lambda pair: pair[0]):
        theirs = [record for _, record in records]
        assert sorted(next(waiting) for _ in theirs) == sorted(theirs)


@pytest.mark.parametrize("how", HOWS)
@quick
@given(sides(), FIRST, SIZE)
def test_runs_join_to_what_nested_loops_do(how: How, both: Sides, first: Name, size: int) -> None:
    join = plan(both.keys, how)
    by_key(merge(join, first, both.shuffled(join, first), size), both.joined(how))


@pytest.mark.parametrize("how", FULL_FIRST)
@quick
@given(sides(), FIRST, SIZE)
def test_in_order(how: How, both: Sides, first: Name, size: int) -> None:
    join = changed(plan(both.keys, how), in_order=True)
    assert merge(join, first, both.shuffled(join, first), size) == [record for _, record in both.joined(how)]


@pytest.mark.parametrize("how", FULL_FIRST)
@quick
@given(sides(), FIRST, SIZE, st.integers(1, 5))
def test_sides_that_come_by_themselves(how: How, both: Sides, first: Name, size: int, chunk: int) -> None:
    join = plan(both.keys, how)
    by_key(merge_two(join, first, both, size, chunk), both.joined(how))


@pytest.mark.parametrize("how", FULL_FIRST[:4])
@quick
@given(sides(), FIRST, SIZE, st.booleans())
def test_select_and_where(how: How, both: Sides, first: Name, size: int, in_order: bool) -> None:
    join = changed(
        plan(both.keys, how), select="r.r1, l.l1 || '!' AS l1", where="coalesce(l1, '') <= coalesce(r1, 'a')",
        in_order=in_order,
    )  # fmt: skip
    expected = both.joined(
        how,
        lambda left, right: (left[-1] or "") <= (right[-1] if right[-1] is not None else "a"),
        lambda left, right: [right[-1], None if left[-1] is None else left[-1] + "!"],
    )
    by_key(merge(join, first, both.shuffled(join, first), size), expected)


@pytest.mark.parametrize("how", ["semi", "anti"])
@quick
@given(sides(), FIRST, SIZE)
def test_select_and_where_of_one_side(how: How, both: Sides, first: Name, size: int) -> None:
    join = changed(plan(both.keys, how), select="l1", where="l1 > '3' OR l1 IS NULL")
    expected = both.joined(how, lambda left, _: left[-1] is None or left[-1] > "3", lambda left, _: [left[-1]])
    by_key(merge(join, first, both.shuffled(join, first), size), expected)


@pytest.mark.parametrize("how", FULL_FIRST)
@quick
@given(sides(), FIRST, SIZE)
def test_aggregates_merge_the_states_of_all_runs(how: How, both: Sides, first: Name, size: int) -> None:
    measures = {"n": Count(), "rows": Sum("one", scale=0)}
    aggregate = Plan("tests:Join", "SELECT k1, 1 AS one FROM joined", ("k1",), measures)
    join = changed(plan(both.keys, how), aggregate=aggregate)
    counts: dict[bytes, int] = {}
    for _, record in both.joined(how):
        key = record.split(b"\t")[0]
        counts[key] = counts.get(key, 0) + 1
    found = merge(join, first, both.shuffled(join, first), size)
    assert sorted(found) == sorted(b"%s\t%d\t%d" % (key, n, n) for key, n in counts.items())


def test_an_aggregate_of_the_whole_has_a_state_even_of_nothing() -> None:
    join = changed(plan(1, "inner"), aggregate=Plan("tests:Join", "SELECT * FROM joined", (), {"n": Count()}))
    assert merge(join, "left", b"", 10) == [b"\t0"]


def test_states_of_several_rows_are_merged() -> None:
    aggregate = Plan("tests:Join", "SELECT * FROM joined", ("k1",), {"n": CountDistinct("r1")})
    join = changed(plan(1, "inner"), aggregate=aggregate)
    both = Sides(1, [["k", "l"]], [["k", str(number % 3)] for number in range(30)])
    found = merge(join, "left", both.shuffled(join, "left"), 40)
    assert len(found) == 4  # the group, and its three values


def test_keys_alone() -> None:
    both = Sides(1, [["a"], ["b"], ["b"]], [["b"], ["c"]])
    for how, expected in {"full": [b"a", b"b", b"b", b"c"], "semi": [b"b", b"b"], "anti": [b"a"]}.items():
        for size in (1, 100):
            join = plan(1, how, payload=0)  # type: ignore[arg-type]  # a How
            data = both.shuffled(join, "right")
            assert merge(join, "right", data, size) == expected
            # Hadoop writes a tab behind a key whose value is empty.
            assert merge(join, "right", data.replace(b"\n", b"\t\n"), size) == expected


@pytest.mark.parametrize("size", [1, 8, 100])
@pytest.mark.parametrize(("lines", "named"), [
    ([b"b\t0\tx", b"a\t0\ty"], ("a\t0", "b\t0")), ([b"a\t0\tx", b"b\t1\tx", b"b\t0\tx"], ("b\t0", "b\t1")),
    ([b"a\t0\tx", b"a\x01\t0\tx"], ("a\x01\t0", "a\t0")),
    ([b"a\t0\tx"] * 9 + [b"c\t0\tx", b"b\t0\tx"] + [b"d\t1\tx"] * 9, ("b\t0", "c\t0")),
    ([b"k\t0\tx"] * 9 + [b"b\t0\tx"] + [b"k\t0\tx"] * 9, ("b\t0", "k\t0")),
])  # fmt: skip
def test_lines_out_of_order_are_an_error_that_names_both(
    lines: list[bytes], named: tuple[str, str], size: int
) -> None:
    with pytest.raises((FaninError, duckdb.Error), match="not sorted") as told:
        merge(plan(1, "full"), "left", b"".join(text + b"\n" for text in lines), size)
    assert f"'{named[0]}' comes behind '{named[1]}'" in str(told.value)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("tags", ["10", "010", "1101", "0011110", "0000011111011111"])
@pytest.mark.parametrize(
    "size", [pytest.param(1, marks=pytest.mark.slow), 8, pytest.param(20, marks=pytest.mark.slow)]
)
def test_sides_out_of_order_in_a_large_key_are_an_error(how: How, tags: str, size: int) -> None:
    lines = b"".join(b"k\t%c\tx\n" % tag for tag in tags.encode())
    for first in NAMES:
        with pytest.raises((FaninError, duckdb.Error), match="'k\t0' comes behind 'k\t1'"):
            merge(plan(1, how), first, lines, size)

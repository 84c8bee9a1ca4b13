"""Sorted lines cut into runs: nothing is lost, whole keys stay together, and a key larger than a run comes in pieces."""

import io
from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.errors import FaninError
from joins.runs import Run, runs, runs_of_two
from tests.examples import examples

KEY = st.text("ab\x01", max_size=3).map(str.encode)


@st.composite
def sorted_lines(draw: st.DrawFn) -> tuple[int, list[bytes]]:
    """A number of key columns, and lines in order of these and a tab; a few keys have many lines, or long ones."""
    width = draw(st.integers(1, 3))
    keys = draw(st.lists(st.tuples(*[KEY] * width), unique=True, max_size=6))
    lines = []
    for key in sorted(b"\t".join(key) + b"\t" for key in keys):
        times, long = draw(st.sampled_from([1, 1, 2, 9])), draw(st.sampled_from([0, 0, 40]))
        lines += [key + b"%d\t%d%s" % (number % 2, number, b"x" * long) for number in range(times)]
    return width, lines


def cut(lines: list[bytes], keys: int, size: int, end: bool = True) -> list[Run]:
    data = b"\n".join(lines) + b"\n" * (end and bool(lines))
    return list(runs(io.BytesIO(data).read, keys, size))


def key_of(line: bytes, keys: int) -> bytes:
    return b"\t".join(line.split(b"\t")[:keys])


@pytest.mark.slow
@examples(500)
@given(sorted_lines(), st.integers(1, 100), st.booleans())
@example((1, [b"a\t0\t" + b"x" * 50]), 8, True)
@example((1, [b"a\t0", b"a\t1", b"a\x01\t0", b"b\t1"]), 4, False)
@example((2, [b"a\t\t0"] * 9 + [b"a\ta\t0"]), 12, True)
def test_lines_come_in_whole_keys_or_in_pieces_of_one(sample: tuple[int, list[bytes]], size: int, end: bool) -> None:
    keys, lines = sample
    found = cut(lines, keys, size, end)
    assert [line for run in found for line in run.data.split(b"\n")] == lines
    places: dict[bytes, list[int]] = {}
    for number, run in enumerate(found):
        inside = [key_of(line, keys) for line in run.data.split(b"\n")]
        assert not run.piece or len(set(inside)) == 1
        for key, _ in groupby(inside):
            places.setdefault(key, []).append(number)
    for numbers in places.values():
        of_key = [found[number] for number in numbers]
        assert len(of_key) == 1 or all(run.piece for run in of_key)
        assert [run.last for run in of_key] == [False] * (len(of_key) - 1) + [True]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@examples(200)
@given(sorted_lines(), st.integers(1, 100))
def test_a_run_is_not_much_larger_than_its_size_and_its_lines(sample: tuple[int, list[bytes]], size: int) -> None:
    keys, lines = sample
    longest = max(map(len, lines), default=0) + 1
    for run in cut(lines, keys, size):
        assert len(run.data) < 3 * (size + longest)


@pytest.mark.parametrize("at", ["start", "middle", "end"])
def test_one_large_key_among_small_ones(at: str) -> None:
    before, large, behind = [b"a\t0", b"a\t1"], [b"b\t%d" % (n > 5) for n in range(100)], [b"b\x02\t0", b"c\t1"]
    lines = {"start": large + behind, "middle": before + large + behind, "end": before + large}[at]
    found = cut(lines, 1, 32)
    pieces = [run for run in found if run.piece]
    assert b"\n".join(run.data for run in pieces).split(b"\n") == large
    assert len(pieces) > 10
    assert [run.last for run in pieces] == [False] * (len(pieces) - 1) + [True]
    assert b"\n".join(run.data for run in found).split(b"\n") == lines


def test_a_line_without_its_key_columns_is_an_error() -> None:
    with pytest.raises(FaninError, match="fewer than 3 columns.*'a.t0'"):
        cut([b"a\t0"], 2, 100)


def test_no_line_makes_no_run() -> None:
    assert cut([], 1, 10) == []


@pytest.mark.slow
@examples(500)
@given(sorted_lines(), st.integers(1, 100), st.integers(1, 5), st.data())
def test_two_sides_are_cut_at_the_same_keys(
    sample: tuple[int, list[bytes]], size: int, chunk: int, data: st.DataObject
) -> None:
    keys, lines = sample
    sides: list[list[bytes]] = [[], []]
    for text in lines:
        sides[data.draw(st.integers(0, 1))].append(text)
    first_lines, other_lines = (
        iter([b"".join(text + b"\n" for text in of[at : at + chunk]) for at in range(0, len(of), chunk)])
        for of in sides
    )
    found = list(runs_of_two(first_lines, other_lines, keys, size))
    places: dict[bytes, list[int]] = {}
    for number, run in enumerate(found):
        inside = run.data.split(b"\n")
        ours = [text for text in inside if text in sides[0]]  # lines are numbered, so that none is on both
        assert inside == ours + [text for text in inside if text in sides[1]]
        assert not run.piece or len({key_of(text, keys) for text in inside}) == 1
        for text in inside:
            if number not in places.setdefault(key_of(text, keys), []):
                places[key_of(text, keys)].append(number)
    for number, side in enumerate(sides):
        assert [text for run in found for text in run.data.split(b"\n") if text in sides[number]] == side
    for numbers in places.values():
        of_key = [found[number] for number in numbers]
        assert len(of_key) == 1 or all(run.piece for run in of_key)
        assert [run.last for run in of_key] == [False] * (len(of_key) - 1) + [True]

"""A combiner that is run inside of its mapper's process, against mapper, sort and combiner one after the other, as on Hadoop."""

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from mrjob.job import MRJob
from mrjob.protocol import JSONProtocol, PickleProtocol, ReprProtocol

from jobs.engines.rows import combining
from tests.rows.mapreduce import first, split

TEXTS = ["1", "", "a b", "é", "\ud800", "\U0001f600", "tab\there", "line\nend", '"', "\\", "A", "a"]
OTHERS: list[Any] = [
    1,
    True,
    1.0,
    None,
    0,
    False,
    -0.0,
    10**30,
    1e300,
    1.5,
    [1, "a"],
    ["1"],
    [[]],
    [],
    {"a": 1},
    {"b": [None]},
]
NUMBERS = [0, 1, -1, True, None, 2.5, 1e-7, 10**20]
MUTABLE = [[1, 2], {"n": 1}, [], "text", ["é"], (1, 2)]
NOT_A_NUMBER = [float("nan"), float("inf")]


class Summing(MRJob):  # type: ignore[misc]  # mrjob is untyped
    """Combines to all that there is of a key."""

    pairs: list[tuple[Any, Any]] = []

    def mapper(self, _: None, __: str) -> Iterator[Any]:
        yield from self.pairs

    def combiner(self, key: Any, values: Any) -> Iterator[Any]:
        yield key, [repr(key), sorted(map(repr, values))]


class Changing(Summing):
    """Changes keys, leaves some out and adds others."""

    def combiner_init(self) -> Iterator[Any]:
        yield "init", 0

    def combiner(self, key: Any, values: Any) -> Iterator[Any]:
        some = list(values)
        if len(some) > 1:
            yield str(key) + "x", len(some)
            yield len(some), repr(key)

    def combiner_final(self) -> Iterator[Any]:
        yield "final", [1]


class Spoiling(Summing):
    """Changes values that its mapper still holds."""

    def mapper(self, _: None, __: str) -> Iterator[Any]:
        held: list[int] = []
        for number, (key, _value) in enumerate(self.pairs):
            held.append(number)
            yield key, held

    def combiner(self, key: Any, values: Any) -> Iterator[Any]:
        for value in values:
            value.append("seen")
            yield key, value


def task(kind: type[Summing], option: str, stdin: bytes) -> Summing:
    job = kind([option, "--step-num=0"])
    job.sandbox(stdin=io.BytesIO(stdin))
    return job


def one_after_the_other(kind: type[Summing]) -> list[bytes]:
    mapper = task(kind, "--mapper", b"x\nx\n")
    mapper.run_mapper(0)
    ordered = sorted(split(mapper.stdout.getvalue()), key=first)
    combiner = task(kind, "--combiner", b"".join(line + b"\n" for line in ordered))
    combiner.run_combiner(0)
    return split(combiner.stdout.getvalue())


def together(kind: type[Summing]) -> list[bytes]:
    mapper, combiner = task(kind, "--mapper", b"x\nx\n"), task(kind, "--combiner", b"")
    combining.run(mapper, combiner, 0)
    return split(mapper.stdout.getvalue())


PAIRED = [
    (TEXTS, NUMBERS),
    (TEXTS, MUTABLE),
    (OTHERS, NUMBERS),
    (OTHERS, MUTABLE),
    (TEXTS + OTHERS, NUMBERS + MUTABLE),
]
CASES = [(protocol, *paired) for protocol in (JSONProtocol, PickleProtocol, ReprProtocol) for paired in PAIRED]
CASES += [
    (protocol, TEXTS + NOT_A_NUMBER, NOT_A_NUMBER) for protocol in (JSONProtocol, PickleProtocol)
]  # repr cannot be read


@pytest.mark.parametrize("kind", [Summing, Changing, Spoiling])
@pytest.mark.parametrize(("protocol", "keys", "values"), CASES)
def test_the_lines_are_those_of_hadoop(
    monkeypatch: pytest.MonkeyPatch, kind: type[Summing], protocol: type, keys: list[Any], values: list[Any]
) -> None:
    monkeypatch.setattr(kind, "INTERNAL_PROTOCOL", protocol)
    monkeypatch.setattr(kind, "pairs", [(key, value) for value in values for key in keys])
    expected = one_after_the_other(kind)
    assert len(expected) > 1
    assert Counter(together(kind)) == Counter(expected)


def test_more_pairs_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Summing, "pairs", [("a", 1), ("b", [2]), ("c", 3), ("a", 4)] * 5)
    monkeypatch.setattr(combining, "PAIRS", 7)
    found = together(Summing)
    assert len(found) > 3
    assert sum(line.count(b", ") for line in found if line.startswith(b'"a"')) == 20

"""A mapper whose pairs are combined before they are encoded: what a mapper and a combiner of one mrjob class write together.

On Hadoop a combiner reads pairs that were written as lines and sorted by key. Here texts and numbers, which JSON gives back as
they were, wait for it as they are; all else is encoded and decoded on the way, so that a combiner sees what it would see there.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from json.encoder import encode_basestring_ascii
from typing import Any

from mrjob.protocol import StandardJSONProtocol

from jobs.plain_mrjob import MRJob

PAIRS, BYTES = 2_000_000, 64 << 20  # that wait for the combiner, as in Hadoop's buffer of a mapper
PLAIN = frozenset({int, float, bool, type(None)})
Pair = tuple[Any, Any]


def run(mapper: MRJob, combiner: MRJob, step: int) -> None:
    """Runs the map task of `mapper`, and its combiner on what it yields.  combiner: another instance of its class."""
    read, encode = mapper.pick_protocols(step, "mapper")
    decode, write = combiner.pick_protocols(step, "combiner")
    plain = type(getattr(encode, "__self__", None)) is StandardJSONProtocol
    pairs = mapper.map_pairs((read(line.rstrip(b"\r\n")) for line in mapper.stdin), step)
    out = mapper.stdout
    while True:
        waiting = _Waiting(encode, decode)
        more = waiting.take(pairs, plain)
        if waiting:
            out.writelines(write(key, value) + b"\n" for key, value in waiting.combined(combiner, step))
        if not more:
            return


class _Waiting:
    """Pairs that wait for a combiner: texts with numbers by text, and all others as lines."""

    def __init__(self, encode: Callable[[Any, Any], bytes], decode: Callable[[bytes], Pair]) -> None:
        self._encode, self._decode = encode, decode
        self._numbers: defaultdict[str, list[Any]] = defaultdict(list)
        self._lines: list[bytes] = []

    def __bool__(self) -> bool:
        return bool(self._numbers or self._lines)

    def take(self, pairs: Iterator[Pair], plain: bool) -> bool:
        """Takes pairs until enough wait; whether there may be more.  plain: whether some wait as they are."""
        numbers, lines, encode = self._numbers, self._lines, self._encode
        size, count = 0, 0
        for count, (key, value) in enumerate(islice(pairs, PAIRS), 1):  # noqa: B007
            if plain and type(key) is str and type(value) in PLAIN:
                numbers[key].append(value)
            else:
                line = encode(key, value)
                lines.append(line)
                size += len(line)
                if size >= BYTES:
                    return True
        return count == PAIRS

    def combined(self, combiner: MRJob, step: int) -> Iterable[Pair]:
        """What the combiner makes of all that wait, by the bytes of their encoded keys."""
        if self._lines:
            return combiner.combine_pairs(self._pairs(), step)  # type: ignore[no-any-return]
        return self._of_numbers(combiner, step)

    def _of_numbers(self, combiner: MRJob, number: int) -> Iterator[Pair]:
        """As mrjob's combine_pairs, which would group again what is grouped."""
        step = combiner.steps()[number]
        if step["combiner_init"]:
            yield from step["combiner_init"]() or ()
        combine = step["combiner"]
        for key in sorted(self._numbers, key=encode_basestring_ascii):
            yield from combine(key, iter(self._numbers.pop(key))) or ()
        if step["combiner_final"]:
            yield from step["combiner_final"]() or ()

    def _pairs(self) -> Iterator[Pair]:
        """All that wait, in order."""
        items: list[tuple[bytes, str | bytes]] = [
            (encode_basestring_ascii(key).encode(), key) for key in self._numbers
        ]
        items += [(line.partition(b"\t")[0], line) for line in self._lines]
        items.sort(key=lambda item: item[0])
        for _, item in items:
            if isinstance(item, bytes):
                yield self._decode(item)
            else:
                for value in self._numbers[item]:
                    yield item, value

"""A mapper whose pairs are combined before they are encoded: what a mapper and a combiner of one mrjob class write together.

On Hadoop a combiner reads pairs that were written as lines and sorted by key. Here texts and numbers, which any protocol gives back
as they were, wait for it as they are; all else is encoded and decoded on the way, so that a combiner sees what it would see there.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from mrjob.job import MRJob
from mrjob.protocol import StandardJSONProtocol

PAIRS, BYTES = 1_000_000, 64 << 20  # that wait for the combiner, as in Hadoop's buffer of a mapper
PLAIN = frozenset({str, int, float, bool, type(None)})
Pair = tuple[Any, Any]


def run(mapper: MRJob, combiner: MRJob, step: int) -> None:
    """Runs the map task of `mapper`, and its combiner on what it yields.  combiner: another instance of its class."""
    read, encode = mapper.pick_protocols(step, "mapper")
    decode, write = combiner.pick_protocols(step, "combiner")
    lines = (read(line.rstrip(b"\r\n")) for line in mapper.stdin)
    groups = _Groups(encode, decode, texts=_gives_back_texts(encode))
    out = mapper.stdout

    def combine() -> None:
        for key, value in combiner.combine_pairs(groups.pairs(), step):
            out.write(write(key, value) + b"\n")

    for key, value in mapper.map_pairs(lines, step):
        if groups.add(key, value):
            combine()
    if groups:
        combine()


def _gives_back_texts(encode: Callable[[Any, Any], bytes]) -> bool:
    """Whether pairs of texts and numbers are the same once they are encoded and decoded, as with JSON."""
    return type(getattr(encode, "__self__", None)) is StandardJSONProtocol


class _Groups:
    """Pairs by key.  texts: whether plain ones wait as they are."""

    def __init__(self, encode: Callable[[Any, Any], bytes], decode: Callable[[bytes], Pair], texts: bool) -> None:
        self._encode, self._decode, self._texts = encode, decode, texts
        self._clear()

    def _clear(self) -> None:
        self._plain: defaultdict[str, list[Any]] = defaultdict(list)
        self._lines: list[bytes] = []
        self._count = self._size = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, key: Any, value: Any) -> bool:
        """Whether enough pairs wait."""
        kind = type(value)
        if self._texts and type(key) is str and kind in PLAIN:
            self._plain[key].append(value)
            if kind is str:
                self._size += len(value)
        else:
            line = self._encode(key, value)
            self._lines.append(line)
            self._size += len(line)
        self._count += 1
        return self._count >= PAIRS or self._size >= BYTES

    def pairs(self) -> Iterator[Pair]:
        """All that wait, by the bytes of their encoded keys; none wait then."""
        plain, lines = self._plain, self._lines
        self._clear()
        waiting: list[tuple[bytes, str | bytes]] = [(_key(self._encode(key, None)), key) for key in plain]
        waiting += [(_key(line), line) for line in lines]
        waiting.sort(key=lambda item: item[0])
        for _, item in waiting:
            if isinstance(item, bytes):
                yield self._decode(item)
            else:
                for value in plain.pop(item):
                    yield item, value


def _key(line: bytes) -> bytes:
    return line.partition(b"\t")[0]

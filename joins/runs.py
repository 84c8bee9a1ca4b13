"""Sorted lines cut into runs of whole keys, so that each can be joined by itself.

read     |a0 a1 a1 b0 |b1 b1 b1 b1 |b1 c0 d1|
runs     |a0 a1 a1|  b: |b0 |b1 b1 b1 b1 |b1|  |c0 d1|        b is larger than a run: it comes in pieces

Where each side comes by itself, both are cut at a key that both have reached; lines of one side then stand before those
of the other, in a run as in a key's pieces.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jobs.errors import FaninError

RUN = 4 << 20


class Run(NamedTuple):
    """Lines, without the last one's end.  piece: whether they are of one key that goes on, or has begun before.  last: of its pieces."""

    data: bytes
    piece: bool = False
    last: bool = True


def runs(read: Callable[[int], bytes], keys: int, size: int = RUN) -> Iterator[Run]:
    """The runs of lines that are sorted by their first `keys` columns; each has about `size` bytes."""
    lines = whole_lines(read, size)
    waiting = b""
    for chunk in lines:
        data = waiting + chunk
        key = _key(data, data.rfind(b"\n", 0, -1) + 1, keys)
        start = 0 if data.startswith(key) else data.find(b"\n" + key) + 1
        if start:
            yield Run(data[: start - 1])
            waiting = data[start:]
        elif len(data) < size:
            waiting = data
        else:
            waiting = yield from _pieces(data, lines, key)
    if waiting:
        yield Run(waiting.removesuffix(b"\n"))


def _pieces(data: bytes, lines: Iterator[bytes], key: bytes) -> Generator[Run, None, bytes]:
    """The pieces of one key, which `data` and perhaps more lines begin with; returns what is left behind it."""
    for chunk in lines:
        if chunk[chunk.rfind(b"\n", 0, -1) + 1 :].startswith(key):
            yield Run(data[:-1], piece=True, last=False)
            data = chunk
            continue
        at = chunk.rfind(b"\n" + key) + 1
        end = chunk.index(b"\n", at) + 1 if at or chunk.startswith(key) else 0
        yield Run((data + chunk[:end])[:-1], piece=True)
        return chunk[end:]
    yield Run(data[:-1], piece=True)
    return b""


def runs_of_two(first: Iterator[bytes], other: Iterator[bytes], keys: int, size: int = RUN) -> Iterator[Run]:
    """The runs of two sides, each whole lines sorted by their first `keys` columns; `size` bytes, or more, are of each."""
    sides = [_Side(first), _Side(other)]
    while True:
        for side in sides:
            side.fill(size)
        unfinished = [_key(side.data, side.data.rfind(b"\n", 0, -1) + 1, keys) for side in sides if not side.ended]
        if not unfinished:
            break
        key = min(unfinished)  # there may be more of it to come, but nothing that is in front of it
        if whole := b"".join([side.take(_end(side.data, key, of_it=False)) for side in sides]):
            yield Run(whole[:-1])
        else:
            yield from _told_last(_of_key(sides, key, size))
    if rest := b"".join(side.data for side in sides):
        yield Run(rest[:-1])


@dataclass
class _Side:
    """Lines that come in chunks.  data: those at hand.  ended: whether there are no more."""

    chunks: Iterator[bytes]
    data: bytes = b""
    ended: bool = False

    def fill(self, size: int) -> None:
        """Takes chunks until `size` bytes are at hand, or all that there are."""
        pieces, length = [self.data], len(self.data)
        while length < size and not self.ended:
            chunk = next(self.chunks, None)
            self.ended = chunk is None
            pieces.append(chunk or b"")
            length += len(pieces[-1])
        self.data = b"".join(pieces)

    def take(self, end: int) -> bytes:
        """Lets go of what is in front of `end`."""
        taken, self.data = self.data[:end], self.data[end:]
        return taken


def _of_key(sides: Iterable[_Side], key: bytes, size: int) -> Iterator[bytes]:
    """All lines of the key that both sides begin with, or one of them, in pieces."""
    for side in sides:
        while piece := side.take(_end(side.data, key, of_it=True)):
            yield piece
            side.fill(size)


def _told_last(pieces: Iterator[bytes]) -> Iterator[Run]:
    waiting = next(pieces)
    for piece in pieces:
        yield Run(waiting[:-1], piece=True, last=False)
        waiting = piece
    yield Run(waiting[:-1], piece=True)


def _end(data: bytes, key: bytes, of_it: bool) -> int:
    """Where the lines end that are in front of `key`, by bisection: lines ascend.  of_it: the key's own with them."""
    low, high = 0, len(data)
    while low < high:
        middle = (low + high) // 2
        start = data.rfind(b"\n", low, middle) + 1 or low
        begin = data[start : start + len(key)]
        if begin < key or (of_it and begin == key):
            low = data.index(b"\n", middle) + 1
        else:
            high = start
    return low


def whole_lines(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    """All that `read` gives, cut at line ends."""
    rest = b""
    while chunk := read(size):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield rest + chunk[:end]
            rest = chunk[end:]
        else:
            rest += chunk
    if rest:
        yield rest + b"\n"


def _key(data: bytes, start: int, keys: int) -> bytes:
    """The first columns of the line at `start`, with the tab behind them."""
    end = start
    for _ in range(keys):
        end = data.find(b"\t", end) + 1
        if not end:
            line = data[start:].split(b"\n", 1)[0].decode(errors="replace")
            raise FaninError(
                f"a line of fewer than {keys + 1} columns, which no mapper of a join writes: {line[:200]!r}"
            )
    return data[start:end]

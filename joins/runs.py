"""Sorted lines cut into runs of whole keys, so that each can be joined by itself.

read     |a0 a1 a1 b0 |b1 b1 b1 b1 |b1 c0 d1|
runs     |a0 a1 a1|  b: |b0 |b1 b1 b1 b1 |b1|  |c0 d1|        b is larger than a run: it comes in pieces
"""

from collections.abc import Callable, Generator, Iterator
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
    lines = _lines(read, size)
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


def _lines(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
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

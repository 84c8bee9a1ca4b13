"""MapReduce in a few lines of Python, written from Hadoop's documentation: what programs are compared with."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

Lines = list[bytes]
Key = Callable[[bytes], bytes]


def lines(files: Mapping[str, bytes]) -> Lines:
    """All lines of files, in their order."""
    return [line for data in files.values() for line in split(data)]


def split(data: bytes) -> Lines:
    """Lines that end at \\n, \\r\\n or a lone \\r."""
    found = re.split(rb"\r\n|\r|\n", data)
    return found[:-1] if found[-1] == b"" else found


def field(number: int = 1, separator: bytes = b"\t") -> Key:
    """The first `number` fields of a line."""
    return lambda line: separator.join(line.split(separator)[:number])


first = field()


def with_tab(line: bytes) -> bytes:
    """A line as Hadoop writes it."""
    return line if b"\t" in line else line + b"\t"


def text_hash(key: bytes, start: int = 1) -> int:
    """Hadoop's hash of a Text. With a start of 0: KeyFieldBasedPartitioner's."""
    for byte in key:
        start = (31 * start + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
    return start & 0x7FFFFFFF


def shuffled(
    mapped: Iterable[bytes], parts: int, key: Key = first, hash: Callable[[bytes], int] = text_hash, order: Callable[[bytes], object] | None = None
) -> list[Lines]:  # fmt: skip
    """The lines that each reducer reads, sorted by key.  order: what a comparator makes of a key."""
    found: list[Lines] = [[] for _ in range(parts)]
    for line in mapped:
        found[hash(key(line)) % parts].append(with_tab(line))
    return [sorted(part, key=lambda line: (order or bytes)(key(line))) for part in found]  # type: ignore[arg-type,return-value]


def reduced(parts: Sequence[Lines], reduce: Callable[[bytes, Lines], Iterable[bytes]]) -> list[Lines]:
    """What reducers write that get each key once, with its values."""
    return [
        [with_tab(line) for key, group in groupby(part, first) for line in reduce(key, [one.split(b"\t", 1)[1] for one in group])]
        for part in parts
    ]  # fmt: skip


def grouped(part: Lines, key: Key) -> list[tuple[bytes, Counter[bytes]]]:
    """The keys of a part in their order, each with its lines in any."""
    return [(one, Counter(group)) for one, group in groupby(part, key)]

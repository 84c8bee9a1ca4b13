"""What every engine must write, in a few lines of plain Python."""

import re
from collections import Counter
from collections.abc import Callable, Iterable


def lines(data: bytes) -> list[str]:
    """The lines of a file's plain bytes."""
    pieces = re.split(rb"\r\n|\r|\n", data.removeprefix(b"\xef\xbb\xbf"))
    if not pieces[-1]:
        pieces.pop()
    return [piece.decode(errors="replace") for piece in pieces]


def words(line: str) -> list[tuple[str | None, ...]]:
    return [(word,) for word in re.split("[ \t\f]", line) if word]


def whole(line: str) -> list[tuple[str | None, ...]]:
    return [(line,)]


def two_columns(line: str) -> list[tuple[str | None, ...]]:
    fields = line.split("\t")
    return [(fields[0], fields[1] if len(fields) > 1 else None)]


def pages(line: str) -> list[tuple[str | None, ...]]:
    quoted = re.fullmatch(
        r'\S+ \S+ .+ \[[^]]+\] "\S+ (\S+) HTTP/[\d.]+" \d{3} (?:\d+|-) "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"', line
    )
    return [(quoted[1],)] if quoted else []


def nothing(line: str) -> list[tuple[str | None, ...]]:
    del line
    return [()]


def encode(value: str | None) -> str:
    if value is None:
        return "\\N"
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def hadoop_hash(key: bytes) -> int:
    """Java's: h = 31 * h + signed byte, in 32 bits, from 1; without the sign bit."""
    h = 1
    for byte in key:
        h = (31 * h + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
    return h & 0x7FFFFFFF


def parts(
    files: Iterable[bytes],
    keys: Callable[[str], list[tuple[str | None, ...]]],
    number: int,
    top: int | None = None,
) -> list[bytes]:
    """The bytes of each part file.  top: how many groups are kept, the most frequent first, in one part."""
    counts = Counter(key for data in files for line in lines(data) for key in keys(line))
    if keys is nothing:
        counts.update({(): 0})
    encoded = sorted(("\t".join(map(encode, key)).encode(), n) for key, n in counts.items())
    if top:
        first = sorted(encoded, key=lambda group: -group[1])[:top]
        return [b"".join(b"%b\t%d\n" % group for group in first)]
    out = [b""] * number
    grouped: list[list[bytes]] = [[] for _ in out]
    for text, n in encoded:
        record = b"%b\t%d\n" % (text, n) if keys is not nothing else b"%d\n" % n
        grouped[hadoop_hash(text) % number].append(record)
    return [b"".join(records) for records in grouped]

"""The shuffle, against a few lines of Python written from Hadoop's semantics."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.database import Limits
from jobs.engines.rows.shuffle import Keys, shuffle

SMALL = Limits(256_000_000, 1)


def shuffled(files: Sequence[bytes], keys: Keys, parts: int, folder: Path) -> list[bytes]:
    """What each reducer reads."""
    paths = []
    for number, data in enumerate(files):
        paths.append(folder / f"map-{number}")
        paths[-1].write_bytes(data)
    out: list[list[bytes]] = [[] for _ in range(parts)]
    order = []

    def write(part: int, data: bytes) -> None:
        assert data.endswith(b"\n")
        order.append(part)
        out[part].append(bytes(data))

    shuffle(paths, keys, parts, SMALL, write)
    assert order == sorted(order)
    return [b"".join(pieces) for pieces in out]


def lines_of(data: bytes) -> list[bytes]:
    """The lines that streaming reads of a child."""
    lines = re.split(rb"\r\n|\r|\n", data)
    return lines[:-1] if lines[-1] == b"" else lines


def split(line: bytes, keys: Keys) -> tuple[bytes, bytes]:
    """The key and the value of a line, as TextOutputReader splits it."""
    separator, at = keys.separator.encode(), -1
    for _ in range(max(keys.fields, 1)):
        at = line.find(separator, 0 if at < 0 else at + len(separator))
        if at < 0:
            return line, b""
    return line[:at], line[at + len(separator) :]


def java_hash(key: bytes, start: int = 1) -> int:
    for byte in key:
        start = (31 * start + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
    return start


def expected(files: Sequence[bytes], keys: Keys, parts: int) -> list[list[tuple[bytes, bytes]]]:
    """For each reducer its keys in order, each with what it reads of it."""
    out: list[list[tuple[bytes, bytes]]] = [[] for _ in range(parts)]
    for data in files:
        for line in lines_of(data):
            key, value = split(line, keys)
            whole = key + keys.reducer_separator.encode() + value + b"\n"
            out[(java_hash(key) & 0x7FFFFFFF) % parts].append((key, whole))
    return [sorted(part) for part in out]


BYTES = st.binary(max_size=12) | st.text("ab\t\r\n\0,é\x01", max_size=30).map(str.encode)
SEPARATORS = st.sampled_from(["\t", ",", "a", "é", "\t\t", "\x01"])


@settings(max_examples=300, deadline=None)
@given(
    files=st.lists(st.lists(BYTES, max_size=8).map(b"\t".join), max_size=3),
    keys=st.builds(Keys, fields=st.integers(0, 3), separator=SEPARATORS, reducer_separator=SEPARATORS),
    parts=st.sampled_from([1, 2, 4, 7]),
)
def test_any_bytes_come_out_keyed_divided_and_sorted(
    tmp_path_factory: pytest.TempPathFactory, files: list[bytes], keys: Keys, parts: int
) -> None:
    folder = tmp_path_factory.mktemp("shuffle")
    found = shuffled(files, keys, parts, folder)
    for data, part in zip(found, expected(files, keys, parts), strict=True):
        same_but_for_the_order_of_values(data, part)


def same_but_for_the_order_of_values(data: bytes, part: list[tuple[bytes, bytes]]) -> None:
    """data: lines by key.  part: sorted keys with their lines."""
    lines = re.findall(rb"[^\n]*\n", data)
    assert len(lines) == len(part)
    keys = [key for key, _ in part]
    places: dict[bytes, Counter[bytes]] = {}
    for key, line in part:
        places.setdefault(key, Counter())[line] += 1
    found: dict[bytes, Counter[bytes]] = {}
    for key, line in zip(keys, lines, strict=True):
        found.setdefault(key, Counter())[line] += 1
    assert found == places


def test_long_values_and_long_keys(tmp_path: Path) -> None:
    letters = [b"b", b"a\xff", b"\x00", b"a"]
    long = [key * size + b"\t" + key[:1] * more for key in letters for size in (1, 700, 1500) for more in (900, 1100)]
    long += [b"k\t" + b"v" * 3_000_000, b"k" * 3_000_000, b"\t" + b"\xe9" * 5000, b"x" * 5000 + b"\t", b"k\t1:2"]
    files = [b"\r\n".join(long), b"\r".join(reversed(long)), b"\n".join(long) + b"\n", b""]
    for keys in (Keys(), Keys(fields=2, separator="a", reducer_separator=":::")):
        found = shuffled(files, keys, 3, tmp_path)
        for data, part in zip(found, expected(files, keys, 3), strict=True):
            same_but_for_the_order_of_values(data, part)


def test_nothing_to_shuffle_writes_nothing(tmp_path: Path) -> None:
    assert shuffled([], Keys(), 2, tmp_path) == shuffled([b"", b""], Keys(), 2, tmp_path) == [b"", b""]

"""The shuffle, against a few lines of Python written from Hadoop's semantics."""

import functools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.database import Limits
from jobs.engines.rows import key_fields
from jobs.engines.rows.shuffle import Keys, shuffle
from jobs.errors import UsageError
from tests.rows import java

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


def expected(files: Sequence[bytes], keys: Keys, parts: int) -> list[list[tuple[bytes, bytes]]]:
    """For each reducer its keys in order, each with what it reads of it."""
    out: list[list[tuple[bytes, bytes]]] = [[] for _ in range(parts)]
    separator = keys.key_separator.encode()
    for data in files:
        for line in lines_of(data):
            key, value = split(line, keys)
            whole = key + keys.reducer_separator.encode() + value + b"\n"
            if keys.partition is None:
                number = java.hash_partition(key, parts)
            else:
                number = java.field_partition(key, keys.partition, separator, parts)
            out[number].append((key, whole))
    if not keys.order:
        return [sorted(part) for part in out]
    order = keys.order

    def compare(one: tuple[bytes, bytes], other: tuple[bytes, bytes]) -> int:
        return java.compare(one[0], other[0], order, separator) or 0

    return [sorted(part, key=functools.cmp_to_key(compare)) for part in out]


BYTES = st.binary(max_size=12) | st.text("ab\t\r\n\0,é\x01", max_size=30).map(str.encode)
SEPARATORS = st.sampled_from(["\t", ",", "a", "é", "\t\t", "\x01"])


@pytest.mark.slow
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
        same_but_for_the_order_of_values(data, part, keys)


def same_but_for_the_order_of_values(data: bytes, part: list[tuple[bytes, bytes]], keys: Keys) -> None:
    """data: lines by key.  part: keys in order with their lines. Keys that compare as equal may be in any order."""
    lines = re.findall(rb"[^\n]*\n", data)
    assert len(lines) == len(part)
    separator, rank = keys.key_separator.encode(), 0
    wanted, found = set[tuple[int, bytes, int]](), set[tuple[int, bytes, int]]()
    counts = Counter[tuple[int, bytes]](), Counter[tuple[int, bytes]]()
    for number, (line, (key, other)) in enumerate(zip(lines, part, strict=True)):
        before = part[number - 1][0] if number else key
        if before != key and (not keys.order or java.compare(before, key, keys.order, separator)):
            rank += 1
        for told, seen, text in zip((wanted, found), counts, (other, line), strict=True):
            seen[rank, text] += 1
            told.add((rank, text, seen[rank, text]))
    assert found == wanted


OPTIONS = ["", "-k1,1", "-k2", "-k1.2,1.3 -k2,2r", "-k3,1", "-r"]
ORDERS = st.sampled_from([*OPTIONS, "-k1,1n", "-nr"])


@given(
    lines=st.lists(st.lists(st.integers(-20, 20).map(str) | st.just(""), min_size=1, max_size=3), max_size=20),
    divided=st.none() | st.sampled_from(OPTIONS).map(key_fields.parse),
    ordered=ORDERS.map(key_fields.parse),
    fields=st.integers(1, 3),
)
def test_keys_are_divided_and_sorted_by_their_fields(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[list[str]],
    divided: tuple[key_fields.KeyField, ...] | None,
    ordered: tuple[key_fields.KeyField, ...],
    fields: int,
) -> None:
    data = "".join(",".join(words) + "\n" for words in lines).encode()
    keys = Keys(fields, ",", "\t", ",", divided, ordered)
    found = shuffled([data], keys, 3, tmp_path_factory.mktemp("shuffle"))
    for out, part in zip(found, expected([data], keys, 3), strict=True):
        same_but_for_the_order_of_values(out, part, keys)


@pytest.mark.parametrize("wrong", ["", "\n", "a\r"])
def test_separators_that_cannot_be_are_refused(wrong: str) -> None:
    for name in ("separator", "reducer_separator", "key_separator"):
        with pytest.raises(UsageError, match="the field separator"):
            Keys(**{name: wrong})  # type: ignore[arg-type]


def test_fields_of_a_key_are_separated_by_one_byte() -> None:
    with pytest.raises(UsageError, match=r"mapreduce.map.output.key.field.separator=é: must be one byte"):
        Keys(key_separator="é", order=key_fields.parse("-k2"))


def test_long_values_and_long_keys(tmp_path: Path) -> None:
    letters = [b"b", b"a\xff", b"\x00", b"a"]
    long = [key * size + b"\t" + key[:1] * more for key in letters for size in (1, 700, 1500) for more in (900, 1100)]
    long += [b"\t" + b"\xe9" * 5000, b"x" * 5000 + b"\t", b"k\t1:2"]
    longest = [b"k\t" + b"v" * 3_000_000, b"k" * 1_200_000]
    files = [b"\r\n".join(long + longest), b"\r".join(reversed(long)), b"\n".join(long) + b"\n", b""]
    for keys in (Keys(), Keys(fields=2, separator="a", reducer_separator=":::")):
        found = shuffled(files, keys, 3, tmp_path)
        for data, part in zip(found, expected(files, keys, 3), strict=True):
            same_but_for_the_order_of_values(data, part, keys)


def test_nothing_to_shuffle_writes_nothing(tmp_path: Path) -> None:
    assert shuffled([], Keys(), 2, tmp_path) == shuffled([b"", b""], Keys(), 2, tmp_path) == [b"", b""]

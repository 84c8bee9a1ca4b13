"""What a join must write, in a few lines of plain Python: two nested loops over lists."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from tests.conformance.oracle import decode, encode, lines

Row = list[str | None]
Files = Mapping[str, bytes]
Record = tuple[bytes, bytes]  # its key's text, and its line
HOWS = ("inner", "left", "right", "full", "semi", "anti")


def tsv(text: str) -> Row:
    return [decode(field) for field in text.split("\t")]


def comma(text: str) -> Row:
    return [field or None for field in next(csv.reader([text]))]


def every(*rows: Row) -> bool:
    del rows
    return True


@dataclass(frozen=True)
class Case:
    """A join, and how plain Python does it.

    options: of `fanin join`, but --how.  left, right: file name to bytes; without `right` both sides are the same folder.
    on: pairs of key columns, from 0.  widths: how many columns the sides have.  headers: the lines that are none of their rows.
    read: a line's columns.  left_types, right_types: column to how its text is written, if not as it was read.
    left_where, right_where, where: which rows and pairs are kept.  select: a pair's output columns; all if None.
    hows: the types of join that this can be.
    """

    options: list[str]
    left: Files
    right: Files | None = None
    on: tuple[tuple[int, int], ...] = ((0, 0),)
    widths: tuple[int, int] = (2, 2)
    headers: int = 1
    read: Callable[[str], Row] = tsv
    left_types: Mapping[int, Callable[[str], str]] | None = None
    right_types: Mapping[int, Callable[[str], str]] | None = None
    left_where: Callable[[Row], bool] = every
    right_where: Callable[[Row], bool] = every
    where: Callable[[Row, Row], bool] = every
    select: Callable[[Row, Row], Row] | None = None
    hows: tuple[str, ...] = HOWS

    def parts(self, how: str, number: int) -> list[list[Record]]:
        """The records of each part file, in order."""
        left = [row for row in self._rows(self.left, self.left_types) if self.left_where(row)]
        files = self.left if self.right is None else self.right
        right = [row for row in self._rows(files, self.right_types) if self.right_where(row)]
        out: list[list[Record]] = [[] for _ in range(number)]
        for one, other in pairs(how, left, right, self.on, self.widths):
            if self.where(one, other):
                keys = self._keys(how, one, other)
                text = "\t".join(map(encode, keys)).encode()
                columns = self.select(one, other) if self.select else keys + self._others(how, one, other)
                record = "\t".join(map(encode, columns)).encode() + b"\n"
                out[fields_hash(text) % number].append((text, record))
        return [sorted(part, key=lambda record: (record[0] + b"\t", record[1])) for part in out]

    def _rows(self, files: Files, types: Mapping[int, Callable[[str], str]] | None) -> Iterable[Row]:
        for data in files.values():
            for line in lines(data)[self.headers :]:
                row = self.read(line)
                for column, written in (types or {}).items():
                    text = row[column]
                    row[column] = None if text is None else written(text)
                yield row

    def _keys(self, how: str, one: Row, other: Row) -> Row:
        if how == "right":
            return [other[j] for _, j in self.on]
        return [other[j] if how == "full" and one[i] is None else one[i] for i, j in self.on]

    def _others(self, how: str, one: Row, other: Row) -> Row:
        lefts, rights = ({pair[side] for pair in self.on} for side in (0, 1))
        out = [value for number, value in enumerate(one) if number not in lefts]
        if how in ("semi", "anti"):
            return out
        return out + [value for number, value in enumerate(other) if number not in rights]


def pairs(
    how: str, left: list[Row], right: list[Row], on: tuple[tuple[int, int], ...], widths: tuple[int, int]
) -> Iterable[tuple[Row, Row]]:
    """The pairs that a join of the type `how` has, a row of nulls in place of one that is not there."""
    none_left: Row = [None] * widths[0]
    none_right: Row = [None] * widths[1]
    matched: set[int] = set()
    for one in left:
        found = [n for n, other in enumerate(right) if all(one[i] is not None and one[i] == other[j] for i, j in on)]
        matched.update(found)
        if how in ("inner", "left", "right", "full"):
            yield from ((one, right[n]) for n in found)
        if (how in ("left", "full", "anti") and not found) or (how == "semi" and found):
            yield one, none_right
    if how in ("right", "full"):
        yield from ((none_left, other) for n, other in enumerate(right) if n not in matched)


def fields_hash(key: bytes) -> int:
    """Hadoop's KeyFieldBasedPartitioner's: h = 31 * h + signed byte, in 32 bits, from 0; without the sign bit."""
    h = 0
    for byte in key:
        h = (31 * h + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
    return h & 0x7FFFFFFF


def same(found: list[bytes], expected: list[list[Record]]) -> None:
    """The part files, byte by byte."""
    assert found == [b"".join(line for _, line in part) for part in expected]


def alike(found: list[bytes], expected: list[list[Record]]) -> None:
    """The same parts, the same order of keys, and the same lines of a key, in whatever order."""
    assert len(found) == len(expected)
    for number, (data, part) in enumerate(zip(found, expected, strict=True)):
        ours = data.splitlines(keepends=True)
        assert len(ours) == len(part), f"part {number}"
        for key, records in groupby(part, key=lambda record: record[0]):
            theirs = sorted(line for _, line in records)
            assert sorted(ours[: len(theirs)]) == theirs, f"part {number}, key {key!r}"
            del ours[: len(theirs)]

"""Columns separated by a character: tab-separated as records are written, and CSV.

Without a header a column is called by its number, from 1; with one, by its name there, or by its number.
"""

import csv
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

from jobs.errors import FaninError, UsageError
from jobs.sql import literal
from jobs.text import typed
from jobs.text.blocks import Piece
from jobs.text.formats.format import Format, Head, Texts
from jobs.text.records import TAB, decoded

Any = TypeVar("Any", bound="Separated")


SAME = "same"
NUMBER = re.compile("[1-9][0-9]{0,5}")  # what columns are called by without a header


@dataclass(frozen=True)
class Separated(Format):
    """header: whether columns are called by their names: each file begins with them, or fanin wrote it, which knows them.

    null: what stands for null.  A column may also have the type `same`: a text that is the same in all lines of all files, and
    null where a header does not have it.

    numbers: of the columns, once the header is known.  head: the header's line, if there is one.  same: the values found.
    """

    header: bool = False  # type: ignore[misc]  # here it is the user's to say
    null: str = ""
    numbers: Mapping[str, int] | None = field(default=None, kw_only=True)
    head: str | None = field(default=None, kw_only=True)
    same: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.columns:
            if not self.header and self.numbers is None and not NUMBER.fullmatch(name):
                raise UsageError(
                    f"column {name!r}: without a header columns are called by their number, from 1; is there a header?"
                )

    @property
    def unbound(self) -> bool:  # type: ignore[override]
        return self.numbers is None and (self.header or SAME in self.columns.values())

    def type(self, name: str) -> typed.Type:
        if self.columns[name] != SAME:
            return super().type(name)
        value = literal(self.same.get(name, ""))
        return typed.Type(
            f"{value}, as elsewhere", "VARCHAR", lambda text: f"nullif({text}, nullif({text}, {value}))"
        )

    def bind(self: Any, heads: Sequence[Head]) -> Any:
        """Finds the columns in the header, which must be the same in all files, and the values of those that are."""
        if not heads or not self.unbound:
            return self
        numbers = self._numbers(heads) if self.header else {}
        known = self.header and heads[0].columns is not None
        bound = replace(
            self, numbers=numbers, header=self.header and not known, head=None if known else heads[0].lines[0]
        )
        return replace(
            bound, same={name: bound._same(name, heads) for name, type in self.columns.items() if type == SAME}
        )

    def number(self, name: str) -> int | None:
        """Of the column called `name`, from 1; None if there is no such column, and 1 while the header is not known."""
        if NUMBER.fullmatch(name) and name not in (self.numbers or {}):
            return int(name)
        return 1 if self.numbers is None else self.numbers.get(name)

    def _numbers(self, heads: Sequence[Head]) -> dict[str, int]:
        first, names = heads[0].name, self._names(heads[0])
        for head in heads:
            if self._names(head) != names or (head.columns is None) != (heads[0].columns is None):
                raise UsageError(
                    f"{head.name}: its columns are {', '.join(self._names(head))}, where {first} begins with {', '.join(names)}"
                )
        for name in self.columns:
            if names.count(name) > 1:
                raise UsageError(f"{first}: its header has the column {name!r} more than once; call it by its number")
            if name not in names and not NUMBER.fullmatch(name) and self.columns[name] != SAME:
                raise UsageError(f"{first}: no column {name!r} in its header, which has: {', '.join(names)}")
        return {name: names.index(name) + 1 for name in self.columns if name in names}

    def _names(self, head: Head) -> list[str]:
        return list(head.columns) if head.columns is not None else self.split(head.lines[0])

    def _same(self, name: str, heads: Sequence[Head]) -> str:
        """The value of the column `name` that all files begin with."""
        found: dict[str, str] = {}
        number = self.number(name) or 0
        for head in heads if number else []:
            for line in head.lines[self.header : self.header + 1]:
                found.setdefault("".join(self.split(line)[number - 1 : number]), head.name)
        if len(found) > 1:
            (value, file), (other, another) = list(found.items())[:2]
            raise UsageError(f"{another}: its {name!r} is {other!r}, where that of {file} is {value!r}")
        return next(iter(found), "")

    @abstractmethod
    def split(self, head: str) -> list[str]:
        """The texts in a line, such as a header."""

    def _fields(self) -> dict[str, str]:
        """SQL for the columns' own pieces of a line."""
        return {name: f"f[{number}]" if (number := self.number(name)) else "NULL::VARCHAR" for name in self.columns}

    def _lacks(self) -> dict[str, str]:
        numbers = {name: number for name in self.columns if (number := self.number(name))}
        return {name: f"CASE WHEN len(f) < {number} THEN 'there is none' END" for name, number in numbers.items()}

    def reshape(self, pieces: Iterator[Piece], name: str, start: bool, whole: bool) -> Iterator[Piece]:
        """Without the header, which is the line at byte 0 and no other."""
        del whole
        return self._headless(pieces, name) if self.header and start else pieces

    def _headless(self, pieces: Iterator[Piece], name: str) -> Iterator[Piece]:
        for piece in pieces:
            head, end, text = piece.text.partition("\n")
            if self.head not in (None, head):
                raise FaninError(
                    f"{name}: its header is {head[:200]!r}, where that of other files is {self.head!r:.200}"
                )
            if end:
                yield piece._replace(text=text, line=piece.line + 1, lines=piece.lines - 1)
            break
        yield from pieces


@dataclass(frozen=True)
class Tsv(Separated):
    """Tab-separated columns in the text that records are written in: `\\N` is null, a backslash escapes."""

    null: str = "\\N"

    kind: ClassVar[str] = "tsv"

    def split(self, head: str) -> list[str]:
        return head.split("\t")

    def texts(self) -> Texts:
        of = {name: f"CASE WHEN e THEN {decoded(piece)} ELSE {piece} END" for name, piece in self._fields().items()}
        if self.null != "\\N":
            of = {name: f"nullif({text}, {literal(self.null)})" for name, text in of.items()}
        source = f"(SELECT line, contains(line, chr(92)) AS e, string_split(line, {TAB}) AS f FROM lines)"
        return Texts(source, of, self._lacks())


@dataclass(frozen=True)
class Csv(Separated):
    """Comma-separated columns with quotes, RFC 4180: a quote inside quotes is written twice.

    A column that is `null`, and not in quotes, is null; by default the empty one.  A line end inside quotes is read as
    \\n, but on Hadoop, which cuts files there, it is refused.
    """

    delimiter: str = ","

    kind: ClassVar[str] = "csv"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n\0':
            raise UsageError(
                f"csv: {self.delimiter!r} cannot be a delimiter; it is one character, and no quote or line end"
            )

    def split(self, head: str) -> list[str]:
        try:
            return next(csv.reader([head], delimiter=self.delimiter, strict=True), [])
        except csv.Error as error:
            raise UsageError(f"csv: the header {head[:200]!r} cannot be read: {error}") from None

    def texts(self) -> Texts:
        """Lines without a quote, which are most, are split; in others each column is found with the delimiter before it."""
        comma, apart = literal(self.delimiter), re.escape(self.delimiter)
        column = f'{apart}(?:"(?:[^"]|"")*"|[^"{apart}]*)'
        fits = f"regexp_full_match({comma} || line, {literal(f'(?s)(?:{column})*')})"
        columns = f"regexp_extract_all({comma} || line, {literal(f'(?s){column}')})"
        plain = f"string_split(line, {comma})"
        quoted = f"list_transform({columns}, lambda c: substr(c, 2))"
        source = (
            f"(SELECT *, CASE WHEN NOT q THEN {plain} WHEN {fits} THEN {quoted} END AS f"
            " FROM (SELECT line, contains(line, '\"') AS q FROM lines))"
        )
        of = {}
        for name, raw in self._fields().items():
            inside = f"replace(replace(({raw})[2:-2], '\"\"', '\"'), chr(13), chr(10))"
            of[name] = (
                f"CASE WHEN q AND starts_with({raw}, '\"') THEN {inside} ELSE nullif({raw}, {literal(self.null)}) END"
            )
        broken = (
            "CASE WHEN f IS NULL THEN 'quotes that do not fit'"
            " || CASE WHEN len(regexp_extract_all(line, '\"')) % 2 = 1"
            " THEN ' (a line end inside quotes can be read with -r local, not on Hadoop)' ELSE '' END END"
        )
        return Texts(source, of, self._lacks(), broken, fatal=True)

    def reshape(self, pieces: Iterator[Piece], name: str, start: bool, whole: bool) -> Iterator[Piece]:
        """With \\r for a line end inside quotes: lines are records then."""
        return super().reshape(_unbroken(pieces, name) if whole else pieces, name, start, whole)


LIMIT = 16 << 20


def _unbroken(pieces: Iterator[Piece], name: str) -> Iterator[Piece]:
    """The pieces, cut at line ends outside of quotes only; line ends inside are \\r."""
    waiting: Piece | None = None  # it ends with a record that ends inside quotes
    for piece in pieces:
        whole = _together(waiting, piece)
        if waiting is None and '"' not in piece.text:
            yield piece
            continue
        parts = whole.text.split('"')
        if len(parts) % 2:
            yield _recut(whole, '"'.join(_protected(parts)))
            waiting = None
            continue
        cut = next((i for i in range(len(parts) - 2, -1, -2) if "\n" in parts[i]), None)
        waiting = whole
        if cut is not None:
            before, _, behind = parts[cut].rpartition("\n")
            text = '"'.join(_protected([*parts[:cut], before]))
            rest = '"'.join([behind, *parts[cut + 1 :]])
            yield _recut(whole, text)
            waiting = Piece(rest, 0, 0, 0, whole.line + text.count("\n") + text.count("\r") + 1)
        if len(waiting.text) > LIMIT:
            break
    if waiting is not None:
        raise FaninError(f"{name}:{waiting.line}: a quote is opened here and never closed")


def _recut(piece: Piece, text: str) -> Piece:
    return piece._replace(text=text, lines=text.count("\n") + 1)


def _together(first: Piece | None, second: Piece) -> Piece:
    if first is None:
        return second
    size, read, replaced = (a + b for a, b in zip(first[1:4], second[1:4], strict=True))
    return Piece(f"{first.text}\n{second.text}", size, read, replaced, first.line)


def _protected(parts: Sequence[str]) -> list[str]:
    return [part.replace("\n", "\r") if number % 2 else part for number, part in enumerate(parts)]

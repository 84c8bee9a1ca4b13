"""CSV: columns that may be quoted, and then hold line ends."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from jobs.errors import FaninError, UsageError
from jobs.sql import literal
from jobs.text.blocks import Piece
from jobs.text.formats.format import Texts
from jobs.text.formats.separated import Separated


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
        unquoted = (
            "CASE WHEN f IS NULL THEN 'quotes that do not fit'"
            " || CASE WHEN len(regexp_extract_all(line, '\"')) % 2 = 1"
            " THEN ' (a line end inside quotes can be read with -r local, not on Hadoop)' ELSE '' END END"
        )
        return self._wide(Texts(source, of, self._lacks(), fatal=unquoted, carried="line, f"))

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

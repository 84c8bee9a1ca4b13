"""Columns separated by a character, and the header that may name them.

Without a header a column is called by its number, from 1; with one, by its name there, or by its number.
"""

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from jobs.errors import FaninError, UsageError
from jobs.sql import literal
from jobs.text import typed
from jobs.text.blocks import Piece
from jobs.text.formats.format import Format, Head, Texts

Any = TypeVar("Any", bound="Separated")


SAME = "same"
NUMBER = re.compile("[1-9][0-9]{0,5}")  # what columns are called by without a header


@dataclass(frozen=True)
class Separated(Format):
    """header: whether columns are called by their names: each file begins with them, or fanin wrote it, which knows them.

    null: what stands for null.  A column may also have the type `same`: a text that is the same in all lines of all files, and
    null where a header does not have it.

    numbers: of the columns, once the header is known.  head: the header's line, if there is one.  same: the values found.
    width: how many columns each line must have, such as those of a header; None for those that are wanted.
    """

    header: bool = False  # type: ignore[misc]  # here it is the user's to say
    null: str = ""
    numbers: Mapping[str, int] | None = field(default=None, kw_only=True)
    head: str | None = field(default=None, kw_only=True)
    width: int | None = field(default=None, kw_only=True)
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
        if bound.header:  # a delimiter too many, such as a comma without quotes, would shift what stands behind it
            bound = replace(bound, width=len(self._names(heads[0])))
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

    def _wide(self, texts: Texts) -> Texts:
        """`texts`, of which a line of another width has none: `f` is null there."""
        if self.width is None:
            return texts
        source = f"(SELECT * REPLACE (CASE WHEN len(f) = {self.width} THEN f END AS f), len(f) AS width FROM {texts.source})"
        broken = f"CASE WHEN width <> {self.width} THEN 'it has ' || width || ' columns, where there should be {self.width}' END"
        fatal = texts.fatal and f"CASE WHEN width IS NULL THEN {texts.fatal} END"
        return texts._replace(source=source, broken=broken, fatal=fatal, carried=f"{texts.carried}, width")

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

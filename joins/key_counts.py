"""What counting an input's keys has found, told to people and to programs.

A key is hot if it has more than some share of all rows: with n reducers 1/n, as an even load is. Salting spreads it over
cells, each of which takes no more than that.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

WIDE = 60  # characters of a key in a table


@dataclass(frozen=True)
class Key:
    """A key, its columns as records have them, and how many rows have it."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class KeyCounts:
    """names: of the key's columns.  rows: all there are.  nulls: those with a null key.  keys: the commonest, these first."""

    names: tuple[str, ...]
    rows: int
    nulls: int
    keys: tuple[Key, ...]

    def share(self, rows: int) -> Fraction:
        """Of all rows."""
        return Fraction(rows, self.rows) if self.rows else Fraction(0)

    def hot(self, share: Fraction) -> tuple[Key, ...]:
        """The keys that have more than `share` of all rows."""
        return tuple(key for key in self.keys if self.share(key.rows) > share)

    def cells(self, key: Key, share: Fraction) -> int:
        """Over how many cells salting spreads a key, so that none has more than `share` of all rows."""
        return ceil(self.share(key.rows) / share)

    def told(self, top: int, share: Fraction) -> tuple[Key, ...]:
        """The `top` commonest keys, and all hot ones."""
        return self.keys[: max(top, len(self.hot(share)))]


def as_json(counts: KeyCounts, top: int, share: Fraction) -> str:
    """The counts as a JSON object."""
    keys = [
        {
            "key": dict(zip(counts.names, key.columns, strict=True)),
            "rows": key.rows,
            "share": float(counts.share(key.rows)),
            "cells": counts.cells(key, share),
        }
        for key in counts.told(top, share)
    ]
    told = {"rows": counts.rows, "null_keys": counts.nulls, "hot_above": float(share), "keys": keys}
    return json.dumps(told, ensure_ascii=False)


def as_table(counts: KeyCounts, top: int, share: Fraction) -> str:
    """The counts as a table, and what salting would do in plain words."""
    nulls = f"{counts.nulls:,} of them ({percent(counts.share(counts.nulls))}) have a null key, which matches nothing"
    lines = [f"{_rows(counts.rows)}; {nulls if counts.nulls else 'no key is null'}"]
    keys = counts.told(top, share)
    if keys:
        table = [[*counts.names, "rows", "share", "cells"]]
        for key in keys:
            shown = [_cut(column) for column in key.columns]
            cells = str(counts.cells(key, share))
            table.append([*shown, f"{key.rows:,}", percent(counts.share(key.rows)), cells])
        lines += ["", *_aligned(table, len(counts.names)), ""]
        lines += _salting(counts, share)
    return "\n".join(lines)


def percent(share: Fraction) -> str:
    """A share as a person reads it.

    >>> percent(Fraction(1, 3))
    '33.33%'
    """
    return f"{float(100 * share):.2f}%"


def _salting(counts: KeyCounts, share: Fraction) -> list[str]:
    hot = counts.hot(share)
    above = f"more than {percent(share)} of all rows"
    if not hot:
        return [f"No key has {above}: no reducer would be late for one key, and salting gains nothing."]
    worst = hot[0]
    times = float(counts.share(worst.rows) / share)
    cells = counts.cells(worst, share)
    has = "1 key has" if len(hot) == 1 else f"{len(hot)} keys have"
    return [
        f"{has} {above}. The reducer of {' '.join(map(_cut, worst.columns))} would get {times:.1f} times that, or more, and end last.",
        f"Salted, that key is spread over {cells} cells of about {_rows(ceil(worst.rows / cells))}.",
    ]


def _aligned(table: Sequence[Sequence[str]], texts: int) -> list[str]:
    """The lines of a table, its first columns texts, which begin alike, its others numbers, which end alike."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    ]


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _cut(text: str) -> str:
    return (text if len(text) <= WIDE else f"{text[: WIDE - 1]}…") or "''"

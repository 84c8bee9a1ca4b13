"""Rows with odd keys, as tab-separated files, and what plain Python makes of their keys."""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from tests.conformance.oracle import encode

Row = tuple[str | None, ...]

ODD = [
    None,
    "",
    "1",
    "01",
    "a",
    "a\x01",
    "a\t",
    "\t",
    "\\N",
    "\\",
    "\n",
    "\r",
    "é",
    "a\x0b",
    "a\x1cb",
    "𝄞",
    "ﬀ",
    "key",
    "b",
    "B",
]
"""Keys whose order, encoding or hash is easily got wrong."""


def rows(width: int) -> st.SearchStrategy[list[Row]]:
    """Some rows of so many columns, the texts of which come often."""
    text = st.one_of(
        st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3)
    )
    return st.lists(st.tuples(*[text] * width), max_size=30)


def write(path: Path, header: Sequence[str], rows: Sequence[Row]) -> Path:
    """A file of rows, as fanin writes records, below a header."""
    path.write_bytes("".join(f"{line(row)}\n" for row in [header, *rows]).encode())
    return path


def line(row: Sequence[str | None]) -> str:
    """A row as a record."""
    return "\t".join(map(encode, row))

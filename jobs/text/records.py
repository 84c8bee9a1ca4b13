"""Records as text: tab-separated columns, as PostgreSQL's COPY text format and ClickHouse's TSV write them.

A null is `\\N`; backslash, tab, newline and carriage return are escaped by a backslash. Two different values
never have the same text, so encoded keys group, sort and partition as the values they stand for.
"""

from jobs.sql import literal
from jobs.text import numbers
from jobs.text.values import ONE_TEXT

# Types whose text holds nothing to escape.
PLAIN = sorted((ONE_TEXT | numbers.FLOATS) - {"VARCHAR"})
ESCAPES = {"chr(92)": r"\\", "chr(9)": r"\t", "chr(10)": r"\n", "chr(13)": r"\r"}
TAB = "chr(9)"
NEWLINE = "chr(10)"


def encoded(value: str) -> str:
    """SQL that encodes `value`, of any type, as one column of a record; DuckDB decides by the type before it runs."""
    text = f"({value})::VARCHAR"
    escaped = text
    for character, escape in ESCAPES.items():
        escaped = f"replace({escaped}, {character}, '{escape}')"
    plain = f"typeof({value}) IN ({', '.join(map(literal, PLAIN))}) OR typeof({value}) LIKE 'DECIMAL(%'"
    special = " OR ".join(
        f"contains({text}, {character})" for character in ESCAPES
    )  # to look costs half of a replace()
    return rf"coalesce(CASE WHEN {plain} THEN {text} WHEN {special} THEN {escaped} ELSE {text} END, '\N')"


def decoded(text: str) -> str:
    """SQL that decodes one column of a record: the inverse of `encoded`."""
    plain = "p_"
    for character, escape in (("chr(9)", r"\t"), ("chr(10)", r"\n"), ("chr(13)", r"\r")):
        plain = f"replace({plain}, '{escape}', {character})"
    pieces = rf"list_transform(string_split({text}, '\\'), lambda p_: {plain})"  # a backslash is written as two
    escaped = rf"CASE WHEN {text} <> '\N' THEN array_to_string({pieces}, chr(92)) END"
    return f"CASE WHEN contains({text}, chr(92)) THEN {escaped} ELSE {text} END"


def joined(columns: list[str]) -> str:
    """SQL that joins encoded columns by tabs; no column at all is the empty text."""
    return f"concat_ws({TAB}, {', '.join(columns)})" if len(columns) > 1 else "".join(columns) or "''"

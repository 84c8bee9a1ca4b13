"""Lines of tab-separated columns as rows: the text that records are written in, read again."""

from collections.abc import Mapping

from jobs.errors import UsageError
from jobs.sql import identifier, literal
from jobs.text import numbers
from jobs.text.records import TAB, decoded


def tab_separated(columns: Mapping[str, int], scales: Mapping[str, int]) -> str:
    """SQL over `lines` for rows of these columns: name to number, from 1.

    A column in `scales` is a number of so many decimals, in the strict grammar of `numbers`; others are text. `\\N` is
    null. A line without such a column, or with something else for a number, is an error that shows the line.
    """
    for number in columns.values():
        if number < 1:
            raise UsageError(f"column {number}: columns count from 1")
    line = f"{literal('the line ')} || left(line, 200)"
    read = {}
    for name, number in columns.items():
        missing = f"error({literal(f'there is no column {number} in ')} || {line})"
        text = f"CASE WHEN len(f) < {number} THEN {missing} ELSE {decoded(f'f[{number}]')} END"
        read[name] = f"{text} AS {identifier(name)}"
    typed = [
        numbers.exact(identifier(name), "VARCHAR", scale=scales[name], rounding=None, name=name, group=line)
        + f" AS {identifier(name)}"
        if name in scales
        else identifier(name)
        for name in columns
    ]
    fields = f"SELECT line, string_split(line, {TAB}) AS f FROM lines"
    return f"SELECT {', '.join(typed)} FROM (SELECT line, {', '.join(read.values())} FROM ({fields}))"

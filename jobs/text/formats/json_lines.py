"""JSON Lines: one JSON object a line, https://jsonlines.org."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from jobs.sql import literal
from jobs.text.formats.format import Format, Head, Texts

EXACT = ("HUGEINT", "DECIMAL")
ROUNDED = "a number of more than 15 digits, which readers of JSON round; write it as a string"
FRACTION = (
    "a number with a fraction, of which readers of JSON keep no text; declare a number, or write it as a string"
)
PATHS = ("$.", "$[")
NO_NUMBER = "NaN and Infinity, which are no JSON; write them as strings"
LONG = r"\s*-?(?:[0-9.]{17,}|[0-9]{16,}[eE]|[0-9.]+[eE]-[0-9]{3})"  # what a DOUBLE may round, to 0 perhaps


@dataclass(frozen=True)
class JsonLines(Format):
    """A column is an object's member of that name, or what a path as $.user.id leads to; none, and null, are null.

    What is no string is read as JSON text, but a number with a fraction is no text, since 1.10 would be 1.1; and one of more
    than 15 digits is a misfit for an exact type, as JSON's readers round it. Written as strings they are neither. Of a
    name that is there twice the first member counts.
    """

    kind: ClassVar[str] = "jsonl"
    sparse: ClassVar[bool] = True

    def missing(self, heads: Sequence[Head]) -> list[str]:
        found: set[str] = set()
        for line in (line for head in heads for line in head.lines):
            with suppress(ValueError, RecursionError):  # a misfit
                found.update(value if isinstance(value := json.loads(line), dict) else ())
        return [name for name in self.columns if found and name not in found and not name.startswith(PATHS)]

    def texts(self) -> Texts:
        paths = {name: _path(name) for name in self.columns}
        list_of = ", ".join(literal(path) for path in paths.values())
        source = (
            "(SELECT line, o, CASE WHEN o THEN json_extract_string(line, "
            f"[{list_of}]) END AS f FROM (SELECT line, coalesce(json_type(CASE WHEN json_valid(line) THEN line END) = 'OBJECT', false) AS o FROM lines))"
        )
        of = {name: f"f[{number}]" for number, name in enumerate(paths, 1)}
        lacks = {name: lack for name, path in paths.items() if (lack := self._lack(name, of[name], path))}
        of |= {name: f"CASE WHEN ({lack}) IS NULL THEN {of[name]} END" for name, lack in lacks.items()}
        return Texts(source, of, lacks, "CASE WHEN NOT o THEN 'no JSON object' END", carried="line, o, f")

    def _lack(self, name: str, text: str, path: str) -> str | None:
        """SQL of why `text`, what the path leads to, is not what is written there; DuckDB has read numbers before."""
        type = self.type(name).duckdb
        if type == "DOUBLE":
            number = f"CASE json_type(line, {literal(path)}) WHEN 'DOUBLE' THEN {literal(NO_NUMBER)} END"
            return f"CASE WHEN {text} IN ('nan', 'NaN', 'inf', '-inf', 'Infinity', '-Infinity') THEN {number} END"
        if type.startswith(EXACT):
            return f"CASE WHEN {text} LIKE '%.%' THEN CASE WHEN {_rounded(path)} THEN {literal(ROUNDED)} END END"
        if type == "VARCHAR":
            number = f"CASE json_type(line, {literal(path)}) WHEN 'DOUBLE' THEN {literal(FRACTION)} END"
            return f"CASE WHEN {text} LIKE '%.%' AND {text} BETWEEN '-' AND ':' THEN {number} END"
        return None


def _path(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return name if name.startswith(PATHS) else f'$."{escaped}"'


def _rounded(path: str) -> str:
    """SQL for whether a line has a long number in a member of a path's last name, wherever that is.

    In any member or list where the name may be written with an escape, and where the path ends with none.
    """
    anywhere = f"regexp_matches(line, {literal(f'[:,[]{LONG}')})"
    last = re.search(r'\.(?:"([^"\\]*)"|([^]."\\[]*))$', path)
    if not last:
        return anywhere
    member = rf'"{re.escape(last[1] or last[2] or "")}"\s*:{LONG}'
    return f"regexp_matches(line, {literal(member)}) OR contains(line, chr(92)) AND {anywhere}"

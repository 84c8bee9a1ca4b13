"""JSON Lines: one JSON object a line, https://jsonlines.org."""

import re
from dataclasses import dataclass
from typing import ClassVar

from jobs.sql import literal
from jobs.text.formats.format import Format, Texts

EXACT = ("integer", "decimal")
ROUNDED = "a number of more than 15 digits, which readers of JSON round; write it as a string"


@dataclass(frozen=True)
class JsonLines(Format):
    """A column is an object's member of that name, or what a path as $.user.id leads to; none, and null, are null.

    What is no string is read as its JSON text. A number with a fraction of more than 15 digits is a misfit for an exact
    type, as JSON's readers round it; written as a string it is not.
    """

    kind: ClassVar[str] = "jsonl"

    def texts(self) -> Texts:
        paths = {name: name if name.startswith("$") else f'$."{_escaped(name)}"' for name in self.columns}
        list_of = ", ".join(literal(path) for path in paths.values())
        source = (
            "(SELECT line, o, CASE WHEN o THEN json_extract_string(line, "
            f"[{list_of}]) END AS f FROM (SELECT line, coalesce(json_type(CASE WHEN json_valid(line) THEN line END) = 'OBJECT', false) AS o FROM lines))"
        )
        of = {name: f"f[{number}]" for number, name in enumerate(paths, 1)}
        rounded = {
            name: f"{of[name]} LIKE '%.%' AND regexp_matches(line, {literal(_long(name))})"
            for name, type in self.columns.items()
            if type.startswith(EXACT)
        }
        of |= {name: f"CASE WHEN NOT ({long}) THEN {of[name]} END" for name, long in rounded.items()}
        lacks = {name: f"CASE WHEN {long} THEN {literal(ROUNDED)} END" for name, long in rounded.items()}
        return Texts(source, of, lacks, "CASE WHEN NOT o THEN 'no JSON object' END")


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _long(name: str) -> str:
    """A regular expression for a long number in a member of a name, wherever in a line it is."""
    member = re.findall(r'[^.\[\]"$]+', name)[-1:] or [name]
    return rf'{re.escape(member[0])}"?\s*:\s*[+-]?[0-9.]{{17,}}'

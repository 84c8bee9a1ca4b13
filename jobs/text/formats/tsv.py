"""Tab-separated columns, as fanin itself writes records."""

from dataclasses import dataclass
from typing import ClassVar

from jobs.sql import literal
from jobs.text.formats.format import Texts
from jobs.text.formats.separated import Separated
from jobs.text.records import TAB, decoded


@dataclass(frozen=True)
class Tsv(Separated):
    """Tab-separated columns in the text that records are written in: `\\N` is null, a backslash escapes."""

    null: str = "\\N"

    kind: ClassVar[str] = "tsv"

    def split(self, head: str) -> list[str]:
        return head.split("\t")

    def texts(self) -> Texts:
        plain = r"nullif({}, '\N')"  # of a type whose texts hold no backslash
        of = {
            name: decoded(piece) if self.type(name).duckdb == "VARCHAR" else plain.format(piece)
            for name, piece in self._fields().items()
        }
        if self.null != "\\N":
            of = {name: f"nullif({text}, {literal(self.null)})" for name, text in of.items()}
        source = f"(SELECT line, string_split(line, {TAB}) AS f FROM lines)"
        return self._wide(Texts(source, of, self._lacks(), carried="line, f"))

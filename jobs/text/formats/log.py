"""Access logs: the variables of a log format are the columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from jobs.sql import identifier
from jobs.text.formats.format import Format, Texts
from jobs.text.log_format import fields


@dataclass(frozen=True)
class Log(Format):
    """log_format: common, combined, or one written as nginx does; columns are those of `jobs.text.log_format.fields`.

    A line without one of them, such as the path of a request that is none, is a misfit. `-` is null, but for a text.
    """

    columns: Mapping[str, str]
    log_format: str = "combined"

    kind: ClassVar[str] = "log"

    def texts(self) -> Texts:
        of = {name: f"f.{identifier(name)}" for name in self.columns}
        absent = " OR ".join(f"{text} IS NULL" for text in of.values())
        of = {
            name: text if self.type(name).duckdb == "VARCHAR" else f"nullif({text}, '-')" for name, text in of.items()
        }
        wanted = fields(self.log_format, only=list(self.columns))
        broken = f"CASE WHEN {absent} THEN 'no line of the log format' END"
        return Texts(f"(SELECT line, unnest([{wanted}]) AS f FROM lines)", of, {}, broken, carried="line, f")

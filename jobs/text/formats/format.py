"""Input formats: lines become rows of typed columns, each value read strictly or told as a misfit.

    lines ─ texts: one a column ─ values: of the column's type ─ input: the columns, and `misfit`

`misfit` says what is wrong with a row, and is null in good ones. What a misfit does is the job's choice: it fails the
run, the value is null, or the row is left out.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

from jobs.errors import UsageError
from jobs.sql import identifier, literal
from jobs.text import times, typed
from jobs.text.blocks import Piece

MISFIT = "misfit"
OnError = Literal["fail", "null", "skip", "tell"]
AnyFormat = TypeVar("AnyFormat", bound="Format")


class Texts(NamedTuple):
    """source: SQL of rows with `line` and what texts are taken from.  of: column to SQL of its text, NULL for none.

    lacks: column to SQL of why a line has no text of it that could be read, NULL where it has.  broken: SQL of what is wrong with a line as a whole, NULL if nothing.
    fatal: the same of what fails the run whatever a job says of misfits, as a line's neighbours cannot be trusted.
    line: SQL that tells a line in an error.  carried: the columns of source that this, lacks, broken and fatal need.
    """

    source: str
    of: Mapping[str, str]
    lacks: Mapping[str, str] = {}
    broken: str = ""
    fatal: str = ""
    line: str = "'the line ' || left(line, 200)"
    carried: str = "line"


class Head(NamedTuple):
    """What is known of a file before it is read.  lines: its first two, or fewer.  columns: their names, if fanin wrote it."""

    name: str
    lines: Sequence[str]
    columns: Sequence[str] | None


@dataclass(frozen=True)
class Format(ABC):
    """columns: name to type, as `jobs.text.typed` has them.  zone: of times that do not say theirs."""

    columns: Mapping[str, str]
    zone: str = field(default="UTC", kw_only=True)

    kind: ClassVar[str]
    unbound: ClassVar[bool] = False
    """Whether something of the files must be known, so that bind() makes another format of this one."""
    header: ClassVar[bool] = False
    """Whether the first line of each file is none of its rows."""
    sparse: ClassVar[bool] = False
    """Whether a line may lack columns, which are null then."""

    def __post_init__(self) -> None:
        times.check_zone(self.zone)
        if not self.columns:
            raise UsageError(f"{self.kind}: no columns; name those that are wanted, with their types")
        seen = {MISFIT: MISFIT}
        for name in self.columns:
            if not name:
                raise UsageError(f"{self.kind}: a column without a name")
            # DuckDB does not tell capitals from small letters, of ASCII alone.
            other = seen.setdefault(name.encode().lower().decode(), name)
            if MISFIT in (name, other):
                raise UsageError(
                    f"{self.kind}: a column cannot be called {name!r}, which says what is wrong with a row"
                )
            if other != name:
                raise UsageError(f"{self.kind}: the columns {other!r} and {name!r} differ in nothing but case")
            try:
                self.type(name)
            except UsageError as error:
                raise UsageError(f"column {name!r}: {error}") from None

    def missing(self, heads: Sequence[Head]) -> list[str]:
        """The columns that none of the files' first lines has, where a line may lack some: misspelt perhaps."""
        del heads
        return []

    @abstractmethod
    def texts(self) -> Texts:
        """How a line's texts are had."""

    def type(self, name: str) -> typed.Type:
        """Of the column `name`."""
        return typed.parse(self.columns[name], self.zone)

    def view(self, on_error: OnError) -> str:
        """SQL of the view `input` over `lines`, a row for each line.  on_error: of a misfit; `tell` never fails, and tells all of a line."""
        texts = self.texts()
        types = {name: self.type(name) for name in self.columns}
        text = {name: identifier(f"text {name}") for name in types}
        value = {name: identifier(f"value {name}") for name in types}
        taken = [f"{texts.of[name]} AS {text[name]}" for name in types]
        source = f"(SELECT {texts.carried}, {', '.join(taken)} FROM {texts.source})"
        read = ", ".join(f"{type.read(text[name])} AS {value[name]}" for name, type in types.items())
        source = f"(SELECT *, {read} FROM {source})"

        line = f"', in ' || {texts.line}"
        fatal, broken = (
            f"WHEN ({why}) IS NOT NULL THEN ({why}) || {line}" if why else "" for why in (texts.fatal, texts.broken)
        )
        if on_error == "tell":
            fatal, broken = "", f"{fatal} {broken}"
        misfit = {
            name: f"WHEN {value[name]} IS NULL AND {text[name]} IS NOT NULL THEN {literal(f'column {name!r}: ')}"
            f" || left({text[name]}::VARCHAR, 100) || {literal(f' is not {type.what}')} || {line}"
            for name, type in types.items()
        }
        for name, why in texts.lacks.items():
            misfit[name] += f" WHEN ({why}) IS NOT NULL THEN {literal(f'column {name!r}: ')} || ({why}) || {line}"
        fails = dict.fromkeys(types, fatal)
        if on_error == "fail":
            fails = {name: f"{fatal} {broken} {misfit[name]}" for name in types}
        columns = [
            f"CASE WHEN {value[name]} IS NOT NULL THEN {value[name]} ELSE error(CASE {why} END) END AS {identifier(name)}"
            if why else f"{value[name]} AS {identifier(name)}"
            for name, why in fails.items()
        ]  # fmt: skip
        if fatal:
            broken = f"WHEN ({texts.fatal}) IS NOT NULL THEN error(({texts.fatal}) || {line}) {broken}"
        told = "NULL::VARCHAR" if on_error == "fail" else f"CASE {broken} {' '.join(misfit.values())} END"
        if on_error == "tell":
            told = f"concat_ws(chr(10), {', '.join(f'CASE {broken} {why} END' for why in misfit.values())})"
        return f"SELECT {', '.join(columns)}, {told} AS {MISFIT} FROM {source}"

    def bind(self: AnyFormat, heads: Sequence[Head]) -> AnyFormat:
        """This format, with what is to be known of the files that will be read: that of all those that are not empty."""
        del heads
        return self

    def reshape(self, pieces: Iterator[Piece], name: str, start: bool, whole: bool) -> Iterator[Piece]:
        """Blocks of lines of the file `name` as blocks of records.  start: they begin at its byte 0.  whole: none are elsewhere."""
        del name, start, whole
        return pieces

    def to_json(self) -> dict[str, Any]:
        return {"format": self.kind, **asdict(self)}

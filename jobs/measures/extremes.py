"""The least and the greatest value of a column, and the values at the ends of an order."""

from dataclasses import dataclass
from typing import ClassVar

from jobs.errors import UsageError
from jobs.measures.measure import Measure, Rows, State
from jobs.sql import identifier
from jobs.text import numbers
from jobs.text.values import ONE_TEXT

ORDERED = {*ONE_TEXT, "TIMESTAMP WITH TIME ZONE"}


@dataclass(frozen=True)
class _Extreme(Measure):
    column: str
    which: ClassVar[str]

    def partial(self, rows: Rows) -> dict[str, str]:
        return {"value": f"{self.which}({comparable(self.column, rows.type_of(self.column), type(self).__name__)})"}

    def merge(self, state: State) -> dict[str, str]:
        return {"value": f"{self.which}({state['value']})"}

    def final(self, state: State) -> str:
        return state["value"]


@dataclass(frozen=True)
class Min(_Extreme):
    """The least value of a column, text by its bytes; nulls are left out. Of floats -0.0 is 0.0, and NaN the greatest."""

    which: ClassVar[str] = "min"


@dataclass(frozen=True)
class Max(_Extreme):
    """The greatest value of a column, text by its bytes; nulls are left out. Of floats -0.0 is 0.0, and NaN the greatest."""

    which: ClassVar[str] = "max"


@dataclass(frozen=True)
class Span(Measure):
    """The greatest value of a column less the least: of numbers; of times in seconds, to the microsecond."""

    column: str

    def partial(self, rows: Rows) -> dict[str, str]:
        type = rows.type_of(self.column)
        if type not in (*numbers.INTEGERS, "TIMESTAMP") and not type.startswith("DECIMAL("):
            raise UsageError(f"Span: the column {self.column!r} is {type}, neither an exact number nor a TIMESTAMP")
        value = identifier(self.column)
        if type in numbers.INTEGERS:
            value = f"{value}::HUGEINT"  # which holds the difference, too
        ends = {"least": f"min({value})", "greatest": f"max({value})"}
        if type == "TIMESTAMP":
            ends = {name: numbers.decimal(f"epoch_us({end})", 6) for name, end in ends.items()}
        return ends

    def merge(self, state: State) -> dict[str, str]:
        return {"least": f"min({state['least']})", "greatest": f"max({state['greatest']})"}

    def final(self, state: State) -> str:
        return f"{state['greatest']} - {state['least']}"


@dataclass(frozen=True)
class _End(Measure):
    column: str
    by: str
    which: ClassVar[str]

    def partial(self, rows: Rows) -> dict[str, str]:
        name = type(self).__name__
        value = comparable(self.column, rows.type_of(self.column), name)
        return self._ends(comparable(self.by, rows.type_of(self.by), name), value)

    def merge(self, state: State) -> dict[str, str]:
        return self._ends(state["by"], state["value"])

    def final(self, state: State) -> str:
        return state["value"]

    def _ends(self, by: str, value: str) -> dict[str, str]:
        end = f"{self.which}({{'by': {by}, 'value': {value}}}) FILTER ({by} IS NOT NULL AND {value} IS NOT NULL)"
        return {"by": f"({end}).by", "value": f"({end}).value"}


@dataclass(frozen=True)
class First(_End):
    """The value of `column` in the row where `by` is least; the least value where several rows tie there.

    Rows in which either is null are left out.
    """

    which: ClassVar[str] = "min"


@dataclass(frozen=True)
class Last(_End):
    """The value of `column` in the row where `by` is greatest; the greatest value where several rows tie there.

    Rows in which either is null are left out.
    """

    which: ClassVar[str] = "max"


def comparable(column: str, type: str, measure: str) -> str:
    """SQL for a value whose equals are written the same and whose order is that of its kind."""
    name = identifier(column)
    if type in numbers.FLOATS:
        return f"CASE WHEN isnan({name}) THEN 'nan'::{type} ELSE {name} + 0 END"  # one NaN, and -0.0 + 0 is 0.0
    if type in ORDERED or type.startswith("DECIMAL("):
        return name
    raise UsageError(f"{measure}: the column {column!r} is {type}, whose values have no one order; cast it in rows")

"""Measures: what is computed for each group, as a commutative monoid of exact partial results.

A measure says three things in SQL, and nothing of where they run:

- `partial`: aggregates over rows, one for each column of its state;
- `merge`: aggregates over states, which make one state of many, any number of times and in any order;
- `final`: a scalar expression over one merged state, the value that is written.

A state column that is NULL is the identity: merging it changes nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Literal

from jobs.errors import UsageError
from jobs.sql import identifier
from jobs.text import numbers


@dataclass(frozen=True)
class Rows:
    """What a measure may know of the rows it reads.

    types: column name to DuckDB type.  group: SQL text expression that names the row's group, for errors.
    """

    types: Mapping[str, str]
    group: str

    def type_of(self, column: str) -> str:
        """The type of `column`; a column that `rows` does not yield is refused, with those it does."""
        if column not in self.types:
            raise UsageError(f"no column {column!r} in rows, which yields: {', '.join(self.types)}")
        return self.types[column]


State = Mapping[str, str]
"""State column name to its quoted SQL name."""


class Measure(ABC):
    """The protocol of all measures. Subclasses are frozen dataclasses of JSON values."""

    @abstractmethod
    def partial(self, rows: Rows) -> dict[str, str]:
        """State column name to the aggregate over rows that makes it."""

    @abstractmethod
    def merge(self, state: State) -> dict[str, str]:
        """State column name to the aggregate over states that merges it."""

    @abstractmethod
    def final(self, state: State) -> str:
        """The value of one merged state."""


@dataclass(frozen=True)
class Count(Measure):
    """How many rows a group has. State: n, an exact integer."""

    def partial(self, rows: Rows) -> dict[str, str]:  # noqa: ARG002  (the protocol's signature)
        return {"n": "count(*)::HUGEINT"}

    def merge(self, state: State) -> dict[str, str]:
        return {"n": f"sum({state['n']})"}

    def final(self, state: State) -> str:
        return f"coalesce({state['n']}, 0)"


@dataclass(frozen=True)
class Sum(Measure):
    """The exact sum of a column; nulls are left out, and a group without a value sums to null, as in SQL.

    column: a number column of `rows`, or text in the strict grammar of `jobs.text.numbers`.
    scale: decimals kept, 0 to 27; a value with more is refused, never rounded.
    rounding: how a floating-point value becomes exact, value by value; without it floats are refused.
    """

    column: str
    scale: int = 0
    rounding: Literal["half_even"] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.scale < numbers.DIGITS:
            raise UsageError(f"Sum({self.column!r}): scale is {self.scale}, must be 0 to {numbers.DIGITS - 1}")
        if self.rounding not in (None, "half_even"):
            raise UsageError(f"Sum({self.column!r}): rounding is {self.rounding!r}, must be 'half_even'")

    def partial(self, rows: Rows) -> dict[str, str]:
        exact = numbers.exact(
            identifier(self.column),
            rows.type_of(self.column),
            scale=self.scale,
            rounding=self.rounding,
            name=f"Sum({self.column!r}, scale={self.scale})",
            group=rows.group,
        )
        return {"sum": f"sum({exact})"}

    def merge(self, state: State) -> dict[str, str]:
        return {"sum": f"sum({state['sum']})"}

    def final(self, state: State) -> str:
        return state["sum"]


def to_json(measure: Measure) -> dict[str, Any]:
    """A measure as JSON values: its class, by module and name, and its fields."""
    kind = type(measure)
    return {"measure": f"{kind.__module__}:{kind.__qualname__}", **asdict(measure)}  # type: ignore[call-overload]


def from_json(value: Mapping[str, Any]) -> Measure:
    """The measure that `to_json` wrote; anything that names no Measure class is refused."""
    fields = dict(value)
    module, _, name = str(fields.pop("measure", "")).partition(":")
    kind = getattr(import_module(module), name, None) if module and name else None
    if not (isinstance(kind, type) and issubclass(kind, Measure)):
        raise UsageError(f"{value.get('measure')!r} is no measure class")
    return kind(**fields)

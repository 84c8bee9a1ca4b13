"""The protocol of measures: what is computed for each group, as a commutative monoid of partial results.

A measure says in SQL, and without a word of where it runs:

- `within`: what else tells its states apart inside a group; for most measures nothing, so a group has one state;
- `partial`: aggregates over rows, one for each column of a state;
- `merge`: aggregates over states, which make one of many, any number of times and in any order;
- `final`: the value that is written: of the one merged state, or, with `within`, an aggregate over all of a group's.
  It may name the group, in an error, as the column `key`.

A state column that is NULL is the identity: merging it changes nothing, and `final` sees NULL in other measures' states.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any, ClassVar

from jobs.errors import UsageError
from jobs.sql import identifier


@dataclass(frozen=True)
class Rows:
    """What a measure may know of the rows it reads.

    types: column name to DuckDB type.  group: SQL text expression that names the row's group, for errors.
    computed: quoted column name to the SQL that measures have asked for, to be computed once a row, in this order.
    """

    types: Mapping[str, str]
    group: str
    computed: dict[str, str] = field(default_factory=dict)

    def once(self, sql: str) -> str:
        """The name of a column that holds `sql`, of columns and of what was computed before, however often it is used."""
        names = {told: name for name, told in self.computed.items()}
        name = names.get(sql) or identifier(f"computed {len(names)}")
        self.computed[name] = sql
        return name

    def type_of(self, column: str) -> str:
        """The type of `column`; a column that `rows` does not yield is refused, with those it does."""
        if column not in self.types:
            raise UsageError(f"no column {column!r} in rows, which yields: {', '.join(self.types)}")
        return self.types[column]


class State(Mapping[str, str]):
    """State column name to its quoted SQL name; a step's name, too, which is not among those that are iterated."""

    def __init__(self, measure: str, columns: Iterable[str] = ()) -> None:
        self._measure, self._columns = measure, list(columns)

    def __getitem__(self, name: str) -> str:
        return identifier(f"{self._measure}.{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class Measure(ABC):
    """The protocol of all measures. Subclasses are frozen dataclasses of JSON values."""

    exact: ClassVar[bool] = True
    """Whether the value is exact. One that is not is as much the same on every engine, and for every way to split and merge."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The output's columns, if a group has a record for each of its states; they come in the order of the step `order`.

        `final` is then a STRUCT of them, of one state; window functions over `one_group` see the others.
        """
        return ()

    def within(self, rows: Rows) -> dict[str, str]:
        """Name to SQL expression over rows, of what tells this measure's states apart inside a group."""
        del rows
        return {}

    @abstractmethod
    def partial(self, rows: Rows) -> dict[str, str]:
        """State column name to the aggregate over rows that makes it."""

    @abstractmethod
    def merge(self, state: State) -> dict[str, str]:
        """State column name to the aggregate over states that merges it.  state: those of `within`, too."""

    def steps(self, state: State) -> dict[str, str]:
        """Step name to SQL of the merged state and of the steps before it: what `final` uses and would compute anew."""
        del state
        return {}

    def at_once(self) -> "Measure":
        """The measure that costs least where all rows of a group are seen together: its states are final, and never merged."""
        return self

    @abstractmethod
    def final(self, state: State) -> str:
        """The value of a group: of its one merged state, or an aggregate over its states if `within` tells several."""


def to_json(measure: Measure) -> dict[str, Any]:
    """A measure as JSON values: its class, by module and name, and its fields."""
    kind = type(measure)
    return {"measure": f"{kind.__module__}:{kind.__qualname__}", **asdict(measure)}  # type: ignore[call-overload]


def from_json(value: Mapping[str, Any]) -> Measure:
    """The measure that `to_json` wrote; anything that names no Measure class of ours is refused, and nothing else imported."""
    fields = dict(value)
    module, _, name = str(fields.pop("measure", "")).partition(":")
    kind = getattr(import_module(module), name, None) if module.startswith("jobs.measures.") and name else None
    if not (isinstance(kind, type) and issubclass(kind, Measure)):
        raise UsageError(f"{value.get('measure')!r} is no measure class")
    return kind(**fields)

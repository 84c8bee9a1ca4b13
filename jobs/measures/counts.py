"""How many: rows, and distinct values."""

from dataclasses import dataclass

from jobs.measures.measure import Measure, Rows, State
from jobs.text.values import canonical


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
class CountDistinct(Measure):
    """How many distinct values a column has in a group, exactly; nulls are left out, as in SQL.

    A state for each value: a group of ten million values costs ten million lines in a shuffle, and no list in memory.
    Values are the same when they are written the same.
    """

    column: str

    def within(self, rows: Rows) -> dict[str, str]:
        return {"value": canonical(self.column, rows.type_of(self.column))}

    def partial(self, rows: Rows) -> dict[str, str]:  # noqa: ARG002
        return {}

    def merge(self, state: State) -> dict[str, str]:  # noqa: ARG002
        return {}

    def final(self, state: State) -> str:
        return f"count({state['value']})"

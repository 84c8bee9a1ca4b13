"""All values of a group, one behind the other."""

from dataclasses import dataclass

from jobs.measures.extremes import comparable
from jobs.measures.measure import Measure, Rows, State


@dataclass(frozen=True)
class InOrder(Measure):
    """The values of `column` as a JSON array, in the order of `by`, and of the values where that ties; nulls are left out.

    Numbers have all their digits; what JSON has no number for, nan and inf, is told as text.

    A state for each row: nothing is gained before the shuffle. A group's values are in memory while they are written.
    """

    column: str
    by: str

    def within(self, rows: Rows) -> dict[str, str]:
        name = type(self).__name__
        return {
            "by": comparable(self.by, rows.type_of(self.by), name),
            "value": comparable(self.column, rows.type_of(self.column), name),
        }

    def partial(self, rows: Rows) -> dict[str, str]:  # noqa: ARG002  (the protocol's signature)
        return {"n": "count(*)::HUGEINT"}

    def merge(self, state: State) -> dict[str, str]:
        return {"n": f"sum({state['n']})"}

    def final(self, state: State) -> str:
        by, value, n = state["by"], state["value"], state["n"]
        several = f"list(list_resize([{value}], {n}::BIGINT, {value}) ORDER BY {by}, {value})"
        return _json(f"flatten({several} FILTER ({value} IS NOT NULL AND {n} > 0))")

    def at_once(self) -> Measure:
        return _AtOnce(self.column, self.by)


class _AtOnce(InOrder):
    """The same, where a group's one state may be the list of all its values."""

    def within(self, rows: Rows) -> dict[str, str]:
        del rows
        return {}

    def partial(self, rows: Rows) -> dict[str, str]:
        by, value = super().within(rows).values()
        return {"values": f"list({value} ORDER BY {by}, {value}) FILTER ({value} IS NOT NULL)"}

    def merge(self, state: State) -> dict[str, str]:
        raise AssertionError(f"{state}: the state of a whole group is never merged")

    def final(self, state: State) -> str:
        return _json(state["values"])


def _json(values: str) -> str:
    number = "CASE WHEN v::VARCHAR IN ('nan', 'inf', '-inf') THEN to_json(v::VARCHAR) ELSE to_json(v) END"
    return (
        f"'[' || coalesce(array_to_string(list_transform({values}, lambda v: ({number})::VARCHAR), ','), '') || ']'"
    )

"""Exact totals of columns, for each key.

    fanin run sums INPUT... -o OUT --key 1 --value 2 [--value 3] [--scale 2]

Input is tab-separated, as fanin writes it; columns count from 1. Output is the keys, then the totals: `Seattle<TAB>4025000`.
Nulls (`\\N`) are left out. Held in memory: the distinct keys, then spilled to disk.
"""

from collections.abc import Mapping, Sequence

from jobs import AggregateJob, Measure, Sum
from jobs.text.columns import tab_separated


class Sums(AggregateJob):
    """Exact totals of columns, for each key."""

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        add("--key", type=int, action="append", default=[], metavar="N", help="a key column; none: one total of all")
        add("--value", type=int, action="append", default=[], metavar="N", help="a column of numbers to add")
        add("--scale", type=int, default=0, metavar="N", help="decimals of the numbers; more are refused (default 0)")

    @property
    def rows(self) -> str:  # type: ignore[override]
        numbers = dict.fromkeys((f"value {n}" for n in self.options.value), self.options.scale)
        columns = {f"key {n}": n for n in self.options.key} | {f"value {n}": n for n in self.options.value}
        return tab_separated(columns, numbers)

    @property
    def group_by(self) -> Sequence[str]:  # type: ignore[override]
        return [f"key {n}" for n in self.options.key]

    @property
    def measures(self) -> Mapping[str, Measure]:  # type: ignore[override]
        return {f"sum {n}": Sum(f"value {n}", scale=self.options.scale) for n in self.options.value}


if __name__ == "__main__":
    Sums.run()

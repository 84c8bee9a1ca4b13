"""Exact totals of columns, for each key.

    fanin run sums INPUT... -o OUT --key city --value population [--value area] [--scale 2]

Columns are called by name, where there is a header, or by number, from 1. Output is the keys, then the totals:
`Seattle<TAB>4025000`; nulls are left out. Held in memory: the distinct keys, then spilled to disk.
"""

from collections.abc import Mapping, Sequence

from jobs import Measure, Sum
from jobs.tabular import TabularJob, number


class Sums(TabularJob):
    """Exact totals of columns, for each key."""

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        add("--key", action="append", default=[], metavar="COLUMN", help="a column of keys; none: one group of all")
        add("--value", action="append", default=[], metavar="COLUMN", help="a column of numbers")
        add("--scale", type=int, default=0, metavar="N", help="decimals of the numbers; more are refused (default 0)")

    def columns(self) -> Mapping[str, str]:
        return dict.fromkeys(self.options.key, "text") | dict.fromkeys(self.options.value, number(self.options.scale))

    @property
    def group_by(self) -> Sequence[str]:  # type: ignore[override]
        return self.options.key  # type: ignore[no-any-return]

    @property
    def measures(self) -> Mapping[str, Measure]:  # type: ignore[override]
        return {f"sum {name}": Sum(name, self.options.scale) for name in self.options.value}


if __name__ == "__main__":
    Sums.run()

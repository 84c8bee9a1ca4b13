"""Weighted histograms of a column, for each key.

    fanin run histogram INPUT... -o OUT --value delay --bins equal:-60:180:24 [--key carrier] [--weight seats] [--scale 0]
    fanin run histogram --merge INPUT... -o OUT --value kids --share share --population inhabitants [--key country]

Bins are equal:LOW:HIGH:N, log:LOW:HIGH:N, edges:E0,E1,..., categories or categories:A,B,...; they are half open, and those that are
empty are left out. Output is the keys, then what `jobs.measures.WeightedHistogram` says. With --merge the input is distributions, such as this
job's own outputs: each line tells the share or the count of a bin, and shares are weighted by their population; bins with different
edges (column `edges`) are refused. Held in memory: the distinct keys and bins, then spilled to disk.
"""

from collections.abc import Mapping, Sequence

from jobs import Measure, WeightedHistogram
from jobs.errors import UsageError
from jobs.sql import identifier
from jobs.tabular import TabularJob, number


class Histogram(TabularJob):
    """Weighted histograms of a column, for each key."""

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        add("--key", action="append", default=[], metavar="COLUMN", help="a column of keys; none: one histogram")
        add("--value", metavar="COLUMN", help="whose values fall into the bins; with --merge, the bins")
        add(
            "--bins",
            default="categories",
            help="equal:LOW:HIGH:N, log:LOW:HIGH:N, edges:E0,E1,... (default categories)",
        )
        add("--float", action="store_true", help="values are floating-point numbers, with exponents and nan")
        add("--weight", metavar="COLUMN", help="what a row weighs (default 1)")
        add("--scale", type=int, default=0, metavar="N", help="decimals of the weights, or shares (default 0)")
        add("--merge", action="store_true", help="lines are bins of other histograms, which become one")
        add("--share", metavar="COLUMN", help="with --merge: a bin's share of its population, in any unit")
        add("--population", metavar="COLUMN", help="with --share: how much all of it weighs, a whole number")
        add("--count", metavar="COLUMN", help="with --merge: how much is in a bin, in place of a share")
        add("--edges", metavar="COLUMN", help="with --merge: the digest of edges (default edges, if there is one)")

    def columns(self) -> Mapping[str, str]:
        o = self.options
        if not o.value:
            raise UsageError("histogram: give --value, the column whose values fall into the bins")
        if o.merge and (bool(o.count) == bool(o.share) or bool(o.share) != bool(o.population)):
            raise UsageError("histogram --merge: give --count, or --share and --population")
        text = o.merge or o.bins.startswith("categories")
        columns = dict.fromkeys(o.key, "text") | {o.value: "float" if o.float else "text" if text else "decimal(9)"}
        weights = [o.count, o.share] if o.merge else [o.weight]
        columns |= {name: number(o.scale) for name in weights if name}
        if o.merge:
            columns |= {name: type for name, type in ((o.population, "integer"), (self._edges, "same")) if name}
        return columns

    @property
    def _edges(self) -> str | None:
        named = not all(name.isdecimal() for name in (*self.options.key, self.options.value))
        return self.options.edges or ("edges" if named and self.format in ("tsv", "csv") else None)

    @property
    def rows(self) -> str:  # type: ignore[override]
        o = self.options
        if not (o.merge and o.share):
            return ""
        share, population = (
            f"{identifier(o.share)}::DECIMAL(18, {o.scale})",
            f"{identifier(o.population)}::DECIMAL(18, 0)",
        )
        return f'SELECT *, {share} * {population} AS "weight of a bin" FROM input'

    @property
    def group_by(self) -> Sequence[str]:  # type: ignore[override]
        return self.options.key  # type: ignore[no-any-return]

    @property
    def measures(self) -> Mapping[str, Measure]:  # type: ignore[override]
        o = self.options
        if not o.merge:
            return {"histogram": WeightedHistogram(o.value, o.weight, o.bins, o.scale)}
        weight = o.count or "weight of a bin"
        return {"histogram": WeightedHistogram(o.value, weight, scale=o.scale, merged=True, edges=self._edges)}


if __name__ == "__main__":
    Histogram.run()

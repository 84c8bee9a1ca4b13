"""Rows, sum, mean, least, greatest and standard deviation of columns, for each key.

    fanin run group_stats INPUT... -o OUT --key 1 --value 2 [--value 3] [--scale 2]

Input is tab-separated, as fanin writes it; columns count from 1. Output is the keys, the number of rows, then for each value
column its sum, mean, least, greatest and the sample's standard deviation, means and deviations rounded to four decimals
more than `--scale`; nulls (`\\N`) are left out. Held in memory: the distinct keys, then spilled to disk.
"""

from collections.abc import Mapping

from jobs import Count, Max, Mean, Measure, Min, StdDev, Sum
from jobs.sums import Sums


class GroupStats(Sums):
    """Rows, sum, mean, least, greatest and standard deviation of columns, for each key."""

    @property
    def measures(self) -> Mapping[str, Measure]:  # type: ignore[override]
        scale, decimals = self.options.scale, self.options.scale + 4
        found: dict[str, Measure] = {"rows": Count()}
        for n in self.options.value:
            column = f"value {n}"
            found |= {
                f"sum {n}": Sum(column, scale),
                f"mean {n}": Mean(column, scale, decimals=decimals),
                f"least {n}": Min(column),
                f"greatest {n}": Max(column),
                f"deviation {n}": StdDev(column, scale, decimals=decimals),
            }
        return found


if __name__ == "__main__":
    GroupStats.run()

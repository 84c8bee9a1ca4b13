"""Rows, sum, mean, least, greatest and standard deviation of columns, for each key.

    fanin run group_stats INPUT... -o OUT --key city --value population [--scale 2]

Columns are called by name, where there is a header, or by number, from 1. Output is the keys, the number of rows, then for
each value column its sum, mean, least, greatest and the sample's standard deviation, means and deviations rounded to four
decimals more than `--scale`; nulls are left out. Held in memory: the distinct keys, then spilled to disk.
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
        for name in self.options.value:
            found |= {
                f"sum {name}": Sum(name, scale),
                f"mean {name}": Mean(name, scale, decimals=decimals),
                f"least {name}": Min(name),
                f"greatest {name}": Max(name),
                f"deviation {name}": StdDev(name, scale, decimals=decimals),
            }
        return found


if __name__ == "__main__":
    GroupStats.run()

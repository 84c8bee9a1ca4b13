"""Rows, and exact totals of columns, in windows of time, for each key.

    fanin run windows INPUT... -o OUT --time at --size 1h [--slide 10m] [--key user] [--value bytes] [--time-zone Europe/Berlin]
    fanin run windows INPUT... -o OUT --time at --gap 30m --key user

Windows are fixed, sliding, or, with a gap, sessions. Times are ISO 8601, or as `--time-type` says. Output is the keys, the window's
start and end, the number of rows, then the totals; a window without rows is left out. Held in memory: the distinct keys and
windows, of sessions also the rows' times, then spilled to disk.
"""

from collections.abc import Mapping

from jobs import Count, Measure, Session, Sliding
from jobs.errors import UsageError
from jobs.event_time import Window
from jobs.sums import Sums
from jobs.text.times import duration


class Windows(Sums):
    """Rows, and exact totals of columns, in windows of time, for each key."""

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        add("--time", metavar="COLUMN", help="the column of times")
        add(
            "--time-type",
            default="time",
            help="time, time(s), time(ms), time(us), time(log) (default time: ISO 8601)",
        )
        add("--size", metavar="DURATION", help="of a window, as 90s, 10m, 1h or 1d")
        add("--slide", metavar="DURATION", help="from one window's start to the next one's (default its size)")
        add("--gap", metavar="DURATION", help="sessions instead: a longer pause begins a new one")

    def columns(self) -> Mapping[str, str]:
        if not self.options.time:
            raise UsageError("windows: give --time, the column of times")
        return {**super().columns(), self.options.time: self.options.time_type}

    @property
    def window(self) -> Window:  # type: ignore[override]
        time, zone = self.options.time, self.options.time_zone
        size, slide, gap = self.options.size, self.options.slide, self.options.gap
        if bool(size) == bool(gap) or (slide and gap):
            raise UsageError("windows: give --size, perhaps with --slide, or --gap for sessions")
        if gap:
            return Session(time, duration(gap), zone=zone)
        return Sliding(time, duration(size), duration(slide or size), zone=zone)

    @property
    def measures(self) -> Mapping[str, Measure]:  # type: ignore[override]
        return {"rows": Count(), **super().measures}


if __name__ == "__main__":
    Windows.run()

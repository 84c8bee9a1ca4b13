"""The sessions of each user: when, how many clicks, how long, and the path through the pages.

    fanin run sessions access.log -o OUT [--format combined] [--key remote_addr] [--page uri] [--gap 30m]

Input is an access log in the combined format, or any format with a column of users, of times and of pages; lines that do not fit it are left out, and
counted. Output is the user, the session's start and its end, `--gap` behind its last click, clicks, seconds from the first
to the last, and the pages as a JSON array. Held in memory: the clicks' times and pages, then spilled to disk.
"""

from collections.abc import Mapping, Sequence

from jobs import Count, InOrder, Session, Span
from jobs.tabular import TabularJob
from jobs.text.times import duration


class Sessions(TabularJob):
    """The sessions of each user: when, how many clicks, how long, and the path through the pages."""

    on_error = "skip"
    unnamed = "combined"

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        add("--key", default="remote_addr", metavar="COLUMN", help="who clicks (default remote_addr)")
        add("--time", default="time_local", metavar="COLUMN", help="when (default time_local)")
        add(
            "--time-type",
            default="time(log)",
            help="time, time(s), time(ms), time(us), time(log) (default time(log))",
        )
        add("--page", default="uri", metavar="COLUMN", help="what is clicked (default uri)")
        add("--gap", default="30m", metavar="DURATION", help="a longer pause begins a new session (default 30m)")

    def columns(self) -> Mapping[str, str]:
        options = self.options
        return {options.key: "text", options.page: "text", options.time: options.time_type}

    @property
    def group_by(self) -> Sequence[str]:  # type: ignore[override]
        return [self.options.key]

    @property
    def window(self) -> Session:  # type: ignore[override]
        return Session(self.options.time, duration(self.options.gap), zone=self.options.time_zone)

    @property
    def measures(self) -> Mapping[str, Count | Span | InOrder]:  # type: ignore[override]
        time = self.options.time
        return {"clicks": Count(), "seconds": Span(time), "path": InOrder(self.options.page, by=time)}


if __name__ == "__main__":
    Sessions.run()

"""The most popular pages of access logs.

    fanin run top_pages access.log -o OUT [-n 5] [--by uri] [--format combined]

Input is an access log in the format `common`, `combined` or one written as nginx's log_format; lines that do not
fit it are left out, and counted. Output is `page<TAB>count`, the most popular first, ties by the page's bytes. Held in
memory: the distinct pages, then spilled to disk.
"""

from collections.abc import Sequence

from jobs import AggregateJob, Count, Log, TopK


class TopPages(AggregateJob):
    """The most popular pages of access logs."""

    measures = {"count": Count()}
    on_error = "skip"

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        add("--format", default="combined", help="common, combined, or an nginx log_format (default combined)")
        add("--by", default="uri", metavar="FIELD", help="what is counted: a variable of the format, or method, uri,"
            " path (uri without its query) or protocol of its $request (default uri)")  # fmt: skip
        add("-n", type=int, default=5, metavar="N", help="how many pages (default 5)")

    @property
    def input(self) -> Log:  # type: ignore[override]
        return Log({self.options.by: "text"}, self.options.format)

    @property
    def group_by(self) -> Sequence[str]:  # type: ignore[override]
        return [self.options.by]

    @property
    def then(self) -> TopK:  # type: ignore[override]
        return TopK("count", self.options.n)


if __name__ == "__main__":
    TopPages.run()

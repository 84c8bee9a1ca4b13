"""The most popular pages of access logs.

    fanin run top_pages access.log -o OUT [-n 5] [--by uri] [--format combined]

Input is an access log in the format `common`, `combined` or one written as nginx's log_format; lines that do not
fit it are bad rows. Output is `page<TAB>count`, the most popular first, ties by the page's bytes. Held in memory: the distinct pages,
then spilled to disk.
"""

from jobs import AggregateJob, Count, TopK
from jobs.sql import identifier
from jobs.text.log_format import fields


class TopPages(AggregateJob):
    """The most popular pages of access logs."""

    group_by = ["page"]
    measures = {"count": Count()}
    bad = "misfit"

    def configure_args(self) -> None:
        super().configure_args()
        add = self.add_passthru_arg
        add("--format", default="combined", help="common, combined, or an nginx log_format (default combined)")
        add("--by", default="uri", metavar="FIELD", help="what is counted: a variable of the format, or method, uri,"
            " path (uri without its query) or protocol of its $request (default uri)")  # fmt: skip
        add("-n", type=int, default=5, metavar="N", help="how many pages (default 5)")

    @property
    def rows(self) -> str:  # type: ignore[override]
        page = f"f.{identifier(self.options.by)}"
        parsed = f"SELECT line, unnest([{fields(self.options.format, only=[self.options.by])}]) AS f FROM lines"
        return f"SELECT {page} AS page, CASE WHEN {page} IS NULL THEN line END AS misfit FROM ({parsed})"

    @property
    def then(self) -> TopK:  # type: ignore[override]
        return TopK("count", self.options.n)


if __name__ == "__main__":
    TopPages.run()

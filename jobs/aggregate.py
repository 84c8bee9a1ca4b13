"""AggregateJob: an mrjob job class that only declares. Its Plan says it all; an engine runs the Plan."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.bad_rows import check_limit
from jobs.engines import local
from jobs.engines.runner import LocalRunner
from jobs.errors import DeclarationError, UsageError
from jobs.event_time import Window
from jobs.measures import Measure
from jobs.plan import Plan
from jobs.planned import PlannedJob
from jobs.storage.inputs import resolve
from jobs.text.formats import MISFIT, Format, OnError
from jobs.top import TopK


class AggregateJob(PlannedJob):
    """Totals per group, declared as three attributes (or properties, where options decide).

    rows: SQL, one SELECT over the view lines(line VARCHAR), that treats each line by itself. With an input format it is over
        `input`, by default all of it.
    input: an input format, such as Csv({"city": "text", "population": "integer"}, header=True), if lines have columns.
    group_by: columns of rows; each distinct combination is a group. Empty: everything is one group.
    measures: output column to what is computed for each group.
    bad: a column of rows that says what is wrong with a row, null in good ones. Bad rows are left out, and counted.
    window: how the rows of a group are divided by time, such as Sliding("at", duration("1h"), duration("10m")).
    then: what is done with the finished groups, such as TopK("count", 5).

        class WordCount(AggregateJob):
            rows = "SELECT unnest(words) AS word FROM (SELECT string_split(line, ' ') AS words FROM lines)"
            group_by = ["word"]
            measures = {"count": Count()}
    """

    rows: str = ""
    group_by: Sequence[str] = ()
    measures: Mapping[str, Measure] = {}
    input: Format | None = None
    bad: str = ""
    window: Window | None = None
    then: TopK | None = None
    on_error: OnError = "fail"

    def configure_args(self) -> None:
        """Declares options, as in mrjob: call super(), then self.add_passthru_arg(...)."""
        super().configure_args()
        add = self.arg_parser.add_argument_group("fanin, aggregate jobs").add_argument
        add("--on-error", choices=["fail", "null", "skip"], default=self.on_error, help="what a value does that does not"
            f" fit its column: fail the run, be null, or leave out its row (default {self.on_error})")  # fmt: skip
        add("--max-bad", default="1%", metavar="N|N%", help="refuse more bad rows, or lines' share (default 1%%)")
        add("--keep-partials", action="store_true", help="keep the groups' states, for fanin merge")

    def plan(self) -> Plan:
        """What this job declares, with its options applied."""
        kind = type(self)
        if isinstance(self.group_by, str):
            raise DeclarationError("group_by", f"{self.group_by!r} is a text, not a list of columns")
        input, on_error = self.input, self.options.on_error
        if on_error != "fail" and not input:
            raise UsageError(
                f"--on-error {on_error}: this job reads lines, and has no columns that a value might not fit"
            )
        return Plan(
            job=f"{kind.__module__}:{kind.__qualname__}",
            rows=self.rows or ("SELECT * FROM input" if input else ""),
            group_by=tuple(self.group_by),
            measures=self.measures,
            input=input,
            on_error=on_error,
            bad=self.bad or (MISFIT if on_error != "fail" else ""),
            keeps_bad=on_error == "null",
            max_bad=check_limit(self.options.max_bad),
            window=self.window,
            then=self.then,
            keep_partials=self.options.keep_partials,
            max_line=self._max_line(),
            strict=self.options.strict,
        )

    def _runner(self, engine: str) -> Any:
        if engine == "local":
            plan, inputs, settings = self.plan(), self.options.args or ["-"], self._settings()
            return LocalRunner(lambda path: local.run(plan, resolve(inputs), path, settings), self.options.output_dir)
        from jobs.engines.hadoop.aggregates import AggregateRunner  # brings what no other engine needs

        return AggregateRunner(self.plan(), self._settings(), **self._hadoop_options())

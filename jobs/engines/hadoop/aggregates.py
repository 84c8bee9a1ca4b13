"""A Plan on Hadoop: its map and reduce tasks as one streaming step.

files ── splits ──> tasks map ── Hadoop's shuffle: hash, sort by key ──> tasks reduce ── part files ── publish
"""

from functools import partial
from typing import Any

import duckdb

from jobs import stages
from jobs.bad_rows import refuse_too_many
from jobs.database import Limits, database, explain_failure, open_rows, output_columns, state_types
from jobs.engines import local
from jobs.engines.describe import describe
from jobs.engines.hadoop.inputs import COMBINE, SPLIT, combined
from jobs.engines.hadoop.tasks import TasksRunner
from jobs.engines.local import Settings
from jobs.engines.merge import MAX_LINE, merge
from jobs.errors import UsageError
from jobs.plan import Plan
from jobs.storage.base import join
from jobs.storage.inputs import resolve
from jobs.storage.manifest import NO_PARTIALS, Partials
from jobs.storage.output import Describe, Output
from jobs.text.arrow import StreamFailed
from jobs.text.formats import Parquet
from jobs.text.sources import Reading


class AggregateRunner(TasksRunner):
    """Runs one plan once, with settings.parts reducers."""

    module = "jobs.tasks"

    def __init__(self, plan: Plan, settings: Settings, **kwargs: Any) -> None:
        if isinstance(plan.input, Parquet):
            raise UsageError("-r hadoop: Hadoop Streaming reads lines, not Parquet; run it with -r local")
        super().__init__(plan.job, settings, **kwargs)
        self._plan, self._partials = plan, NO_PARTIALS
        with database(Limits(256_000_000, 1)) as connection:
            self._columns = output_columns(connection, plan, open_rows(connection, plan, list))

    def _run_resolved(self) -> None:
        self._plan = local.bound(self._plan, self._inputs, self._settings.quiet)
        if any(file.size != 0 for file in self._inputs.files):
            super()._run_resolved()
        else:  # Hadoop starts no mapper for nothing, so nobody would write the row of an empty total
            self._counted = dict(local.run(self._plan, self._inputs, self._output_dir, self._settings))
            self._ran_job = True

    def _ship(self) -> None:
        super()._ship()
        self._ship_plan(self._plan.to_json())
        settings: dict[str, Any] = {"stream.num.map.output.key.fields": max(len(self._plan.group_by), 1)}
        # A header is known by its place in a file's first split.
        headed = self._plan.input and self._plan.input.header
        if combined(self._inputs.files) and not headed:
            self._hadoop_input_format = COMBINE
            settings["mapreduce.input.fileinputformat.split.maxsize"] = SPLIT
        self._steps = [self._step(settings, mapper=self._task("map"), reducer=self._task("reduce"))]

    def _place(self, output: Output) -> str:
        finished_here = self._plan.then or self._plan.keep_partials
        return join(self._hadoop_tmp_dir, "groups") if finished_here else super()._place(output)

    def _collect(self, output: Output) -> None:
        """With TopK every reducer has written the top of its own groups, k lines at most: here is the top of all.

        Where states are to be kept the reducers have written these, for the driver to finish.
        """
        if self._plan.keep_partials:
            self._finish(output)
            return
        if not self._plan.then:
            super()._collect(output)
            self._check_parts(output)
            return
        self._take_top(output, self._plan, self._columns)

    def _finish(self, output: Output) -> None:
        files = resolve([self._written]).files
        reading = Reading(MAX_LINE, strict=True)
        with database(Limits(256_000_000, 1)) as connection:
            rows = open_rows(connection, self._plan, list)
            states = stages.good(self._plan, f"({stages.partial(self._plan, rows)})")
            self._partials = Partials(output.partials, state_types(connection, states), rows)
        try:
            with database(local.limits_of(self._settings, output)) as connection:
                merge(connection, self._plan, self._partials, reading, files)
                local.write(connection, output, self._plan, rows, self._settings.parts)
        except (duckdb.Error, StreamFailed) as error:
            raise explain_failure(error, reading) from error
        self._check_records(output.path, reading.counters["lines"])

    def _describe(self, output: Output) -> Describe:
        lines = self._hadoops("Map input records")
        self._counted = self._count(output) | {"lines": lines} | self._reported()
        samples = refuse_too_many(self._plan, self._inputs.files, self._counted.get("bad_rows", 0), lines)
        return partial(
            describe, self._plan, self._inputs, arguments=self._arguments, columns=self._columns,
            counters=self._counted, samples=samples, partials=self._partials,
        )  # fmt: skip

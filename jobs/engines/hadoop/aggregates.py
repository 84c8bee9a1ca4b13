"""A Plan on Hadoop: its map and reduce tasks as one streaming step.

files ── splits ──> tasks map ── Hadoop's shuffle: hash, sort by key ──> tasks reduce ── part files ── publish
"""

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from jobs import stages
from jobs.bad_rows import refuse_too_many
from jobs.database import Limits, database, explain_failure, open_lines, open_rows, output_columns, state_types
from jobs.engines import local
from jobs.engines.describe import describe
from jobs.engines.hadoop import jvm
from jobs.engines.hadoop.inputs import COMBINE, SPLIT, combined
from jobs.engines.hadoop.runner import HadoopRunner
from jobs.engines.local import Settings
from jobs.engines.merge import MAX_LINE, merge
from jobs.errors import FaninError, UsageError
from jobs.plan import Plan
from jobs.storage.base import join
from jobs.storage.inputs import resolve
from jobs.storage.manifest import NO_PARTIALS, Partials
from jobs.storage.output import Describe, Output, part_name
from jobs.text.arrow import StreamFailed, records
from jobs.text.formats import Parquet
from jobs.text.sources import Reading

PLAN = "plan.json"
SETTINGS = {  # the answer depends on them: whatever the cluster's configuration says, these are ours
    "stream.map.input.ignoreKey": True,
    "stream.reduce.output": "keyonlytext",
    "stream.non.zero.exit.is.failure": True,
    "mapreduce.map.failures.maxpercent": 0,
    "mapreduce.reduce.failures.maxpercent": 0,
    "mapreduce.map.skip.maxrecords": 0,
    "mapreduce.reduce.skip.maxgroups": 0,
    "mapreduce.input.linerecordreader.line.maxlength": (1 << 31) - 1,  # Hadoop passes over longer lines in silence
    "mapreduce.output.fileoutputformat.compress": False,
}
DELIMITER = "textinputformat.record.delimiter"
OURS = (
    *SETTINGS, DELIMITER, "stream.", "mapreduce.job.partitioner.", "mapreduce.job.output.key.",
    "mapreduce.output.fileoutputformat.",
)  # fmt: skip


class AggregateRunner(HadoopRunner):
    """Runs one plan once, with settings.parts reducers."""

    def __init__(self, plan: Plan, settings: Settings, **kwargs: Any) -> None:
        if isinstance(plan.input, Parquet):
            raise UsageError("-r hadoop: Hadoop Streaming reads lines, not Parquet; run it with -r local")
        kwargs["label"] = kwargs.get("label") or plan.job.rpartition(":")[2]
        super().__init__(
            overwrite=settings.overwrite, quiet=settings.quiet, arguments=settings.arguments, **kwargs
        )  # fmt: skip
        self._plan, self._settings, self._partials = plan, settings, NO_PARTIALS
        with database(Limits(256_000_000, 1)) as connection:
            self._columns = output_columns(connection, plan, open_rows(connection, plan, list))
        for name in self._opts["jobconf"] or {}:
            if name.startswith(OURS):
                raise UsageError(f"-D {name}: the output's bytes depend on it, so the engine sets it; leave it out")
        if self._site.get(DELIMITER):
            raise UsageError(f"the cluster's {DELIMITER} ends lines elsewhere than all other engines; unset it")

    def counters(self) -> list[dict[str, dict[str, int]]]:
        """Hadoop's counters, and our own in the group `fanin`."""
        return [{**group, "fanin": self._counted} for group in super().counters() or [{}]]

    def _run_resolved(self) -> None:
        self._plan = local.bound(self._plan, self._inputs)
        if any(file.size != 0 for file in self._inputs.files):
            super()._run_resolved()
        else:  # Hadoop starts no mapper for nothing, so nobody would write the row of an empty total
            self._counted = dict(local.run(self._plan, self._inputs, self._output_dir, self._settings))
            self._ran_job = True

    def _ship(self) -> None:
        super()._ship()
        plan = Path(self._get_local_tmp_dir()) / PLAN
        plan.write_text(self._plan.to_json())
        self._working_dir_mgr.add("file", str(plan), PLAN)
        settings = SETTINGS | {
            "mapreduce.job.reduces": self._settings.parts,
            "stream.num.map.output.key.fields": max(len(self._plan.group_by), 1),
        }
        # A header is known by its place in a file's first split.
        headed = self._plan.input and self._plan.input.header
        if combined(self._inputs.files) and not headed:
            self._hadoop_input_format = COMBINE
            settings["mapreduce.input.fileinputformat.split.maxsize"] = SPLIT
        tasks = {kind: {"type": "command", "command": self._task(name)}
                 for kind, name in (("mapper", "map"), ("reducer", "reduce"))}  # fmt: skip
        self._steps = [{"type": "streaming", "jobconf": settings, **tasks}]

    def _wheels(self) -> tuple[str, ...]:
        return ()

    def _task(self, name: str) -> list[str]:
        return ["env", "PYTHONPATH=node", *self._python_bin(), "-m", "jobs.tasks", name, PLAN]

    def _defaults(self) -> dict[str, Any]:
        return super()._defaults() | jvm.with_heap(self._site) | {"mapreduce.task.io.sort.mb": 100}

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
        tops = [b"".join(file.chunks()) for file in resolve([self._place(output)]).files]
        self._check_records(output.path, sum(top.count(b"\n") for top in tops))
        types = {column["name"]: column["type"] for column in self._columns}
        texts = [top.decode().removesuffix("\n") for top in tops if top]
        with database(Limits(256_000_000, 1)) as connection, contextlib.closing(output.part(0)) as part:
            open_lines(connection, lambda: texts)
            final = f"({stages.recorded(self._plan, types)})"
            for _, count, data in records(connection.sql(stages.records(self._plan, 1, final))):
                part.write(data, count)

    def _finish(self, output: Output) -> None:
        files = resolve([self._place(output)]).files
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

    def _reported(self) -> dict[str, int]:
        """What our tasks have counted."""
        return dict(super().counters()[-1].get("fanin", {}))

    def _check_parts(self, output: Output) -> None:
        """Compares the parts with what Hadoop says that the reducers wrote."""
        names = [part_name(number) for number in range(self._settings.parts)]
        if sorted(file.name for file in output.files) != names:
            raise FaninError(f"{output.path}: Hadoop did not write exactly {names[0]} to {names[-1]}")
        self._check_records(output.path, output.records)

    def _check_records(self, path: str, found: int) -> None:
        written = self._hadoops("Reduce output records")
        if written != found:
            raise FaninError(f"{path}: holds {found} records, where the reducers wrote {written}")

    def _hadoops(self, counter: str) -> int:
        """What Hadoop has counted."""
        return int(super().counters()[-1].get("Map-Reduce Framework", {}).get(counter, 0))

"""A Plan on Hadoop: its map and reduce tasks as one streaming step.

files ── splits ──> tasks map ── Hadoop's shuffle: hash, sort by key ──> tasks reduce ── part files ── publish
"""

from functools import partial
from pathlib import Path
from typing import Any

from jobs.database import Limits, database, open_rows, output_columns
from jobs.engines import local
from jobs.engines.describe import describe
from jobs.engines.hadoop import jvm
from jobs.engines.hadoop.inputs import COMBINE, SPLIT, combined
from jobs.engines.hadoop.runner import HadoopRunner
from jobs.engines.local import Settings
from jobs.errors import FaninError, UsageError
from jobs.plan import Plan
from jobs.storage.output import Describe, Output, part_name

PLAN = "plan.json"
OURS = ("stream.", "mapreduce.job.partitioner.", "mapreduce.job.output.key.", "mapreduce.output.fileoutputformat.")


class AggregateRunner(HadoopRunner):
    """Runs one plan once, with settings.parts reducers."""

    def __init__(self, plan: Plan, settings: Settings, **kwargs: Any) -> None:
        kwargs["label"] = kwargs.get("label") or plan.job.rpartition(":")[2]
        super().__init__(
            overwrite=settings.overwrite, quiet=settings.quiet, arguments=settings.arguments, **kwargs
        )  # fmt: skip
        self._plan, self._settings = plan, settings
        with database(Limits(256_000_000, 1)) as connection:
            self._columns = output_columns(connection, plan, open_rows(connection, plan, list))
        for name in self._opts["jobconf"] or {}:
            if name.startswith(OURS):
                raise UsageError(f"-D {name}: the output's bytes depend on it, so the engine sets it; leave it out")

    def counters(self) -> list[dict[str, dict[str, int]]]:
        """Hadoop's counters, and our own in the group `fanin`."""
        return [{**group, "fanin": self._counted} for group in super().counters() or [{}]]

    def _run_resolved(self) -> None:
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
        settings = {
            "mapreduce.job.reduces": self._settings.parts,
            "stream.num.map.output.key.fields": max(len(self._plan.group_by), 1),
            "stream.map.input.ignoreKey": True,
            "stream.reduce.output": "keyonlytext",
        }
        if combined(self._inputs.files):
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

    def _describe(self, output: Output) -> Describe:
        self._counted = self._count(output) | self._reported()
        self._check(output)
        return partial(
            describe, self._plan, self._inputs, arguments=self._arguments, columns=self._columns,
            counters=self._counted,
        )  # fmt: skip

    def _reported(self) -> dict[str, int]:
        """What our tasks have counted."""
        return dict(super().counters()[-1].get("fanin", {}))

    def _check(self, output: Output) -> None:
        """Compares the parts with what Hadoop says that the reducers wrote."""
        names = [part_name(number) for number in range(self._settings.parts)]
        if sorted(file.name for file in output.files) != names:
            raise FaninError(f"{output.path}: Hadoop did not write exactly {names[0]} to {names[-1]}")
        written = super().counters()[-1].get("Map-Reduce Framework", {}).get("Reduce output records")
        if written != output.records:
            raise FaninError(f"{output.path}: holds {output.records} records, where the reducers wrote {written}")

"""Joins on Hadoop: a strategy's tasks as streaming steps.

sort_merge   files ── tasks map ── shuffle: divided by key, sorted by key and side ── tasks merge ── part files ── publish
             and with an aggregate:                                      ... states ── shuffle ── tasks aggregate ── part files
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from jobs.database import Limits, database, output_columns
from jobs.engines.describe import Made, manifest
from jobs.engines.hadoop.tasks import TasksRunner
from jobs.engines.local import Settings
from jobs.errors import UsageError
from jobs.storage.base import join
from jobs.storage.output import Describe, Output
from joins import local
from joins.database import open_join
from joins.local import Sources
from joins.plan import NAMES, JoinPlan, Name
from joins.tasks import Task, path_of

FIELDS_PARTITIONER = "org.apache.hadoop.mapred.lib.KeyFieldBasedPartitioner"


class JoinRunner(TasksRunner):
    """Runs one sort-merge join once, with settings.parts reducers."""

    module = "joins.tasks"

    def __init__(self, plan: JoinPlan, sources: Sources, settings: Settings, **kwargs: Any) -> None:
        super().__init__(plan.job, settings, **kwargs)
        self._sources = sources
        with database(Limits(256_000_000, 1)) as connection:
            self._plan, self._columns = open_join(connection, plan, {"left": list, "right": list})
            if plan.aggregate:
                types = {column["name"]: column["type"] for column in self._columns}
                self._columns = output_columns(connection, plan.aggregate, types)

    def run(self) -> None:
        """Runs the join and publishes its output; raises FaninError and publishes nothing if it fails."""
        if self._ran_job:
            raise ValueError("job already ran")
        self._inputs = local.together(self._sources)
        if any(file.size != 0 for file in self._inputs.files):
            self._run_resolved()
        else:  # Hadoop starts no mapper for nothing
            self._counted = dict(local.run(self._plan, self._sources, self._output_dir, self._settings))
            self._ran_job = True

    def _ship(self) -> None:
        super()._ship()
        self._add_input_files_for_upload()
        self._ship_plan(Task(self._plan, self._first(), self._sides()).to_json())
        keys = len(self._plan.left.keys)
        by_key = {
            "stream.num.map.output.key.fields": keys + 1,
            "mapred.partitioner.class": FIELDS_PARTITIONER,
            "mapreduce.partition.keypartitioner.options": f"-k1,{keys}",
        }
        self._steps = [self._step(by_key, mapper=self._task("map"), reducer=self._task("merge"))]
        if self._plan.aggregate:
            by_group = {"stream.num.map.output.key.fields": max(len(self._plan.aggregate.group_by), 1)}
            self._steps.append(self._step(by_group, mapper=["cat"], reducer=self._task("aggregate")))

    def _first(self) -> Name:
        """The smaller side, whose rows of one key are held while those of the other pass."""
        sizes = {name: sum(file.size or 0 for file in self._sources[name].files) for name in NAMES}
        return min(NAMES, key=lambda name: sizes[name])

    def _sides(self) -> Mapping[str, list[Name]]:
        """The sides that each file is on, by the path that a task will be told."""
        sides: dict[str, list[Name]] = {}
        names: dict[str, str] = {}
        for name in NAMES:
            for file in self._sources[name].files:
                path = path_of(self._upload_mgr.uri(file.name))
                if names.setdefault(path, file.name) != file.name:
                    raise UsageError(f"{file.name} and {names[path]}: tasks cannot tell which of them they read")
                if name not in sides.setdefault(path, []):
                    sides[path].append(name)
        return sides

    def _place(self, output: Output) -> str:
        top = self._plan.aggregate and self._plan.aggregate.then
        return join(self._hadoop_tmp_dir, "groups") if top else super()._place(output)

    def _collect(self, output: Output) -> None:
        if self._plan.aggregate and self._plan.aggregate.then:
            self._take_top(output, self._plan.aggregate, self._columns)
        else:
            super()._collect(output)
            self._check_parts(output)

    def _describe(self, output: Output) -> Describe:
        lines = self._hadoops("Map input records", step=0)
        self._counted = self._count(output) | {"lines": lines} | self._reported()
        made = Made(self._plan.job, self._plan.to_dict(), self._inputs, self._arguments, self._counted)
        parts = self._settings.parts
        return partial(
            manifest, made, columns=self._columns, order=local.sorted_by(self._plan),
            partitioner=local.parted_by(self._plan, parts),
        )  # fmt: skip

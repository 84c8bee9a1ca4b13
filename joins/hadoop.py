"""Joins on Hadoop: what all strategies share. Each strategy's file says which tasks its steps have."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
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
from joins.salting import Hot
from joins.tasks import Task, path_of


class JoinRunner(TasksRunner, ABC):
    """Runs one join once, with settings.parts reducers."""

    _ran_job: bool
    module = "joins.tasks"
    sorts: bool = True
    """Whether all records of a key are in one part, in order."""

    def __init__(
        self, plan: JoinPlan, sources: Sources, settings: Settings, hot: Sequence[Hot] = (), **kwargs: Any
    ) -> None:
        super().__init__(plan.job, settings, **kwargs)
        self._sources, self._hot = sources, hot
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
        if any(file.size != 0 for name in self._mapped() for file in self._sources[name].files):
            self._run_resolved()
        else:  # Hadoop starts no mapper for nothing
            self._counted = dict(local.run(self._plan, self._sources, self._output_dir, self._settings))
            self._ran_job = True

    def _ship(self) -> None:
        super()._ship()
        self._input_paths = list(
            dict.fromkeys(file.name for name in self._mapped() for file in self._sources[name].files)
        )
        self._add_input_files_for_upload()
        task = self._task_plan()
        self._ship_plan(task.to_json())
        self._steps = self._join_steps()

    @abstractmethod
    def _join_steps(self) -> list[dict[str, Any]]:
        """The streaming steps."""

    def _task_plan(self) -> Task:
        """What tasks are told."""
        return Task(self._plan, self._first(), self._sides())

    def _mapped(self) -> Sequence[Name]:
        """The sides that mappers read."""
        return NAMES

    def _by_group(self) -> dict[str, Any]:
        """The settings of a shuffle of states of the aggregate."""
        assert self._plan.aggregate
        return {"stream.num.map.output.key.fields": max(len(self._plan.aggregate.group_by), 1)}

    def _first(self) -> Name:
        """The side whose lines come first."""
        return local.smaller(self._sources)

    def _sides(self) -> Mapping[str, list[Name]]:
        """The sides, of those that tasks read, that each file is on, by the path that a task will be told."""
        sides: dict[str, list[Name]] = {}
        names: dict[str, str] = {}
        for name in self._mapped():
            for file in self._sources[name].files:
                path = path_of(self._upload_mgr.uri(file.name))
                if names.setdefault(path, file.name) != file.name:
                    raise UsageError(f"{file.name} and {names[path]}: tasks cannot tell which of them they read")
                if name not in sides.setdefault(path, []):
                    sides[path].append(name)
        both = next((names[path] for path, on in sides.items() if len(on) > 1), None)
        if both and self._plan.left.input.header != self._plan.right.input.header:
            raise UsageError(
                f"{both}: begins with a header on one side of the join and not on the other; give --header"
            )
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
        self._counted = self._count(output) | {"lines": self._lines()} | self._reported()
        made = Made(self._plan.job, self._plan.to_dict(), self._inputs, self._arguments, self._counted)
        sorts = self.sorts or self._plan.aggregate
        order = local.sorted_by(self._plan) if sorts else []
        parted = local.parted_by(self._plan, self._settings.parts) if sorts else {}
        return partial(manifest, made, columns=self._columns, order=order, partitioner=parted)

    def _lines(self) -> int:
        """How many lines the sides have."""
        return self._hadoops("Map input records", step=0)

"""Plans on Hadoop: tasks of our own, which import no mrjob, as the mappers and reducers of streaming steps."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs import stages
from jobs.database import Limits, database, open_lines
from jobs.engines.hadoop import jvm
from jobs.engines.hadoop.runner import HadoopRunner
from jobs.engines.local import Settings
from jobs.errors import FaninError, UsageError
from jobs.plan import Plan
from jobs.storage.inputs import resolve
from jobs.storage.output import Output, part_name
from jobs.text.arrow import records

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


class TasksRunner(HadoopRunner):
    """Runs one plan once, with settings.parts reducers.  module: of the tasks' entry.  job: as `module:Class`."""

    module: str

    def __init__(self, job: str, settings: Settings, **kwargs: Any) -> None:
        kwargs["label"] = kwargs.get("label") or job.rpartition(":")[2]
        super().__init__(
            overwrite=settings.overwrite, quiet=settings.quiet, arguments=settings.arguments, **kwargs
        )  # fmt: skip
        self._settings = settings
        self._counted: dict[str, int] = {}
        for name in self._opts["jobconf"] or {}:
            if name.startswith(OURS):
                raise UsageError(f"-D {name}: the output's bytes depend on it, so the engine sets it; leave it out")
        if self._site.get(DELIMITER):
            raise UsageError(f"the cluster's {DELIMITER} ends lines elsewhere than all other engines; unset it")

    def counters(self) -> list[dict[str, dict[str, int]]]:
        """Hadoop's counters, and our own in the group `fanin`."""
        return [{**group, "fanin": self._counted} for group in super().counters() or [{}]]

    def _ship_plan(self, plan: str) -> None:
        """Has the plan, as JSON, in the folder of every task."""
        file = Path(self._get_local_tmp_dir()) / PLAN
        file.write_text(plan)
        self._working_dir_mgr.add("file", str(file), PLAN)

    def _step(self, settings: dict[str, Any], **tasks: list[str]) -> dict[str, Any]:
        """A streaming step.  tasks: the commands of its mapper and reducer."""
        commands = {kind: {"type": "command", "command": command} for kind, command in tasks.items()}
        return {
            "type": "streaming",
            "jobconf": SETTINGS | {"mapreduce.job.reduces": self._settings.parts} | settings,
            **commands,
        }

    def _wheels(self) -> tuple[str, ...]:
        return ()

    def _task(self, name: str, module: str = "") -> list[str]:
        return ["env", "PYTHONPATH=node", *self._python_bin(), "-m", module or self.module, name, PLAN]

    def _defaults(self) -> dict[str, Any]:
        return super()._defaults() | jvm.with_heap(self._site) | {"mapreduce.task.io.sort.mb": 100}

    def _take_top(self, output: Output, plan: Plan, columns: Sequence[Mapping[str, str]]) -> None:
        """The one part of a TopK, of the tops that the reducers have written aside."""
        tops = [b"".join(file.chunks()) for file in resolve([self._written]).files]
        self._check_records(output.path, sum(top.count(b"\n") for top in tops))
        types = {column["name"]: column["type"] for column in columns}
        texts = [top.decode().removesuffix("\n") for top in tops if top]
        with database(Limits(256_000_000, 1)) as connection, contextlib.closing(output.part(0)) as part:
            open_lines(connection, lambda: texts)
            final = f"({stages.recorded(plan, types)})"
            for _, count, data in records(connection.sql(stages.records(plan, 1, final))):
                part.write(data, count)

    def _reported(self) -> dict[str, int]:
        """What our tasks have counted."""
        return dict(super().counters()[-1].get("fanin", {}))

    def _check_parts(self, output: Output) -> None:
        """Compares the parts with what Hadoop says that the last tasks wrote."""
        parts = self._settings.parts
        if sorted(file.part for file in output.files) != list(range(parts)):
            raise FaninError(f"{output.path}: Hadoop did not write exactly {part_name(0)} to {part_name(parts - 1)}")
        self._check_records(output.path, output.records)

    def _check_records(self, path: str, found: int) -> None:
        tasks = "reduce" if "reducer" in self._steps[-1] else "map"
        written = self._hadoops(f"{tasks.capitalize()} output records")
        if written != found:
            raise FaninError(f"{path}: holds {found} records, where the {tasks} tasks wrote {written}")

    def _hadoops(self, counter: str, step: int = -1) -> int:
        """What Hadoop has counted in a step, by default the last."""
        return int(super().counters()[step].get("Map-Reduce Framework", {}).get(counter, 0))

"""The broadcast join: the small side is shipped to every node once, and mappers join their lines of the large one with it.

    python -m joins.broadcast --left flights.csv --right airlines.csv --on carrier -r hadoop --output-dir hdfs:///out

    files of the large side ── broadcast, with the small side's table ── part files, one a split
    with an aggregate:  ... broadcast ── states ── shuffle: by group ── aggregate ── part files

Held in memory: the small side, then spilled to disk. Records are in no order. Rows of the small side that match nothing
anywhere are seen by no single mapper, so that joins which keep these are refused, and so is semi or anti of a small left side.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.errors import UsageError
from jobs.storage.output import Output
from jobs.text.compression import suffix
from joins.hadoop import JoinRunner
from joins.job import JoinJob
from joins.local import Sources
from joins.plan import NAMES, How, Name, other
from joins.tasks import Task

LARGE: dict[How, tuple[Name, ...]] = {
    "inner": ("left", "right"), "left": ("left",), "right": ("right",), "full": (), "semi": ("left",), "anti": ("left",),
}  # fmt: skip
"""Sides that may be the one that is not shipped."""


class BroadcastRunner(JoinRunner):
    """Ships the small side; without an aggregate there is no reducer."""

    sorts = False

    def _join_steps(self) -> list[dict[str, Any]]:
        if self._plan.aggregate:
            return [self._step(self._by_group(), mapper=self._task("broadcast"), reducer=self._task("aggregate"))]
        alone = {"mapreduce.job.reduces": 0, "stream.map.output": "keyonlytext"}
        return [self._step(alone, mapper=self._task("broadcast"))]

    def _task_plan(self) -> Task:
        small = self._small()
        shipped = []
        for number, file in enumerate(self._sources[small].files):
            name = f"side-{number}{suffix(file.name)}"
            shipped.append((name, file.name))
            path = file.name
            if (
                self._said()["mapreduce.framework.name"] != "yarn" and "://" in path
            ):  # LocalJobRunner takes local files alone
                path = str(Path(self._get_local_tmp_dir()) / name)
                with open(path, "wb") as copy:
                    copy.writelines(file.chunks())
            self._working_dir_mgr.add("file", path, name)
        return Task(self._plan, small, self._sides(), shipped)

    def _mapped(self) -> list[Name]:
        return [other(self._small())]

    def _small(self) -> Name:
        """The side that is shipped: the smaller one that can be."""
        side = shipped_side(self._plan.how, text_sizes(self._sources))
        if side is None:
            raise UsageError(refusal(self._plan.how))
        return side

    def _check_parts(self, output: Output) -> None:
        if self._plan.aggregate:
            super()._check_parts(output)
        else:  # a part for each split
            self._check_records(output.path, output.records)


PACKED = 5  # bytes of text in one of a compressed file, about


def text_sizes(sources: Sources) -> dict[Name, int]:
    """About how many bytes of text each side has."""
    return {
        name: sum((file.size or 0) * (PACKED if suffix(file.name) else 1) for file in sources[name].files)
        for name in NAMES
    }


def shipped_side(how: How, sizes: Mapping[Name, int]) -> Name | None:
    """The smaller of the sides that can be shipped; None if none can."""
    able = [name for name in NAMES if other(name) in LARGE[how]]
    return min(able, key=lambda name: sizes[name], default=None)


def refusal(how: How) -> str:
    """Why no side can be shipped."""
    return (
        f"broadcast cannot do --how {how}: rows of the shipped side that match nothing anywhere are seen by no single mapper;"
        " --strategy sort_merge does it"
    )


class BroadcastJoin(JoinJob):
    """Joins a large input with one that is small enough to be on every node."""

    strategy = "broadcast"


if __name__ == "__main__":
    BroadcastJoin.run()

"""What runs inside the tasks of joins on nodes: python -m joins.tasks KIND TASK.json, lines on stdin and stdout.

map         lines of one side, or of a file on both ─ l, r ─ tagged ─> lines by key and side
merge       those, sorted ─ runs of whole keys ─ joined ─> records, or states of what is aggregated
aggregate   those states, sorted by group ─> records
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jobs.database import open_lines
from jobs.errors import FaninError, exit_code
from jobs.sql import identifier
from jobs.tasks import run
from jobs.tasks.container import budget, streams
from jobs.tasks.run import Streams
from jobs.text.arrow import BlockStream
from jobs.text.sources import Reading
from joins import shuffle, stages
from joins.database import open_join
from joins.merge import Merge
from joins.plan import JoinPlan, Name
from joins.runs import runs

BLOCKS = identifier("blocks of a file")


@dataclass(frozen=True)
class Task:
    """What all tasks of a join know.  first: the side whose lines come first.  sides: those that a file is on, by its path."""

    plan: JoinPlan
    first: Name
    sides: Mapping[str, list[Name]]

    def to_json(self) -> str:
        return json.dumps({"plan": self.plan.to_dict(), "first": self.first, "sides": dict(self.sides)})

    @classmethod
    def from_json(cls, text: str) -> "Task":
        """The task that `to_json` wrote."""
        value = json.loads(text)
        return cls(JoinPlan.from_json(json.dumps(value["plan"])), value["first"], value["sides"])

    def sides_of(self, file: str) -> list[Name]:
        """The sides of the file that Hadoop says a task reads."""
        found = self.sides.get(path_of(file))
        if not found:
            raise FaninError(f"{file}: a task reads it, and it is on neither side of the join")
        return found


def path_of(file: str) -> str:
    """A file's path without its storage: drivers and tasks may call that by different names."""
    return urlsplit(file).path if "://" in file else file.removeprefix("file:")


def map(task: Task, streams: Streams, memory: int, file: str) -> None:
    """Writes the tagged lines of the rows of `file`, for each side that it is on."""
    names = task.sides_of(file)
    plan = task.plan
    reading = Reading(plan.max_line, plan.strict, shape=plan.sides[names[0]].input)
    with run.task(reading, memory) as (connection, _):
        connection.register("read", BlockStream(lambda: reading.lines(streams.source, streams.name, streams.start)))
        kept = "VIEW" if len(names) == 1 else "TEMP TABLE"  # it can be read only once
        connection.execute(f"CREATE {kept} {BLOCKS} AS SELECT block FROM read")
        for name in names:
            connection.execute(f"CREATE VIEW {stages.ALIAS[name]} AS {stages.side(plan.sides[name], BLOCKS)}")
            run.write(connection, shuffle.tagged(plan, name, shuffle.tags(task.first)[name]), streams)


def merge(task: Task, streams: Streams, memory: int) -> None:
    """Writes what the sorted lines of both sides join to."""
    reading = Reading(task.plan.max_line, strict=True)
    with run.task(reading, memory) as (connection, _):
        merging = Merge(connection, task.plan, task.first, lambda sql: run.write(connection, sql, streams))
        for some in runs(streams.source.read, len(task.plan.left.keys)):
            merging.take(some)
        merging.end()


def aggregate(task: Task, streams: Streams, memory: int) -> None:
    """Writes the records of groups whose states the lines are."""
    plan = task.plan
    assert plan.aggregate
    reading = Reading(plan.max_line, strict=True)
    with run.task(reading, memory) as (connection, _):
        _, columns = open_join(connection, plan, {"left": list, "right": list})
        types = {column["name"]: column["type"] for column in columns}
        open_lines(connection, lambda: reading.lines(streams.source, streams.name, start=False))
        run.write(connection, run.reduced(connection, plan.aggregate, types), streams)


def main(kind: str, file: str) -> None:
    task, ends = Task.from_json(Path(file).read_text()), streams(os.environ)
    if kind == "map":
        map(task, ends, budget("map"), os.environ.get("mapreduce_map_input_file", ""))  # noqa: SIM112
        return
    kinds: dict[str, Callable[[Task, Streams, int], None]] = {"merge": merge, "aggregate": aggregate}
    kinds[kind](task, ends, budget("reduce"))


if __name__ == "__main__":
    run.leave(exit_code(lambda: main(*sys.argv[1:3])))

"""What runs inside the tasks of joins on nodes: python -m joins.tasks KIND TASK.json, lines on stdin and stdout.

partitioned a bucket of each side, which it fetches ─ merged ─> records, or states of what is aggregated
broadcast   lines of the large side, and files of the small one ─ l, r ─ joined ─> records, or states of what is aggregated
map         lines of one side, or of a file on both ─ l, r ─ tagged ─> lines by key and side
merge       those, sorted ─ runs of whole keys ─ joined ─> records, or states of what is aggregated
aggregate   those states, sorted by group ─> records
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jobs import stages as aggregates
from jobs.database import make_partials, open_lines, state_types
from jobs.errors import FaninError, exit_code
from jobs.sql import identifier
from jobs.tasks import run
from jobs.tasks.container import budget, streams
from jobs.tasks.run import Streams
from jobs.text.arrow import BlockStream
from jobs.text.sources import Reading
from joins import shuffle, stages
from joins.database import open_join
from joins.fetch import Remote, Shipped, fetched
from joins.merge import Merge
from joins.ordered import merged
from joins.plan import NAMES, JoinPlan, Name, other
from joins.runs import runs
from joins.salting import Hot, open_salted, salted

BLOCKS, SMALL = identifier("blocks of a file"), identifier("the small side")


@dataclass(frozen=True)
class Task:
    """What all tasks of a join know.

    first: the side whose lines come first, or that is shipped.  sides: those that a file is on, by its path.
    shipped: files in a task's folder, and their names in messages.  hot: keys that are salted, None where none are.
    buckets: the left side's file and the right one's, of each.
    """

    plan: JoinPlan
    first: Name
    sides: Mapping[str, list[Name]]
    shipped: Sequence[tuple[str, str]] = ()
    hot: Sequence[Hot] | None = None
    buckets: Sequence[Sequence[Remote]] = ()

    def to_json(self) -> str:
        hot = None if self.hot is None else [asdict(key) for key in self.hot]
        return json.dumps(vars(self) | {"plan": self.plan.to_dict(), "hot": hot})

    @classmethod
    def from_json(cls, text: str) -> "Task":
        """The task that `to_json` wrote."""
        value = json.loads(text)
        value["plan"] = JoinPlan.from_json(json.dumps(value["plan"]))
        value["hot"] = None if value["hot"] is None else [Hot(**key) for key in value["hot"]]
        value["buckets"] = [[Remote(*file) for file in bucket] for bucket in value["buckets"]]
        return cls(**value)

    @property
    def merged(self) -> JoinPlan:
        """The plan of what reducers join."""
        return self.plan if self.hot is None else salted(self.plan, self.hot)

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
            if task.hot is None:
                side = stages.side(plan.sides[name], BLOCKS, stages.ALIAS[name])
                connection.execute(f"CREATE VIEW {stages.ALIAS[name]} AS {side}")
            else:
                open_salted(connection, plan, name, BLOCKS, task.hot, streams.name)
            run.write(connection, shuffle.tagged(task.merged, name, shuffle.tags(task.first)[name]), streams)


def broadcast(task: Task, streams: Streams, memory: int) -> None:
    """Writes what the lines of the large side join to with the small one, which is in a table."""
    plan, small = task.plan, task.first
    large = other(small)
    readings = {name: Reading(plan.max_line, plan.strict, shape=plan.sides[name].input) for name in (small, large)}
    texts: dict[Name, Callable[[], Iterable[str]]] = {
        small: lambda: readings[small].texts([Shipped(path, name) for path, name in task.shipped]),
        large: lambda: readings[large].lines(streams.source, streams.name, streams.start),
    }
    with run.task(readings[large], memory, readings[small]) as (connection, _):
        plan, columns = open_join(connection, plan, texts)
        view = stages.ALIAS[small]
        connection.execute(f"CREATE TEMP TABLE {SMALL} AS FROM {view}")
        connection.execute(f"CREATE OR REPLACE VIEW {view} AS FROM {SMALL}")
        if plan.aggregate:
            make_partials(connection, plan.aggregate, {column["name"]: column["type"] for column in columns})
            run.write(connection, aggregates.shuffled(state_types(connection)), streams)
        else:
            run.write(connection, stages.unordered(plan, [column["name"] for column in columns]), streams)


def partitioned(task: Task, streams: Streams, memory: int, number: int) -> None:
    """Writes what bucket `number` of both sides joins to."""
    if (lines := streams.source.read().count(b"\n")) != 1:
        raise FaninError(f"task {number} got {lines} lines of the list of buckets, where one was to be")
    plan = task.plan
    readings = {name: Reading(plan.max_line, plan.strict, shape=plan.sides[name].input) for name in NAMES}
    with (
        run.task(readings["left"], memory, readings["right"]) as (connection, _),
        fetched(task.buckets[number]) as (left, right),
    ):
        files: dict[Name, list[Shipped]] = {"left": [left], "right": [right]}
        merging, _ = merged(
            connection, plan, task.first, readings, files, lambda sql: run.write(connection, sql, streams)
        )
        merging.end()


def merge(task: Task, streams: Streams, memory: int) -> None:
    """Writes what the sorted lines of both sides join to."""
    plan = task.merged
    reading = Reading(plan.max_line, strict=True)
    with run.task(reading, memory) as (connection, _):
        asked = task.plan.select or task.plan.where or task.plan.aggregate
        as_is = task.hot is not None and not asked
        merging = Merge(connection, plan, task.first, lambda sql: run.write(connection, sql, streams), as_is=as_is)
        for some in runs(streams.source.read, len(plan.left.keys)):
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
        return ends.exhaust()
    if kind == "partitioned":
        return partitioned(task, ends, budget("map"), int(os.environ["mapreduce_task_partition"]))  # noqa: SIM112
    kinds: dict[str, Callable[[Task, Streams, int], None]] = {
        "broadcast": broadcast,
        "merge": merge,
        "aggregate": aggregate,
    }
    kinds[kind](task, ends, budget("map" if kind == "broadcast" else "reduce"))
    return ends.exhaust()


if __name__ == "__main__":
    run.leave(exit_code(lambda: main(*sys.argv[1:3])))

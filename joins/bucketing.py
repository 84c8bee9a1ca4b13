"""How rows are divided into buckets: the BucketPlan, and its tasks on nodes, python -m joins.bucketing map|reduce PLAN.json.

map      input lines ─ l ─ line ─> records, with a tab behind each
reduce   those, sorted by all of them ─> records

A record goes where Hadoop's KeyFieldBasedPartitioner sends its key columns, and is sorted as a whole. With the tab behind it
the order is that of keys: in none is a byte that stands between columns.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.errors import exit_code
from jobs.sql import identifier
from jobs.tasks import run
from jobs.tasks.container import budget, streams
from jobs.tasks.run import Streams
from jobs.text import formats
from jobs.text.partition import FIELDS, part
from jobs.text.records import NEWLINE, TAB, encoded, joined
from jobs.text.sources import Reading
from joins.database import open_side
from joins.plan import Side
from joins.runs import RUN, whole_lines


@dataclass(frozen=True)
class BucketPlan:
    """The rows of a side, in so many buckets.  job: the declaring class, as `module:Class`."""

    job: str
    side: Side
    buckets: int
    max_line: int
    strict: bool

    @property
    def columns(self) -> list[Mapping[str, str]]:
        """Name and type of a record's columns, the keys first."""
        keys, types = self.side.keys, {name: self.side.type(name) for name in self.side.columns}
        return [{"name": name, "type": types[name]} for name in dict.fromkeys([*keys, *types])]

    def records(self) -> str:
        """SQL of `part` and `record`, in order, of the rows of `l`.

        That of records is that of their keys: behind a key stands a tab, or a newline if there is no more, and in none.
        """
        names = [column["name"] for column in self.columns]
        key = joined([encoded(identifier(name)) for name in names[: len(self.side.keys)]])
        others = [encoded(identifier(name)) for name in names[len(self.side.keys) :]]
        keyed = ", ".join([f'{key} AS "bucket key"', *(f'{sql} AS "{number}"' for number, sql in enumerate(others))])
        line = joined(['"bucket key"', *(f'"{number}"' for number, _ in enumerate(others))])
        bucket = part('"bucket key"', self.buckets, FIELDS)
        return (
            f"SELECT ({bucket})::INTEGER AS part, {line} || {NEWLINE} AS record\n"
            f"FROM (SELECT {keyed} FROM l)\nORDER BY part, record"
        )

    def shuffled(self) -> str:
        """SQL of `part`, always 0, and `record`, in no order, of the rows of `l`, as they are shuffled."""
        line = joined([encoded(identifier(column["name"])) for column in self.columns])
        return f"SELECT 0 AS part, {line} || {TAB} || {NEWLINE} AS record\nFROM l"

    def to_dict(self) -> dict[str, Any]:
        """This plan as JSON values."""
        side = {"input": self.side.input.to_json(), "keys": list(self.side.keys), "where": self.side.where}
        limits = {"max_line": self.max_line, "strict": self.strict}
        return {"job": self.job, "side": side, "buckets": self.buckets, **limits}

    @classmethod
    def from_json(cls, text: str) -> "BucketPlan":
        """The plan whose `to_dict` this is."""
        value = json.loads(text)
        side = value["side"]
        input = formats.from_json(side["input"])
        assert input is not None
        return cls(**value | {"side": Side(input, tuple(side["keys"]), side["where"])})


def map(plan: BucketPlan, streams: Streams, memory: int) -> None:
    """Writes the records of the source's rows, as they are shuffled."""
    reading = Reading(plan.max_line, plan.strict, shape=plan.side.input)
    with run.task(reading, memory) as (connection, _):
        open_side(connection, plan.side, lambda: reading.lines(streams.source, streams.name, streams.start))
        run.write(connection, plan.shuffled(), streams)


def reduce(streams: Streams) -> None:
    """Writes the sorted lines without their two last tabs: that of the mapper, and that which Hadoop puts behind a key."""
    for lines in whole_lines(streams.source.read, RUN):
        streams.target.write(lines.replace(b"\t\t\n", b"\n"))
    streams.target.flush()


def main(kind: str, file: str) -> None:
    plan, ends = BucketPlan.from_json(Path(file).read_text()), streams(os.environ)
    if kind == "map":
        map(plan, ends, budget(kind))
    else:
        reduce(ends)


if __name__ == "__main__":
    run.leave(exit_code(lambda: main(*sys.argv[1:3])))

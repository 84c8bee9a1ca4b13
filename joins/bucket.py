"""Rows divided by their keys into buckets, and in order of them there: what the partitioned join needs of its inputs.

    fanin bucket events.tsv --on user_id --buckets 64 -o bucketed

    files ── blocks ──> DuckDB: l, records ──> a part file a bucket ── manifest ── publish

A row goes where Hadoop's hash of its encoded key sends it, as a reducer's would; one with a null key goes where its text
does, so that an outer join finds it. The key columns come first, then all others, with their names. What proves it to the
join is the manifest: order, partitioner, number of buckets, and columns with their types. Held in memory: what DuckDB
sorts, within its budget, then spilled to disk.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jobs.database import database
from jobs.engines.describe import Made, manifest
from jobs.engines.local import Settings, attempt, limits_of, write_parts
from jobs.engines.runner import LocalRunner
from jobs.errors import UsageError
from jobs.planned import PlannedJob, at_least
from jobs.spill import Spill
from jobs.sql import identifier
from jobs.storage.inputs import Inputs, resolve
from jobs.text.partition import FIELDS, part
from jobs.text.records import NEWLINE, encoded, joined
from jobs.text.sources import Reading
from joins import one_input
from joins.plan import Side

FUNCTION = "hadoop-key-fields"


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

    def to_dict(self) -> dict[str, Any]:
        """This plan as JSON values."""
        side = {"input": self.side.input.to_json(), "keys": list(self.side.keys), "where": self.side.where}
        limits = {"max_line": self.max_line, "strict": self.strict}
        return {"job": self.job, "side": side, "buckets": self.buckets, **limits}


def run(plan: BucketPlan, inputs: Inputs, path: str, settings: Settings) -> Counter[str]:
    """Divides and sorts, and publishes the output directory `path`; gives the counters.

    Raises FaninError, and leaves nothing, when anything fails.
    """
    reading = Reading(plan.max_line, plan.strict, shape=plan.side.input)
    with attempt(path, settings, inputs.files, reading) as (output, progress):
        with Spill(output.spill) as spill, database(limits_of(settings, output)) as connection:
            one_input.open_side(connection, plan.side, partial(reading.texts, inputs.files))
            result = connection.sql(plan.records())
            write_parts(result, output.part, plan.buckets, progress)
        counters = reading.counters + Counter(records=output.records, spilled=spill.most)
        keys = list(plan.side.keys)
        output.publish(partial(
            manifest, Made(plan.job, plan.to_dict(), inputs, settings.arguments, counters), columns=plan.columns,
            order=keys, partitioner={"function": FUNCTION, "columns": keys, "buckets": plan.buckets},
        ))  # fmt: skip
    return counters


class Bucket(PlannedJob):
    """Divides rows by their keys into buckets, in order of the keys there, for the partitioned join."""

    def configure_args(self) -> None:
        super().configure_args()
        one_input.add_options(self.add_passthru_arg)
        self.add_passthru_arg(
            "--buckets", type=int, metavar="N", help="how many; those of both sides must be the same"
        )

    def plan(self, inputs: Inputs) -> BucketPlan:
        """What the options tell, with the input's columns known."""
        kind, o = type(self), self.options
        if o.buckets is None:
            raise UsageError("bucket: give --buckets, how many; the two sides of a join must have the same number")
        buckets = at_least("--buckets", o.buckets, 1)
        side = one_input.side(o, inputs, Reading(self._max_line(), o.strict))
        return BucketPlan(f"{kind.__module__}:{kind.__qualname__}", side, buckets, self._max_line(), o.strict)

    def make_runner(self) -> Any:
        """mrjob's way to drive a job from a program; see jobs.engines.runner."""
        engine, o = self.options.runner or "local", self.options
        if engine not in ("local", "inline"):
            raise UsageError(f"-r {engine}: no such engine for buckets; there is: local (also called inline)")
        settings = self._settings()
        if settings.parts != 1:
            raise UsageError("--parts: there is a part file for each bucket; give --buckets")
        inputs = resolve(o.args or ["-"])
        plan = self.plan(inputs)
        return LocalRunner(lambda path: run(plan, inputs, path, replace(settings, parts=plan.buckets)), o.output_dir)


if __name__ == "__main__":
    Bucket.run()

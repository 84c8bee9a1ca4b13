"""Rows divided by their keys into buckets, and in order of them there: what the partitioned join needs of its inputs.

    fanin bucket events.tsv --on user_id --buckets 64 -o bucketed

    files ── blocks ──> DuckDB: l, records ──> a part file a bucket ── manifest ── publish        (joins.bucket_runner: on Hadoop)

A row goes where Hadoop's hash of its encoded key sends it, as a reducer's would; one with a null key goes where its text
does, so that an outer join finds it. The key columns come first, then all others, with their names. What proves it to the
join is the manifest: order, partitioner, number of buckets, and columns with their types. Held in memory: what DuckDB
sorts, within its budget, then spilled to disk.
"""

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

from jobs.database import database
from jobs.engines.describe import Made, manifest
from jobs.engines.local import Settings, attempt, limits_of, write_parts
from jobs.engines.runner import LocalRunner
from jobs.errors import UsageError
from jobs.planned import PlannedJob, at_least
from jobs.spill import Spill
from jobs.storage.inputs import Inputs, resolve
from jobs.storage.output import Describe
from jobs.text.sources import Reading
from joins import one_input
from joins.bucketed import FUNCTION
from joins.bucketing import BucketPlan
from joins.database import open_side
from joins.inputs import opened, refuse_parquet


def run(plan: BucketPlan, inputs: Inputs, path: str, settings: Settings) -> Counter[str]:
    """Divides and sorts, and publishes the output directory `path`; gives the counters.

    Raises FaninError, and leaves nothing, when anything fails.
    """
    reading = Reading(plan.max_line, plan.strict, shape=plan.side.input)
    with attempt(path, settings, inputs.files, reading) as (output, progress):
        with Spill(output.spill) as spill, database(limits_of(settings, output)) as connection:
            side = opened(connection, plan.side, inputs, output.spill, reading.counters)
            open_side(connection, side, partial(reading.texts, inputs.files))
            write_parts(connection.sql(plan.records()), output.part, plan.buckets, progress)
        counters = reading.counters + Counter(records=output.records, spilled=spill.most)
        made = Made(plan.job, plan.to_dict(), inputs, settings.arguments, counters)
        output.publish(described(plan, made))
    return counters


def described(plan: BucketPlan, made: Made) -> Describe:
    """What the manifest is to say, on every engine."""
    keys = list(plan.side.keys)
    by = {"function": FUNCTION, "columns": keys, "buckets": plan.buckets}
    return partial(manifest, made, columns=plan.columns, order=keys, partitioner=by)


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

    def _runner(self, engine: str) -> Any:
        o, settings = self.options, self._settings()
        if settings.parts != 1:
            raise UsageError("--parts: there is a part file for each bucket; give --buckets")
        inputs = resolve(o.args or ["-"])
        plan = self.plan(inputs)
        if engine == "hadoop":
            refuse_parquet("-r hadoop", [plan.side])
            from joins.bucket_runner import BucketRunner  # brings what no other engine needs

            return BucketRunner(plan, inputs, settings, **self._hadoop_options())
        return LocalRunner(lambda path: run(plan, inputs, path, replace(settings, parts=plan.buckets)), o.output_dir)


if __name__ == "__main__":
    Bucket.run()

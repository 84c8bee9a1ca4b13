"""fanin bucket on Hadoop: one streaming step, whose reducers are the buckets.

files ── map ── shuffle: divided by key, sorted by whole records ── reduce ── part files, one a bucket

The bytes and the manifest are those of the local engine.
"""

import json
from dataclasses import replace
from typing import Any

from jobs.engines.describe import Made
from jobs.engines.hadoop.tasks import TasksRunner
from jobs.engines.local import Settings
from jobs.storage.inputs import Inputs
from jobs.storage.output import Describe, Output
from joins import bucket
from joins.bucketing import BucketPlan
from joins.sort_merge import FIELDS_PARTITIONER


class BucketRunner(TasksRunner):
    """Divides one input once.  inputs: as resolved, whose columns the plan knows."""

    _ran_job: bool
    module = "joins.bucketing"

    def __init__(self, plan: BucketPlan, inputs: Inputs, settings: Settings, **kwargs: Any) -> None:
        super().__init__(plan.job, replace(settings, parts=plan.buckets), **kwargs)
        self._plan, self._inputs = plan, inputs

    def run(self) -> None:
        """Runs the job and publishes its output; raises FaninError and publishes nothing if it fails."""
        if self._ran_job:
            raise ValueError("job already ran")
        if any(file.size != 0 for file in self._inputs.files):
            self._run_resolved()
        else:  # Hadoop starts no mapper for nothing
            self._counted = dict(bucket.run(self._plan, self._inputs, self._output_dir, self._settings))
            self._ran_job = True

    def _ship(self) -> None:
        super()._ship()
        self._ship_plan(json.dumps(self._plan.to_dict()))
        by_key = {
            "stream.num.map.output.key.fields": len(self._plan.columns) + 1,
            "mapred.partitioner.class": FIELDS_PARTITIONER,
            "mapreduce.partition.keypartitioner.options": f"-k1,{len(self._plan.side.keys)}",
        }
        self._steps = [self._step(by_key, mapper=self._task("map"), reducer=self._task("reduce"))]

    def _collect(self, output: Output) -> None:
        super()._collect(output)
        self._check_parts(output)

    def _describe(self, output: Output) -> Describe:
        self._counted = self._count(output) | {"lines": self._hadoops("Map input records")} | self._reported()
        made = Made(self._plan.job, self._plan.to_dict(), self._inputs, self._arguments, self._counted)
        return bucket.described(self._plan, made)

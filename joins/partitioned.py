"""The partitioned join: both sides are bucketed alike already, and each mapper joins a bucket of one with that of the other.

    fanin bucket events.tsv --on user_id --buckets 64 -o hdfs:///events
    fanin bucket users.tsv --on user_id --buckets 64 -o hdfs:///users
    python -m joins.partitioned --left hdfs:///events --right hdfs:///users --on user_id -r hadoop --output-dir hdfs:///out

    bucket i of the left side ──┐
                                ├─ partitioned, task i ── part i: bucket i of the output
    bucket i of the right side ─┘
    with an aggregate:  ... partitioned ── states ── shuffle: by group ── aggregate ── part files

No row is shuffled, and none sorted. Needs manifests that prove it (`joins.bucketed`). Held in memory: a few blocks, and of
one key the smaller side's rows, then spilled to disk.

What Hadoop gives the mappers is a list of as many lines as there are buckets, a task each: a task's number is that of its
bucket and of its part, in whichever order Hadoop cuts and sorts its splits. It fetches both files itself (`joins.fetch`):
an input format of Hadoop's would read one of them, and number the parts by their sizes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobs.engines.local import Settings
from jobs.errors import FaninError
from jobs.storage.output import Output
from joins.bucketed import buckets, in_buckets
from joins.fetch import Remote
from joins.hadoop import JoinRunner
from joins.job import JoinJob
from joins.local import Sources
from joins.plan import NAMES, JoinPlan
from joins.salting import Hot
from joins.tasks import Task

A_LINE_EACH = "org.apache.hadoop.mapred.lib.NLineInputFormat"


class PartitionedRunner(JoinRunner):
    """Starts a mapper for each bucket; without an aggregate there is no reducer."""

    def __init__(
        self, plan: JoinPlan, sources: Sources, settings: Settings, hot: Sequence[Hot] = (), **kwargs: Any
    ) -> None:
        super().__init__(plan, sources, in_buckets(plan, sources, settings), hot, **kwargs)
        self._buckets = buckets(sources)

    def _join_steps(self) -> list[dict[str, Any]]:
        tasks = Path(self._get_local_tmp_dir()) / "buckets"
        tasks.write_text("".join(f"{number}\n" for number in range(self._buckets)))
        self._input_paths = [str(tasks)]
        self._hadoop_input_format = A_LINE_EACH
        one = {"mapreduce.input.lineinputformat.linespermap": 1}
        if self._plan.aggregate:
            return [
                self._step(one | self._by_group(), mapper=self._task("partitioned"), reducer=self._task("aggregate"))
            ]
        alone = {"mapreduce.job.reduces": 0, "stream.map.output": "keyonlytext"}
        return [self._step(one | alone, mapper=self._task("partitioned"))]

    def _task_plan(self) -> Task:
        pairs = []
        for files in zip(*(self._sources[name].files for name in NAMES), strict=True):
            pair = []
            for file in files:
                assert file.listed
                uri = self._upload_mgr.uri(file.name)
                pair.append(Remote(uri, file.name, file.listed.size, file.listed.records))
            pairs.append(pair)
        return Task(self._plan, self._first(), {}, buckets=pairs)

    def _collect(self, output: Output) -> None:
        if self._hadoops("Map input records", step=0) != self._buckets:
            raise FaninError(f"{output.path}: Hadoop did not start a task for each of the {self._buckets} buckets")
        super()._collect(output)

    def _lines(self) -> int:
        return sum(file.listed.records for name in NAMES for file in self._sources[name].files if file.listed)


class PartitionedJoin(JoinJob):
    """Joins two inputs that are bucketed alike."""

    strategy = "partitioned"


if __name__ == "__main__":
    PartitionedJoin.run()

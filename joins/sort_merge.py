"""The sort-merge join: both sides are sorted by the shuffle, and meet in reducers.

    python -m joins.sort_merge --left events.tsv --right users.tsv --on user_id -r hadoop --output-dir hdfs:///out

    files ── map ── shuffle: divided by key, sorted by key and side ── merge ── part files
    with an aggregate:  ... merge ── states ── shuffle: by group ── aggregate ── part files

Needs nothing of its inputs. Held in memory: one key's rows of the smaller side, then spilled to disk.
"""

from typing import Any

from joins.hadoop import JoinRunner
from joins.job import JoinJob

FIELDS_PARTITIONER = "org.apache.hadoop.mapred.lib.KeyFieldBasedPartitioner"


class SortMergeRunner(JoinRunner):
    """Sorts both sides, and merges them in reducers."""

    def _join_steps(self) -> list[dict[str, Any]]:
        keys = self._shuffled_keys()
        by_key = {
            "stream.num.map.output.key.fields": keys + 1,
            "mapred.partitioner.class": FIELDS_PARTITIONER,
            "mapreduce.partition.keypartitioner.options": f"-k1,{keys}",
        }
        steps = [self._step(by_key, mapper=self._task("map"), reducer=self._task("merge"))]
        if self._plan.aggregate:
            steps.append(self._step(self._by_group(), mapper=["cat"], reducer=self._task("aggregate")))
        return steps

    def _shuffled_keys(self) -> int:
        """How many columns come before a side's tag."""
        return len(self._plan.left.keys)


class SortMergeJoin(JoinJob):
    """Joins two inputs that the shuffle sorts."""

    strategy = "sort_merge"


if __name__ == "__main__":
    SortMergeJoin.run()

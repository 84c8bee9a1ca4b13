"""The sort-merge join: both sides are sorted by the shuffle, and meet in reducers.

    python -m joins.sort_merge --left events.tsv --right users.tsv --on user_id -r hadoop --output-dir hdfs:///out

Needs nothing of its inputs. Held in memory: one key's rows of the smaller side, then spilled to disk.
"""

from joins.job import JoinJob


class SortMergeJoin(JoinJob):
    """Joins two inputs that the shuffle sorts."""

    strategy = "sort_merge"


if __name__ == "__main__":
    SortMergeJoin.run()

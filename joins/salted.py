"""The salted join: a sort-merge join whose common keys are spread over several reducers.

    python -m joins.salted --left events.tsv --right users.tsv --on user_id -r hadoop --output-dir hdfs:///out

The driver reads a sample of both sides to find common keys; `joins.salting` says how they are spread. Which they are is nothing
that the answer depends on. Held in memory: as sort_merge. Records of a salted key are in several parts.
"""

from dataclasses import replace
from typing import Any

from jobs.database import Limits, database
from jobs.errors import UsageError
from jobs.rowwise import names_used
from joins.job import JoinJob
from joins.plan import JoinPlan
from joins.salting import salted
from joins.sort_merge import SortMergeRunner
from joins.stages import ALIAS
from joins.tasks import Task


class SaltedRunner(SortMergeRunner):
    """Puts a salt in front of each key."""

    sorts = False

    def __init__(self, plan: JoinPlan, *args: Any, **kwargs: Any) -> None:
        super().__init__(plan, *args, **kwargs)
        salted(self._plan, self._hot)  # refuses columns of the salt's own names
        if self._plan.select:
            with database(Limits(64_000_000, 1)) as connection:
                used = names_used(connection, f"SELECT {self._plan.select}")
            if used is None or used & set(ALIAS.values()):
                raise UsageError("--strategy salted: name each column in --select, in place of * or a whole row")

    def _task_plan(self) -> Task:
        return replace(super()._task_plan(), hot=list(self._hot))

    def _shuffled_keys(self) -> int:
        return super()._shuffled_keys() + 1


class SaltedJoin(JoinJob):
    """Joins two inputs that the shuffle sorts, and spreads common keys."""

    strategy = "salted"


if __name__ == "__main__":
    SaltedJoin.run()

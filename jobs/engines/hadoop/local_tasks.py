"""Why a task failed that Hadoop's client has run itself (LocalJobRunner): its words lie between the lines of the client's log.

    … INFO mapred.LocalJobRunner: Starting task: attempt_local1_0001_m_000000_0
    … INFO mapred.MapTask: Processing split: hdfs://…/in.txt:0+6
    … INFO streaming.PipeMapRed: PipeMapRed exec [python3, …]
    Traceback (most recent call last):
    ValueError: wrong
    … INFO streaming.PipeMapRed: MRErrorThread done
    … INFO mapred.LocalJobRunner: Starting task: attempt_local1_0001_m_000001_0
    … WARN mapred.LocalJobRunner: job_local1_0001
    java.lang.Exception: java.lang.RuntimeException: PipeMapRed.waitOutputThreads(): subprocess failed with code 1
        at …
    Caused by: java.lang.RuntimeException: PipeMapRed.waitOutputThreads(): subprocess failed with code 1
        at …

A task is tried once, and the others are run all the same, one after another: the next may begin before the last words of the one that
has failed. Only one that has not says so: `Finishing task`.
"""

import re
from collections import deque
from dataclasses import dataclass, field

from jobs.engines.hadoop import failures
from jobs.engines.hadoop.failures import Failure

MOST = 1000  # lines that are kept of what a task says
LOGGED = re.compile(r"\S+ \S+ [A-Z]+ +[\w$]+\.[\w$.]+(?: \(.*?\))?(?:: | - )(.*)")
JAVAS = re.compile(r"\s+at [\w.$/]+\(|\s*\.\.\. \d+ more|(Caused by: )?(java|org\.apache)\.[\w.$]+(: |$)")


@dataclass
class _Task:
    """A task that has begun.  speaking: whether its command may have said more than has been heard."""

    split: str = ""
    words: deque[str] = field(default_factory=lambda: deque(maxlen=MOST))
    speaking: bool = False


class LocalTasks:
    """Follows the client's log; keeps the words of the first task that has not finished."""

    def __init__(self) -> None:
        self._begun: dict[str, _Task] = {}  # and not finished
        self._last = _Task()
        self._failed = False
        self._reason = ""

    def hear(self, line: str) -> None:
        """Takes notice of one line of the client."""
        logged = LOGGED.match(line)
        if not logged:
            self._hear_a_task(line)
        elif match := re.match(r"Starting task: (\w+)", logged[1]):
            self._last = self._begun[match[1]] = _Task()
        elif match := re.match(r"Finishing task: (\w+)", logged[1]):
            self._begun.pop(match[1], None)
        elif match := re.match(r"Processing split: (?:Paths:)?(.*)", logged[1]):
            self._last.split = match[1]
        elif logged[1].startswith("PipeMapRed exec "):
            self._last.speaking = True
        elif logged[1] == "MRErrorThread done":
            next((task for task in self._begun.values() if task.speaking), self._last).speaking = False
        elif logged[1].startswith("job_local"):
            self._failed = True

    def _hear_a_task(self, line: str) -> None:
        """Takes notice of a line that is no log's: a task's, or Java's on an error."""
        if JAVAS.match(line):
            if self._failed and line.startswith("Caused by: "):
                self._reason = line.removeprefix("Caused by: ")
        elif self._begun:
            first = next(iter(self._begun.values()))
            if first.speaking or (first is self._last and not self._failed):
                first.words.append(line)

    def failure(self) -> Failure | None:
        """Why the job has failed: its first task that has; None if none has."""
        if not (self._begun and self._reason):
            return None
        attempt, task = next(iter(self._begun.items()))
        by_itself = "subprocess failed" in self._reason
        said = failures.own_words("\n".join(task.words)) if by_itself else ""
        return failures.told(failures.task_of(attempt), said, task.split, self._reason)

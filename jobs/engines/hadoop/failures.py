"""Why a task failed: what Hadoop and it itself said, and which input split it had, before its application is gone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.engines.hadoop.yarn import Cluster, Unreachable

LINES = 25  # of what a task said, at most
CHATTER = (
    "log4j:", "SLF4J", "reporter:", "WARNING: ", "Java HotSpot(TM)", "OpenJDK 64-Bit",
    "fanin: interrupted",  # by a node that knows why, such as its container's memory
)  # fmt: skip
SYMPTOMS = re.compile(r"subprocess failed with code|Broken pipe|Stream closed")
"""Of Hadoop's words those that say no more than that a task has ended."""
CODES = {
    "126": "the node cannot run the command",
    "127": "the node has no such command; --node-python or --python-bin names the Python that it has",
    "137": "something killed the task, perhaps for want of memory",
}


@dataclass(frozen=True)
class Failure:
    """One attempt of a task that failed.

    name: of the task.  said: its own words.  split: its input.  reason: Hadoop's words.  hint: what an exit code of a command means.
    """

    name: str
    said: str
    split: str
    reason: str
    hint: str

    @property
    def task(self) -> str:
        """What it is, as map task 0."""
        kind, number = re.findall(r"_([mr])_(\d+)$", self.name)[0]
        return f"{'map' if kind == 'm' else 'reduce'} task {int(number)}"

    def __str__(self) -> str:
        where = f" over {self.split}" if self.split else ""
        hint = f"\n({self.hint})" if self.hint else ""
        reason = "" if self.said and SYMPTOMS.search(self.reason) else self.reason
        return "\n".join(filter(None, [f"{self.task}{where} failed:", reason, self.said])) + hint


def of_attempt(cluster: Cluster, application: str, attempt: str, message: str) -> Failure:
    """Why an attempt failed, while its application lives.  message: what Hadoop's client printed of it."""
    task = task_of(attempt)
    try:
        attempts = cluster.attempts(application, task)
    except (Unreachable, LookupError):
        attempts = []  # the master keeps its services to itself: Hadoop's own words must do
    return _failure(cluster, task, [one for one in attempts if one["id"] == attempt], message.partition("\n")[2])


def of_task(cluster: Cluster, attempts: Sequence[Mapping[str, Any]], task: str) -> Failure:
    """Why a task failed.  attempts: of it, as the history of its ended application has them."""
    failed = [one for one in attempts if one["state"] == "FAILED"]
    return _failure(cluster, task, failed, failed[0]["diagnostics"] if failed else "")


def _failure(cluster: Cluster, task: str, attempts: Sequence[Mapping[str, Any]], message: str) -> Failure:
    said = split = ""
    for attempt in attempts[:1]:
        try:
            node, container = attempt["nodeHttpAddress"], attempt["assignedContainerId"]
            said = own_words(cluster.log(node, container, "stderr"))
            found = re.findall(r"Processing split: (?:Paths:)?(.*)", cluster.log(node, container, "syslog"))
            split = found[-1].strip() if found else ""
        except (OSError, LookupError, ValueError):
            pass  # the node keeps its logs to itself
    return told(task, said, split, message)


def task_of(attempt: str) -> str:
    """The name of an attempt's task."""
    return re.sub(r"^attempt(_\w+_[mr]_\d+)_\d+$", r"task\1", attempt)


def told(task: str, said: str, split: str, message: str) -> Failure:
    """Why a task failed.  message: Hadoop's words."""
    code = re.search(r"subprocess failed with code (\d+)", message)
    return Failure(task, said, split, reason(message), CODES.get(code[1], "") if code else "")


def own_words(stderr: str) -> str:
    """The end of a task's standard error, from its last traceback on, without Java's chatter."""
    lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith(CHATTER)]
    traces = [number for number, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    return "\n".join(lines[traces[-1] if traces else 0 :][-LINES:])


def reason(message: str) -> str:
    """Hadoop's words on a failure, without Java's stack."""
    lines = [line.strip() for line in message.splitlines()]
    told = [line for line in lines if line and not re.match(r"at [\w.$/]+\(|\.\.\. \d+ more", line)]
    return "\n".join(told[:LINES])

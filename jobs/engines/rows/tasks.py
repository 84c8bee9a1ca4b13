"""Tasks and their attempts: a child over some lines, its output kept once it has succeeded, tried again where it has not."""

import functools
import os
import queue
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from jobs.engines.rows.children import ChildFailed, Start, Stopped, Watch
from jobs.engines.rows.step import Command
from jobs.engines.rows.workspace import Workspace
from jobs.errors import FaninError
from jobs.plain_mrjob import translate_jobconf_for_all_versions

TOLD = 20  # lines of a failed child's standard error
REPORTER = b"reporter:"
LEAST_FREE = 1 << 20  # bytes of a disk that is not full

Work = TypeVar("Work")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Task:
    """A mapper, combiner or reducer.  kind: m or r, as in Hadoop's names of tasks.  number: its partition.

    lines: gives its input, anew for each attempt.  of: what that is, in messages.  settings: its own, which it finds in its environment.
    """

    what: str
    kind: str
    number: int
    command: Command
    lines: Callable[[], Iterable[bytes]]
    of: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Tasks:
    """What all tasks of a step share.

    environment: of all tasks.  attempts: how often one is tried.  lenient: whether an exit code tells nothing.
    errors: the folder of their standard error.  say: takes warnings.
    """

    workspace: Workspace
    environment: Mapping[str, str]
    watch: Watch
    attempts: Mapping[str, int]
    lenient: bool
    errors: Path
    say: Callable[[str], None]
    counters: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, task: Task, start: Start, output: Path) -> None:
        """Appends what the task's child writes to the file `output`, ended by \\n; FaninError once all attempts have failed."""
        most = max(1, self.attempts[task.kind])
        for attempt in range(most):
            try:
                self._attempt(task, attempt, start, output)
                return
            except Stopped:
                raise
            except ChildFailed as error:
                if self.watch.over.is_set():
                    raise Stopped("stopped") from None
                failed = f"{task.what} {task.number} failed"
                if attempt + 1 < most:
                    self.say(f"{failed}, and is tried again: {_shortened(str(error))}")
                    continue
                times = "" if most == 1 else f" {most} times"
                raise FaninError(
                    f"{failed}{times}: {error}\n  command: {task.command}\n  input: {task.of}"
                ) from error

    def _attempt(self, task: Task, attempt: int, start: Start, output: Path) -> None:
        name = f"{task.what.split()[0]}-{task.kind}-{task.number:06d}-{attempt}"
        errors = self.errors / f"{name}.stderr"
        environment = {**self.environment, **told({**self._identity(task, attempt), **task.settings})}
        with open(output, "ab") as out, open(errors, "wb") as log, self.workspace.task(name) as folder:
            before = out.tell()
            environment["PWD"] = environment["mapreduce_job_local_dir"] = str(folder)
            try:
                code = self.watch.run(start, task.command, folder, environment, task.lines(), out, log)
                disk = os.statvfs(output)
                if disk.f_bavail * disk.f_frsize < LEAST_FREE:  # the child may have written half, and not told
                    self.watch.over.set()  # before there is room again, and others fail without this reason
                    raise FaninError(f"{output.parent}: disk full; free room there")
                if code and not self.lenient:
                    raise ChildFailed(f"exit code {code}" if code > 0 else f"killed by signal {-code}")
            except BaseException as error:
                os.ftruncate(out.fileno(), before)
                if isinstance(error, ChildFailed):
                    raise ChildFailed(f"{error}{_tail(errors)}") from error
                raise
            if _unended(output, before):
                out.write(b"\n")
        self._count(errors)

    def _identity(self, task: Task, attempt: int) -> dict[str, str]:
        job = self.environment["mapreduce_job_id"].removeprefix("job_")
        name = f"{job}_{task.kind}_{task.number:06d}"
        return {
            "mapreduce.task.id": f"task_{name}",
            "mapreduce.task.attempt.id": f"attempt_{name}_{attempt}",
            "mapreduce.task.partition": str(task.number),
            "mapreduce.task.ismap": "true" if task.kind == "m" else "false",
        }

    def _count(self, errors: Path) -> None:
        """Adds the counters that a child has told of; what it has said besides stays in its file."""
        found: Counter[tuple[str, str]] = Counter()
        with open(errors, "rb") as lines:
            for line in lines:
                if line.startswith(REPORTER + b"counter:"):
                    group, _, rest = (
                        line.decode(errors="replace").strip().removeprefix("reporter:counter:").partition(",")
                    )
                    counter, _, amount = rest.rpartition(",")
                    if counter and amount.strip().lstrip("-").isdecimal():
                        found[group, counter] += int(amount)
        if os.path.getsize(errors) == 0:
            errors.unlink()
        with self._lock:
            self.counters.update(found)


def told(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment that tells settings, under the names of all versions of Hadoop: map_input_file, too.

    >>> told({"mapreduce.task.id": "task_1_m_000000"})
    {'mapred_tip_id': 'task_1_m_000000', 'mapreduce_task_id': 'task_1_m_000000'}
    """
    return {name: value for setting, value in settings.items() for name in _variables(setting)}


@functools.cache
def _variables(setting: str) -> list[str]:
    return [re.sub(r"[^0-9A-Za-z]", "_", name) for name in sorted(translate_jobconf_for_all_versions(setting))]


def side_by_side(
    work: Sequence[Work], workers: int, do: Callable[[Work, int], Done], over: threading.Event
) -> Iterator[Done]:
    """What `do(work, worker)` gives for each, in their order, `workers` at a time.  worker: 0 to workers - 1.

    Whatever ends this early sets `over`, and waits until all that run have ended.
    """
    free: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(workers):
        free.put(number)

    def one(item: Work) -> Done:
        if over.is_set():
            raise Stopped("stopped")
        worker = free.get()
        try:
            return do(item, worker)
        except BaseException:
            over.set()
            raise
        finally:
            free.put(worker)

    with ThreadPoolExecutor(workers) as pool:
        futures: list[Future[Done]] = [pool.submit(one, item) for item in work]
        try:
            for future in futures:
                yield future.result()
        except BaseException as error:
            over.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise (_first(futures) if isinstance(error, Stopped) else error) from None


def _first(futures: Sequence["Future[Done]"]) -> BaseException:
    """The error that stopped the others."""
    for future in futures:
        if not future.cancelled() and (error := future.exception()) and not isinstance(error, Stopped):
            return error
    return Stopped("stopped")


def _unended(file: Path, before: int) -> bool:
    """Whether the last line behind byte `before` has no end."""
    with open(file, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size <= before:
            return False
        stream.seek(size - 1)
        return stream.read(1) not in (b"\n", b"\r")


def _shortened(said: str) -> str:
    """The first line of what went wrong, and the last."""
    first, *others = said.splitlines()
    return f"{first}: {others[-1].strip()}" if others else first


def _tail(errors: Path) -> str:
    """The last lines that a child has said on its standard error, but for those meant for Hadoop."""
    with open(errors, "rb") as stream:
        stream.seek(max(0, errors.stat().st_size - 16_384))
        lines = [line for line in stream.read().splitlines() if not line.startswith(REPORTER)]
    return "".join(f"\n  {line.decode(errors='replace')}" for line in lines[-TOLD:])

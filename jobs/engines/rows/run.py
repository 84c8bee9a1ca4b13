"""A job of steps: each maps, shuffles and reduces; the last one's parts are published, those of others are the next one's input."""

import os
import threading
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import duckdb

from jobs.database import Limits, explain_failure
from jobs.engines.progress import Progress
from jobs.engines.rows.children import Start, Watch, spawn
from jobs.engines.rows.forking import COMBINES
from jobs.engines.rows.lines import records
from jobs.engines.rows.machine import Machine, longest
from jobs.engines.rows.preloaded import Preloaded
from jobs.engines.rows.reaper import Reaper
from jobs.engines.rows.shuffle import shuffle
from jobs.engines.rows.splits import Split, splits
from jobs.engines.rows.step import Command, Step
from jobs.engines.rows.tasks import Task, Tasks, side_by_side, told
from jobs.engines.rows.workspace import Shipped, Workspace
from jobs.storage.base import writing_failed
from jobs.storage.inputs import InputFile, resolve
from jobs.storage.local import STDIN
from jobs.storage.output import Output
from jobs.text.arrow import StreamFailed

READ = 4 << 20
Counts = Counter[tuple[str, str]]


def run(
    name: str,
    steps: Sequence[Step],
    what: Sequence[Shipped],
    files: Sequence[InputFile],
    output: Output,
    machine: Machine,
) -> list[Counts]:
    """Runs all steps over `files`, and writes the last one's parts to `output`; the counters of each step's tasks.

    name: of the job.  what: lies in the folder of every task.
    """
    counters = []
    progress = Progress(sum(file.size or 0 for file in files), machine.quiet)
    try:
        files = [_kept_for_retries(file, output.spill) if file.name == STDIN else file for file in files]
        for number, step in enumerate(steps, 1):
            place = output.spill / f"step-{number}"
            with _Step(step, number, name, place, what, machine, progress) as one, closing(one.parts(files)) as parts:
                if number == len(steps):
                    _write(parts, output)
                else:
                    files = _kept(parts, place)
            counters.append(one.counters)
    except (duckdb.Error, StreamFailed) as error:
        raise explain_failure(error) from error
    except OSError as error:
        raise writing_failed(output.path, error) from error
    finally:
        progress.end()
    return counters


def _kept_for_retries(file: InputFile, place: Path) -> InputFile:
    """Standard input as a file of `place`, since a task that fails reads it again."""
    place.mkdir(exist_ok=True)
    with open(place / "stdin", "xb") as copy:
        copy.writelines(file.chunks())
    return resolve([str(place / "stdin")]).files[0]


def _write(parts: Iterator[Iterator[bytes]], output: Output) -> None:
    """A step's parts as those of the output."""
    for part, lines in enumerate(parts):
        with closing(output.part(part)) as writer:
            for data in lines:
                writer.write(memoryview(data), data.count(b"\n"))


def _kept(parts: Iterator[Iterator[bytes]], place: Path) -> list[InputFile]:
    """A step's parts as files of `place`."""
    names = []
    for part, lines in enumerate(parts):
        names.append(str(place / f"part-{part:05d}"))
        with open(names[-1], "xb") as file:
            file.writelines(lines)
    return [file for name in names for file in resolve([name]).files]


class _Step:
    """One step while it runs."""

    def __init__(
        self,
        step: Step,
        number: int,
        name: str,
        place: Path,
        what: Sequence[Shipped],
        machine: Machine,
        progress: Progress,
    ) -> None:
        self._step, self._number, self._place, self._machine, self._progress = step, number, place, machine, progress
        errors = (machine.logs or place / "stderr") / f"step-{number}"
        for folder in (place, errors):
            folder.mkdir(parents=True, exist_ok=True)
        self._exit = ExitStack()
        self._workspace = Workspace(place, what)
        reaper = self._exit.enter_context(closing(Reaper(f"mapreduce_job_id={machine.job}")))
        self._over = threading.Event()
        self._tasks = Tasks(
            self._workspace,
            environment(step, machine.job, name),
            Watch(step.number("mapreduce.task.timeout") / 1000, self._over, reaper),
            {"m": step.number("mapreduce.map.maxattempts"), "r": step.number("mapreduce.reduce.maxattempts")},
            lenient=step.said("stream.non.zero.exit.is.failure") == "false",
            errors=errors,
            say=machine.warn,
        )
        both = step.mapper.preloaded and step.combiner is not None and step.combiner.preloaded
        self._combined = (
            both and step.parts > 0 and step.keys.fields == 1
        )  # with more, a combiner sees values in order
        self._limits = Limits(machine.memory, machine.workers, place)

    def __enter__(self) -> "_Step":
        return self

    def __exit__(self, *error: object) -> None:
        self._exit.close()

    @property
    def counters(self) -> Counts:
        return self._tasks.counters

    def parts(self, files: Sequence[InputFile]) -> Generator[Iterator[bytes]]:
        """The lines of each part, in their order."""
        reducing = self._step.parts > 0
        mapped = self._map(files, reducing)
        if not reducing:
            for path in mapped:
                yield self._finished(path, "map")
            return
        reducer = self._step.reducer
        start = self._start(reducer) if reducer else spawn
        sorted_parts = self._shuffled(sorted(set(mapped)))
        if reducer is None:
            yield from map(_taken, sorted_parts)
            return

        def reduce(part: int, worker: int) -> Path:
            del worker
            path, written = sorted_parts[part], self._place / f"reduced-{part:05d}"
            task = Task(self._called("reducer"), "r", part, reducer, lambda: _chunks(path), f"part {part}")
            written.touch()
            self._tasks.run(task, start, written)
            path.unlink()
            return written

        self._progress.say("reducing")
        for path in side_by_side(range(len(sorted_parts)), self._machine.workers, reduce, self._over):
            yield self._finished(path, "reduce")

    def _map(self, files: Sequence[InputFile], reducing: bool) -> Iterator[Path]:
        """Where the map tasks have written, in their order: to a file of their worker, or to one of their own."""
        found = splits(files, self._step, self._machine.workers, longest(self._limits.memory))
        start = self._start(self._step.mapper, {COMBINES: "1"} if self._combined else None)
        combiner = None if self._combined or not reducing else self._step.combiner
        combine = self._start(combiner) if combiner else None
        read: Counter[str] = Counter()

        def map(item: tuple[int, Split], worker: int) -> Path:
            number, split = item
            path = self._place / (f"map-{worker}" if reducing and not combiner else f"map-task-{number:06d}")
            task = Task(self._called("mapper"), "m", number, self._step.mapper, split.chunks, str(split), _of(split))
            path.touch()
            self._tasks.run(task, start, path)
            read.update(read=split.length)
            self._progress(read)
            if combiner and combine:
                return self._combine(number, worker, path, combiner, combine, split)
            return path

        yield from side_by_side(list(enumerate(found)), self._machine.workers, map, self._over)

    def _combine(self, number: int, worker: int, mapped: Path, combiner: Command, start: Start, split: Split) -> Path:
        """Combines what one mapper has written."""
        ordered, path = mapped.with_suffix(".sorted"), self._place / f"map-{worker}"
        with open(ordered, "xb") as file:
            shuffle([mapped], self._step.keys, 1, Limits(self._limits.memory // self._machine.workers, 1, self._place),
                    lambda part, data: file.write(data))  # fmt: skip
        mapped.unlink()
        path.touch()
        if ordered.stat().st_size:
            task = Task(
                self._called("combiner"), "m", number, combiner, lambda: _chunks(ordered), str(split), _of(split)
            )
            self._tasks.run(task, start, path)
        ordered.unlink()
        return path

    def _shuffled(self, mapped: Sequence[Path]) -> list[Path]:
        """Sorted lines by part, one file each."""
        self._progress.say("sorting")
        keys, paths = self._step.keys, [self._place / f"sorted-{part:05d}" for part in range(self._step.parts)]
        if self._step.reducer is None:
            keys = replace(keys, reducer_separator=self._step.said("mapreduce.output.textoutputformat.separator"))
        with ExitStack() as files:
            opened = [files.enter_context(open(path, "xb")) for path in paths]
            shuffle(mapped, keys, len(paths), self._limits, lambda part, data: opened[part].write(data))
        for path in mapped:
            path.unlink()
        return paths

    def _finished(self, path: Path, kind: str) -> Iterator[bytes]:
        """The lines that Hadoop would write, of those that a child has written to a file, which is gone then."""
        yield from records(path, self._step, kind, longest(self._limits.memory))
        path.unlink()

    def _start(self, command: Command, more: Mapping[str, str] | None = None) -> Start:
        if not command.preloaded:
            return spawn
        errors = self._place / "preloaded.stderr"
        loaded = Preloaded(command, self._workspace.shared, {**self._tasks.environment, **(more or {})}, errors)
        self._exit.callback(loaded.close)
        return loaded

    def _called(self, kind: str) -> str:
        return f"{kind}" if self._number == 1 else f"step {self._number}'s {kind}"


def environment(step: Step, job: str, name: str) -> dict[str, str]:
    """What all tasks of a step find in their environment: this process's, the settings, and what is said by -cmdenv."""
    settings = {
        "mapreduce.job.id": job,
        "mapreduce.job.name": name,
        "mapreduce.framework.name": "local",
        "mapreduce.job.reduces": str(step.parts),
        **step.settings,
    }
    return {**os.environ, **told(settings), **step.environment}


def _of(split: Split) -> dict[str, str]:
    return {
        "mapreduce.map.input.file": split.uri,
        "mapreduce.map.input.start": str(split.start),
        "mapreduce.map.input.length": str(split.length),
    }


def _taken(path: Path) -> Iterator[bytes]:
    """The lines of a file, which is gone then."""
    yield from _chunks(path)
    path.unlink()


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        while data := file.read(READ):
            yield data

"""Children: the processes that map, combine and reduce. They are fed, watched, and never outlive their task."""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from jobs.engines.rows.reaper import Reaper
from jobs.engines.rows.step import Command
from jobs.errors import FaninError

LOOK = 0.2  # seconds between two looks at a child that does nothing
PIPE = 1 << 20  # bytes that may wait for a child
LEFT = 128 << 10
"""Bytes of its input that a child may leave unread: Hadoop Streaming's buffer, whose last flush may fail there."""


class ChildFailed(FaninError):
    """A child that failed: its exit code, or what else went wrong."""


class Stopped(FaninError):
    """A child that was killed because another task has failed."""


class Process(Protocol):
    """A running child.  pid: also of the group of all processes that it starts."""

    @property
    def pid(self) -> int: ...
    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal; None if it still runs after so long."""


class Start(Protocol):
    """Starts a child in `folder`, with `environment`, and descriptors for its standard input, output and error."""

    def __call__(
        self, command: Command, folder: Path, environment: Mapping[str, str], descriptors: tuple[int, int, int]
    ) -> Process: ...


class _Spawned:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process, self.pid = process, process.pid

    def wait(self, seconds: float) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None


def spawn(
    command: Command, folder: Path, environment: Mapping[str, str], descriptors: tuple[int, int, int]
) -> Process:
    """Starts a program: one in its folder goes before one on PATH, as in Hadoop Streaming."""
    program, *arguments = command.arguments
    local = folder / program
    if not os.path.isabs(program) and local.is_file():
        if not os.access(local, os.X_OK):
            local.chmod(local.stat().st_mode | 0o111)
        program = str(local)
    elif not shutil.which(program, path=environment.get("PATH")):
        raise ChildFailed(f"no program {program!r} in the task's folder or on PATH; -files {program} puts it there")
    read, write, errors = descriptors
    try:
        return _Spawned(
            subprocess.Popen(
                [program, *arguments], stdin=read, stdout=write, stderr=errors, cwd=folder, env=dict(environment),
                start_new_session=True,
            )
        )  # fmt: skip
    except OSError as error:
        hint = "; its first line must be like #!/usr/bin/env python3" if error.errno == 8 else ""
        raise ChildFailed(f"{program}: cannot be started: {error.strerror}{hint}") from error


@dataclass
class Watch:
    """Kills a child that does nothing.  timeout: seconds, 0 for never.  over: set when all are to stop.

    reaper: kills children if this process is killed.
    """

    timeout: float
    over: threading.Event
    reaper: Reaper

    def run(
        self, start: Start, command: Command, folder: Path, environment: Mapping[str, str],
        lines: Iterable[bytes], out: IO[bytes], errors: IO[bytes],
    ) -> int:  # fmt: skip
        """Runs a child over `lines` until it has ended; its exit code. None of its processes is left, whatever happens."""
        read, write = os.pipe()
        try:
            process = start(command, folder, environment, (read, out.fileno(), errors.fileno()))
        except BaseException:
            os.close(write)
            raise
        finally:
            os.close(read)
        self.reaper.watch(process.pid)
        ended = False
        try:
            outputs = (out.fileno(), errors.fileno())
            with ExitStack() as stack:
                try:
                    unread = self._feed(write, lines, outputs)
                    waiting = stack.enter_context(_reopened(write))
                finally:
                    os.close(write)
                code = self._wait(process, outputs)
                ended = True
                unread += _in(waiting)
        finally:
            if not ended:
                _kill(process)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it has left in the background
            self.reaper.forget(process.pid)
        if unread > LEFT and code == 0:
            raise ChildFailed(
                "ended before it had read all of its input, which fails on Hadoop, too; let it read to the end"
            )
        return code

    def _feed(self, pipe: int, lines: Iterable[bytes], outputs: tuple[int, ...]) -> int:
        """Writes the lines to the child; about how many bytes were not taken, as far as LEFT."""
        _widen(pipe)
        os.set_blocking(pipe, False)
        poll = select.poll()
        poll.register(pipe, select.POLLOUT)
        alive = _Alive(self, outputs)
        chunks = iter(lines)
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                try:
                    rest = rest[os.write(pipe, rest) :]
                    alive.now()
                except BlockingIOError:
                    if not poll.poll(LOOK * 1000):
                        alive.look()
                except BrokenPipeError:
                    left = len(rest)
                    while left <= LEFT and (chunk := next(chunks, b"")):
                        left += len(chunk)
                    return left
        return 0

    def _wait(self, process: Process, outputs: tuple[int, ...]) -> int:
        alive = _Alive(self, outputs)
        while (code := process.wait(LOOK)) is None:
            alive.look()
        return code


class _Alive:
    """When a child was last seen to do something: to read, or to write."""

    def __init__(self, watch: Watch, outputs: tuple[int, ...]) -> None:
        self._watch, self._outputs = watch, outputs
        self._sizes = self._written()
        self._seen = time.monotonic()

    def now(self) -> None:
        self._seen = time.monotonic()
        if self._watch.over.is_set():
            raise Stopped("stopped")

    def look(self) -> None:
        """Raises Stopped if all are to stop, and ChildFailed if it has been silent for too long."""
        if self._watch.over.is_set():
            raise Stopped("stopped")
        if (sizes := self._written()) != self._sizes:
            self._sizes, self._seen = sizes, time.monotonic()
        if self._watch.timeout and time.monotonic() - self._seen > self._watch.timeout:
            raise ChildFailed(
                f"did nothing for {self._watch.timeout:g} s and was killed; -D mapreduce.task.timeout=MS allows more"
            )

    def _written(self) -> list[int]:
        return [os.fstat(descriptor).st_size for descriptor in self._outputs]


def _kill(process: Process) -> None:
    """Kills a child and what it has started, and waits for it."""
    while True:
        for kill in (os.killpg, os.kill):  # it may be too young to lead its group
            with suppress(ProcessLookupError, PermissionError):
                kill(process.pid, signal.SIGKILL)
        if process.wait(LOOK) is not None:
            return


@contextmanager
def _reopened(pipe: int) -> Iterator[int | None]:
    """The reading end of a pipe that is written to, which tells how much waits in it; Linux alone gives it."""
    try:
        end = os.open(f"/proc/self/fd/{pipe}", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        yield None
        return
    try:
        yield end
    finally:
        os.close(end)


def _in(pipe: int | None) -> int:
    """Bytes that wait in a pipe."""
    if pipe is None:
        return 0
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def _widen(pipe: int) -> None:
    with suppress(OSError, AttributeError):  # Linux alone has it
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)

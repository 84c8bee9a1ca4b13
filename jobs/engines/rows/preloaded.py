"""Tasks of an mrjob class, forked from a process that has imported it: a task costs a fork where it would cost an import.

    python -m jobs.engines.rows.preloaded SOCKET JOB.py --mapper --step-num=0 ...

The script runs as it does on a node, until its job would read its input. There it waits for a line on SOCKET, a Unix socket, for each
worker of the engine, and serves the worker with a process of its own: that forks for each task, and tells its process id, then its
exit code. A task's process has its own folder, environment, standard streams and session; what it does to its memory dies with it.
"""

import atexit
import ctypes
import gc
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from jobs.engines.rows.children import ChildFailed, Process
from jobs.engines.rows.step import Command
from jobs.plain_mrjob import MRJob
from jobs.tasks.script import run

LENGTH = struct.Struct("!I")
ANSWER = struct.Struct("!i")
COMBINES = "FANIN_COMBINES"  # set where a mapper's pairs are to be combined in its process


class Preloaded:
    """The engine's side: starts tasks of one command.  environment: of all its tasks, who tell only what differs."""

    def __init__(self, command: Command, folder: Path, environment: Mapping[str, str], errors: Path) -> None:
        self._environment, self._errors = dict(environment), errors
        self._workers = threading.local()
        self._lock = threading.Lock()
        self._base, theirs = socket.socketpair()
        python, *script = command.arguments
        with theirs, open(errors, "wb") as log:
            self._process = subprocess.Popen(
                [python, "-m", __name__, str(theirs.fileno()), *script], cwd=folder, env=self._environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip

    def __call__(
        self, command: Command, folder: Path, environment: Mapping[str, str], descriptors: tuple[int, int, int]
    ) -> Process:
        del command  # it is always the same
        worker = self._worker()
        differs = {name: value for name, value in environment.items() if self._environment.get(name) != value}
        _send(worker, {"folder": str(folder), "environment": differs}, descriptors)
        return _Forked(self._answer(worker), worker, self)

    def close(self) -> None:
        """Ends all that has been preloaded."""
        self._base.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _worker(self) -> socket.socket:
        """This thread's end of its own server's socket."""
        if not hasattr(self._workers, "socket"):
            ours, theirs = socket.socketpair()
            with self._lock, theirs:
                _send(self._base, {}, [theirs.fileno()])
            self._workers.socket = ours
        return self._workers.socket  # type: ignore[no-any-return]

    def _answer(self, worker: socket.socket) -> int:
        try:
            data = worker.recv(ANSWER.size, socket.MSG_WAITALL)
        except ConnectionError:
            data = b""
        if len(data) < ANSWER.size:
            said = self._errors.read_text(errors="replace").strip()
            raise ChildFailed(f"cannot be loaded:\n{said}" if said else "cannot be loaded: it ended without a word")
        return int(ANSWER.unpack(data)[0])


class _Forked:
    """A task's process.  server: what tells its end."""

    def __init__(self, pid: int, server: socket.socket, preloaded: Preloaded) -> None:
        self.pid, self._server, self._preloaded = pid, server, preloaded
        self._code: int | None = None

    def wait(self, seconds: float) -> int | None:
        if self._code is None:
            self._server.settimeout(seconds)
            try:
                self._server.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                return None
            finally:
                self._server.settimeout(None)
            self._code = self._preloaded._answer(self._server)
        return self._code


def _send(to: socket.socket, message: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    data = json.dumps(message).encode()
    try:
        socket.send_fds(to, [LENGTH.pack(len(data))], descriptors)
        to.sendall(data)
    except ConnectionError:
        pass  # its end is told by the answer that does not come


def _receive(source: socket.socket, descriptors: int) -> tuple[dict[str, Any], list[int]] | None:
    length, found, _, _ = socket.recv_fds(source, LENGTH.size, descriptors)
    if not length:
        return None
    data = source.recv(LENGTH.unpack(length)[0], socket.MSG_WAITALL)
    return json.loads(data), found


def main(base: int, script: str, arguments: Sequence[str]) -> None:
    """Runs the script of a job up to where its task would begin."""
    _die_with_parent()
    run(script, arguments, MRJob, lambda job: _serve_workers(socket.socket(fileno=base), job))


def _serve_workers(base: socket.socket, job: Any) -> NoReturn:
    combiner = type(job)(_as_combiner(job._cl_args)) if os.environ.get(COMBINES) else None
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # servers of workers are not waited for
    gc.collect()
    gc.freeze()  # or each task would copy all pages that hold objects
    while received := _receive(base, 1):
        worker = socket.socket(fileno=received[1][0])
        if os.fork() == 0:
            _die_with_parent()
            base.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _serve_tasks(worker, job, combiner)
        worker.close()
    os._exit(0)


def _serve_tasks(worker: socket.socket, job: Any, combiner: Any) -> NoReturn:
    while received := _receive(worker, 3):
        message, descriptors = received
        pid = os.fork()
        if pid == 0:
            _die_with_parent()
            worker.close()
            os.setsid()
            _run(job, combiner, message, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        worker.sendall(ANSWER.pack(pid))
        _, status = os.waitpid(pid, 0)
        worker.sendall(ANSWER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _run(job: Any, combiner: Any, message: dict[str, Any], descriptors: Sequence[int]) -> NoReturn:
    code = 1
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(message["folder"])
        os.environ.update(message["environment"], PWD=message["folder"])
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        step = job.options.step_num
        counters = [_Counters(one) for one in (job, combiner) if one]
        if combiner:
            from jobs.engines.rows import combining

            combining.run(job, combiner, step)
        elif job.options.run_mapper:
            job.run_mapper(step)
        elif job.options.run_combiner:
            job.run_combiner(step)
        else:
            job.run_reducer(step)
        for one in counters:
            one.tell()
        atexit._run_exitfuncs()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    try:
        sys.stdout.flush()
    except OSError:
        code = code or 1
    with suppress(OSError):
        sys.stderr.flush()
    os._exit(code & 0xFF)


class _Counters:
    """Stands in for a job's increment_counter, which writes a line each time: adds, and tells once a second and at the end."""

    def __init__(self, job: Any) -> None:
        self._told, self._added, self._next = job.increment_counter, Counter[tuple[str, str]](), 0.0
        job.increment_counter = self

    def __call__(self, group: str, counter: str, amount: int = 1) -> None:
        if not isinstance(amount, int):
            self._told(group, counter, amount)  # refuses it
        self._added[group, counter] += amount
        if (now := time.monotonic()) >= self._next:
            self._next = now + 1
            self.tell()

    def tell(self) -> None:
        for (group, counter), amount in self._added.items():
            self._told(group, counter, amount)
        self._added.clear()


def _die_with_parent() -> None:
    """Has this process killed when the one that forked it is gone, whatever killed that; Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _as_combiner(arguments: Sequence[str]) -> list[str]:
    return ["--combiner" if argument == "--mapper" else argument for argument in arguments]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])

"""The process that tasks of an mrjob class are forked from: it has imported the class, and so a task costs a fork.

    python -m jobs.engines.rows.forking SOCKET JOB.py --mapper --step-num=0 ...

The script runs as it does on a node, until its job would read its input. There it waits for a line on SOCKET, a Unix socket, for each
worker of the engine, and serves the worker with a process of its own: that forks for each task, and tells its process id, then its
exit code. A task's process has its own folder, environment, standard streams and session; what it does to its memory dies with it.

Little is imported here: what a fork costs grows with the memory of the process.
"""

import atexit
import ctypes
import gc
import json
import os
import signal
import socket
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from jobs.engines.rows import combining
from jobs.plain_mrjob import MRJob
from jobs.tasks.script import run

LENGTH = struct.Struct("!I")
ANSWER = struct.Struct("!i")
PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
"""Looked up here, and not by each task, which would touch 60 pages for it."""
COMBINES = "FANIN_COMBINES"  # set where a mapper's pairs are to be combined in its process


def send(to: socket.socket, message: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    data = json.dumps(message).encode()
    try:
        socket.send_fds(to, [LENGTH.pack(len(data))], descriptors)
        to.sendall(data)
    except ConnectionError:
        pass  # its end is told by the answer that does not come


def receive(source: socket.socket, descriptors: int) -> tuple[dict[str, Any], list[int]] | None:
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
    """Their servers, a few, live as long as this process, and are left to whoever waits for orphans, with the CPU time that they used."""
    combiner = type(job)(_as_combiner(job._cl_args)) if os.environ.get(COMBINES) else None
    gc.collect()
    gc.freeze()  # or each task would copy all pages that hold objects
    while received := receive(base, 1):
        worker = socket.socket(fileno=received[1][0])
        if os.fork() == 0:
            _die_with_parent()
            base.close()
            _serve_tasks(worker, job, combiner)
        worker.close()
    os._exit(0)


def _serve_tasks(worker: socket.socket, job: Any, combiner: Any) -> NoReturn:
    while received := receive(worker, 3):
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
    if PRCTL:
        PRCTL(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _as_combiner(arguments: Sequence[str]) -> list[str]:
    return ["--combiner" if argument == "--mapper" else argument for argument in arguments]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])

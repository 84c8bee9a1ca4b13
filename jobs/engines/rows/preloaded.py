"""Tasks of an mrjob class, started where it has been imported already: the engine's side of jobs.engines.rows.forking."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jobs.engines.rows import forking
from jobs.engines.rows.children import ChildFailed, Process
from jobs.engines.rows.step import Command


class Preloaded:
    """Starts tasks of one command.  environment: of all its tasks, who tell only what differs."""

    def __init__(self, command: Command, folder: Path, environment: Mapping[str, str], errors: Path) -> None:
        self._environment, self._errors = dict(environment), errors
        self._workers = threading.local()
        self._lock = threading.Lock()
        self._base, theirs = socket.socketpair()
        python, *script = command.arguments
        with theirs, open(errors, "wb") as log:
            self._process = subprocess.Popen(
                [python, "-m", forking.__name__, str(theirs.fileno()), *script], cwd=folder, env=self._environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip

    def __call__(
        self, command: Command, folder: Path, environment: Mapping[str, str], descriptors: tuple[int, int, int]
    ) -> Process:
        del command  # it is always the same
        worker = self._worker()
        differs = {name: value for name, value in environment.items() if self._environment.get(name) != value}
        forking.send(worker, {"folder": str(folder), "environment": differs}, descriptors)
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
                forking.send(self._base, {}, [theirs.fileno()])
            self._workers.socket = ours
        return self._workers.socket  # type: ignore[no-any-return]

    def _answer(self, worker: socket.socket) -> int:
        try:
            data = worker.recv(forking.ANSWER.size, socket.MSG_WAITALL)
        except ConnectionError:
            data = b""
        if len(data) < forking.ANSWER.size:
            said = self._errors.read_text(errors="replace").strip()
            raise ChildFailed(f"cannot be loaded:\n{said}" if said else "cannot be loaded: it ended without a word")
        return int(forking.ANSWER.unpack(data)[0])


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

"""What happens in a flow's runs, as JSON lines, and the lock that keeps two runs apart.

Both lie in the user's own folder of states, by the outputs that the flow writes with its parameters.
"""

import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from jobs.errors import FaninError, UsageError
from jobs.flows.graph import Graph

LOOKS, LOOK = 5, 0.02  # times, seconds


class Busy(FaninError):
    """Another run holds the lock."""


def place(graph: Graph, suffix: str) -> Path:
    """The file of that suffix that is kept of a graph's runs."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return home / "fanin" / "flows" / f"{graph.name}-{graph.key[:16]}{suffix}"


@contextmanager
def locked(graph: Graph) -> Iterator[None]:
    """Holds the flow's lock; Busy, with the other's process id, if a run of the same outputs is under way."""
    with _opened(graph) as held:
        if not _lock(held, fcntl.LOCK_EX):
            held.seek(0)
            process = held.read().strip() or "unknown"
            raise Busy(f"{graph.name}: another run of this flow is under way, process {process}; wait for it")
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        try:
            yield
        finally:
            held.truncate(0)


def is_running(graph: Graph) -> bool:
    """Whether a run of the same outputs is under way."""
    with _opened(graph) as held:
        return not _lock(held, fcntl.LOCK_SH)


def _opened(graph: Graph) -> TextIO:
    file = place(graph, ".lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    return open(file, "a+")


def _lock(held: TextIO, kind: int) -> bool:
    """Whether the lock could be taken; one who only looks has it for a moment."""
    for _ in range(LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(held, kind | fcntl.LOCK_NB)
            return True
        time.sleep(LOOK)
    return False


class Journal:
    """Where events go: to the flow's own file, and to one that the user names, `-` for standard output."""

    def __init__(self, graph: Graph, events: str | None) -> None:
        self._flow = graph.name
        self._lock = threading.Lock()
        self._own: TextIO = open(place(graph, ".events"), "w")  # noqa: SIM115
        try:
            self._user = None if events is None else sys.stdout if events == "-" else open(events, "a")  # noqa: SIM115
        except OSError as error:
            raise UsageError(f"--events {events}: cannot be written: {error.strerror}") from error

    def tell(self, event: str, **said: Any) -> None:
        """Writes one event, with its time."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": at, "flow": self._flow, "event": event, **said}) + "\n"
        with self._lock:
            for file in (self._own, self._user):
                if file:
                    file.write(line)
                    file.flush()

    def say(self, text: str) -> None:
        """Tells a person something on standard error."""
        with self._lock:
            print(f"fanin: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        self._own.close()
        if self._user and self._user is not sys.stdout:
            self._user.close()


def last(graph: Graph) -> dict[str, dict[str, Any]]:
    """The last event of each node in the flow's last run."""
    found: dict[str, dict[str, Any]] = {}
    with suppress(FileNotFoundError), open(place(graph, ".events")) as lines:
        for line in lines:
            with suppress(ValueError):  # one that was cut off
                event = json.loads(line)
                if "step" in event:
                    found[event["step"]] = event
    return found

"""What happens in a flow's runs, as JSON lines, and the lock that keeps two runs apart.

Both lie in the user's own folder of states, by the outputs that the flow writes with its parameters.
"""

import fcntl
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from jobs.errors import FaninError, UsageError
from jobs.flows.flow import Graph
from jobs.storage.manifest import digest
from jobs.storage.places import absolute


class Busy(FaninError):
    """Another run holds the lock."""


def place(graph: Graph) -> Path:
    """The file, without its suffix, of what is kept of a graph's runs."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    outputs = sorted(absolute(node.output) for node in graph.nodes.values())
    return home / "fanin" / "flows" / f"{graph.name}-{digest(outputs)[:16]}"


@contextmanager
def locked(graph: Graph) -> Iterator[None]:
    """Holds the flow's lock; Busy, with the other's process id, if a run of the same outputs is under way."""
    file = place(graph).with_suffix(".lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise Busy(
                f"{graph.name}: another run of this flow is under way, process {held.read().strip() or 'unknown'}; wait for it"
            ) from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        try:
            yield
        finally:
            held.truncate(0)


def is_running(graph: Graph) -> bool:
    """Whether a run of the same outputs is under way."""
    try:
        with locked(graph):
            return False
    except Busy:
        return True


class Journal:
    """Where events go: to the flow's own file, and to one that the user names, `-` for standard output."""

    def __init__(self, graph: Graph, events: str | None) -> None:
        self._flow = graph.name
        self._lock = threading.Lock()
        self._own: TextIO = open(place(graph).with_suffix(".events"), "w")  # noqa: SIM115
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
    with suppress(FileNotFoundError), open(place(graph).with_suffix(".events")) as lines:
        for line in lines:
            with suppress(ValueError):  # one that was cut off
                event = json.loads(line)
                if "step" in event:
                    found[event["step"]] = event
    return found

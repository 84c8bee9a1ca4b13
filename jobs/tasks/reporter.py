"""What a task tells Hadoop Streaming, by lines on stderr: that it lives, and a few counters."""

import sys
import threading
from types import TracebackType

EVERY = 30  # seconds; Hadoop kills a task that is silent for ten minutes
GROUP = "fanin"


class Reporter:
    """A context in which a heartbeat goes out while a long query is silent."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Reporter":
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._heart.join()

    def count(self, counter: str, amount: int) -> None:
        """Adds to a counter of the job."""
        _say(f"reporter:counter:{GROUP},{counter},{amount}")

    def _beat(self) -> None:
        seconds = 0
        while not self._over.wait(EVERY):
            seconds += EVERY
            _say(f"reporter:status:running for {seconds} s")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()

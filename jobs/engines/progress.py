"""How far a run is, on a terminal; not a word elsewhere."""

import sys
import time
from collections import Counter
from typing import TextIO

EVERY = 0.2  # seconds between two lines


class Progress:
    """Bytes read, rate and time left, on one line of a terminal that is erased at the end.

    total: bytes to read, or None where that is not known.
    """

    def __init__(self, total: int | None, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._on = not quiet and self._stream.isatty()
        self._total = total
        self._start = self._last = time.monotonic()

    def __call__(self, counters: Counter[str]) -> None:
        """Shows the bytes read so far, at most every EVERY seconds."""
        if self._on and (now := time.monotonic()) - self._last >= EVERY:
            self._last = now
            self._show(describe(counters["read"], self._total, now - self._start))

    def say(self, text: str) -> None:
        """Shows what is done now instead of reading."""
        if self._on:
            self._show(text)

    def end(self) -> None:
        """Erases the line."""
        if self._on:
            self._show("")

    def _show(self, text: str) -> None:
        self._stream.write(f"\r\033[K{text}")
        self._stream.flush()


def describe(read: int, total: int | None, seconds: float) -> str:
    """One line of progress.

    >>> describe(250_000_000, 1_000_000_000, 2.0)
    '250 MB of 1000 MB (25 %), 125 MB/s, 6 s left'
    """
    rate = read / seconds
    text = f"{read / 1e6:.0f} MB"
    if total:
        text += f" of {total / 1e6:.0f} MB ({100 * read // total} %)"
    text += f", {rate / 1e6:.0f} MB/s"
    if total and rate:
        text += f", {max(total - read, 0) / rate:.0f} s left"
    return text

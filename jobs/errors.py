"""What goes wrong, said to a person: one message, one exit code, no traceback."""

import io
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

USAGE = 2
FAILED = 1
PATIENCE = 5  # seconds in which a second signal does not cut off the cleaning up after the first
SIGNALLED = 128  # plus the signal, as a shell reports a process that a signal ended


class FaninError(Exception):
    """A run that failed: what, where, and what to do about it."""

    exit_code = FAILED


class UsageError(FaninError):
    """A command or a job refused before any input is read."""

    exit_code = USAGE


class DeclarationError(UsageError):
    """A wrong declaration.  attribute: of the job class.  line: of its SQL text, from 1, where that is known."""

    def __init__(self, attribute: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.attribute, self.line = attribute, line


class _Unwritable(FaninError):
    """Standard output that takes no more."""


class _StandardOutput(io.FileIO):
    """Standard output, whose failures are told as its own; a reader that has seen enough is none."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _Unwritable(
                f"standard output: cannot be written: {error.strerror}; what is there is cut off"
            ) from error


def without_class(message: str) -> str:
    """What DuckDB says, without the class of its error.

    >>> without_class('Binder Error: Referenced column "x" not found')
    'Referenced column "x" not found'
    """
    return re.sub(r"^[A-Z][A-Za-z ]+ Error: ", "", message).strip()


def exit_code(action: Callable[[], object]) -> int:
    """Runs a command's `action`; its exit code, what went wrong told on stderr.

    With --verbose or -v on the command line the traceback is told, too. SIGINT and SIGTERM end the action as
    KeyboardInterrupt does, so that it cleans up; what a library makes of that on the way is not told.
    """
    sys.stdout = _standard_output()
    received: list[int] = []
    since: list[float] = []

    def stop(number: int, frame: object) -> None:
        del frame
        again = bool(received) and time.monotonic() - since[0] < PATIENCE
        received.append(number)
        if not again:
            since[:] = [time.monotonic()]
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        try:
            action()
        except SystemExit:  # of a help that was printed
            _flush()
            raise
        _flush()
        return 0
    except BrokenPipeError:
        _drop()
        return SIGNALLED + signal.SIGPIPE
    except (Exception, KeyboardInterrupt) as error:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # another one would only spoil what is told
        if received:
            said = str(error) if isinstance(error, KeyboardInterrupt) else ""
            code = _tell(said or "interrupted; nothing was published", SIGNALLED + received[0])
            sys.stderr.flush()
            os._exit(code)  # an import cut off half way cannot be torn down without complaints of its own
        with suppress(OSError, _Unwritable):
            _flush()
        if isinstance(error, FaninError):
            return _tell(str(error), error.exit_code)
        return _tell(f"{type(error).__name__}: {error} (--verbose shows where)", FAILED)


def _standard_output() -> TextIO:
    """Standard output, as it is told when it fails; as it is where it is closed, or a program's own."""
    out = sys.stdout
    if not isinstance(out, io.TextIOWrapper) or out is not sys.__stdout__:
        return out
    out.flush()
    raw = _StandardOutput(out.fileno(), "w", closefd=False)
    at_once = out.line_buffering or out.write_through
    return io.TextIOWrapper(io.BufferedWriter(raw), out.encoding, out.errors, line_buffering=at_once)


def _flush() -> None:
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except (OSError, _Unwritable):
        _drop()
        raise


def _drop() -> None:
    """Lets go of what standard output has not taken, or Python's last flush would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _tell(message: str, code: int) -> int:
    if {"-v", "--verbose"} & set(sys.argv):
        traceback.print_exc()
    print(f"fanin: {message}", file=sys.stderr)
    return code

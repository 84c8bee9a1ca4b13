"""What goes wrong, said to a person: one message, one exit code, no traceback."""

import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable

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
        action()
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python's last flush of stdout would fail again
        return SIGNALLED + signal.SIGPIPE
    except (Exception, KeyboardInterrupt) as error:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # another one would only spoil what is told
        if received:
            said = str(error) if isinstance(error, KeyboardInterrupt) else ""
            code = _tell(said or "interrupted; nothing was published", SIGNALLED + received[0])
            sys.stderr.flush()
            os._exit(code)  # an import cut off half way cannot be torn down without complaints of its own
        if isinstance(error, FaninError):
            return _tell(str(error), error.exit_code)
        return _tell(f"{type(error).__name__}: {error} (--verbose shows where)", FAILED)


def _tell(message: str, code: int) -> int:
    if {"-v", "--verbose"} & set(sys.argv):
        traceback.print_exc()
    print(f"fanin: {message}", file=sys.stderr)
    return code

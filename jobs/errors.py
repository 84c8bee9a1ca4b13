"""What goes wrong, said to a person: one message, one exit code, no traceback."""

import os
import sys
import traceback
from collections.abc import Callable

USAGE = 2
FAILED = 1
INTERRUPTED = 130  # as a shell reports a process that SIGINT ended
BROKEN_PIPE = 141  # likewise SIGPIPE


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


def exit_code(action: Callable[[], object]) -> int:
    """Runs a command's `action`; its exit code, what went wrong told on stderr.

    With --verbose or -v on the command line the traceback is told, too.
    """
    try:
        action()
        sys.stdout.flush()
        return 0
    except FaninError as error:
        return _tell(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _tell("interrupted; nothing was published", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python's last flush of stdout would fail again
        return BROKEN_PIPE
    except Exception as error:
        return _tell(f"{type(error).__name__}: {error} (--verbose shows where)", FAILED)


def _tell(message: str, code: int) -> int:
    if {"-v", "--verbose"} & set(sys.argv):
        traceback.print_exc()
    print(f"fanin: {message}", file=sys.stderr)
    return code

"""A fanin command on a life line: python -m jobs.flows.lifeline DESCRIPTOR WORD...

Whoever starts it holds a pipe open, whose other end is DESCRIPTOR: at the end of that pipe, however it comes, the command is
interrupted, cleans up, and publishes nothing. So no step outlives its flow.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

GRACE = 30  # seconds that cleaning up may take


def command(descriptor: int, words: Sequence[str]) -> list[str]:
    """The command line of fanin's `words`, on a life line."""
    return [sys.executable, "-m", "jobs.flows.lifeline", str(descriptor), *words]


def main() -> int:
    descriptor, *words = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)
    threading.Thread(target=_wait, args=[int(descriptor)], daemon=True).start()
    if words[0] == "command":
        from jobs.flows.command import main as run
    elif words[0] == "delete":
        from jobs.flows.delete import main as run
    else:
        from jobs.cli import main as fanin

        sys.argv = ["fanin", *words]
        return fanin(words)
    from jobs.errors import exit_code

    return exit_code(lambda: run(words[1:]))


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())

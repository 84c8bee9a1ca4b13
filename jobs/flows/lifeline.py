"""A fanin command on a life line: python -m jobs.flows.lifeline DESCRIPTOR WORD...

Whoever starts it holds a pipe open, whose other end is DESCRIPTOR, and has written a line there, as JSON: what the manifest is to keep
of the step, which can be longer than an environment may be. At the end of that pipe, however it comes, the command is
interrupted, cleans up, and publishes nothing. So no step outlives its flow.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

from jobs.engines.describe import STEP

GRACE = 30  # seconds that cleaning up may take


def command(descriptor: int, words: Sequence[str]) -> list[str]:
    """The command line of fanin's `words`, on a life line."""
    return [sys.executable, "-m", "jobs.flows.lifeline", str(descriptor), *words]


def main() -> int:
    descriptor, *words = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)
    pipe = open(int(descriptor), "rb")  # noqa: SIM115  # for as long as this lives
    STEP.update(json.loads(pipe.readline()))
    threading.Thread(target=_wait, args=[pipe], daemon=True).start()
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


def _wait(pipe: IO[bytes]) -> None:
    pipe.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)  # it is the first of a group of its own


if __name__ == "__main__":
    sys.exit(main())

"""A small process that kills a run's children where the run cannot: when it has been killed itself."""

import subprocess
import sys
from contextlib import suppress

SCRIPT = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class Reaper:
    """Knows the groups of processes that run; its pipe ends together with this process, whatever ends that."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", SCRIPT], bufsize=0, stdin=subprocess.PIPE, start_new_session=True
        )

    def watch(self, group: int) -> None:
        """Has a group killed if this process dies before it."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """That group has ended."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Kills all that it still knows of."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # somebody has killed it
            self._process.stdin.write(line.encode())

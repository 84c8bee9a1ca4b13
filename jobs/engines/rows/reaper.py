"""A small process that kills a run's children where the run cannot: when it has been killed itself."""

import subprocess
import sys
from contextlib import suppress

SCRIPT = """
import glob, os, signal, sys
groups, ended = set(), False
for line in sys.stdin:
    if line[0] == "=":
        ended = True
    else:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))

def kill(how, number):
    try:
        how(number, signal.SIGKILL)
    except OSError:
        pass

def run_on():
    for file in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(file, "rb") as environ:
                if sys.argv[1].encode() in environ.read().split(b"\\0"):
                    yield int(file.split("/")[2])
        except OSError:
            pass

for group in groups:
    kill(os.killpg, group)
for _ in range(0 if ended else 50):  # a child that was being started as the run died: nobody has told of it
    if not (left := list(run_on())):
        break
    for process in left:
        kill(os.kill, process)
"""


class Reaper:
    """Knows the groups of processes that run; its pipe ends together with this process, whatever ends that.

    mark: NAME=VALUE, in the environment of all children, and of no other process.
    """

    def __init__(self, mark: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", SCRIPT, mark], bufsize=0, stdin=subprocess.PIPE, start_new_session=True
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
        self._tell("=\n")
        self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # somebody has killed it
            self._process.stdin.write(line.encode())

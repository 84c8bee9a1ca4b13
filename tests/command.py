"""The `fanin` command, run as a user runs it: a process of its own."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

FANIN = str(Path(sys.executable).with_name("fanin"))


class Failed(Exception):
    """A command that should have worked and did not."""


@dataclass(frozen=True)
class Result:
    """A finished command.  code: its exit code.  out, err: what it printed."""

    code: int
    out: bytes
    err: str

    def ok(self) -> "Result":
        """This result; Failed with its words if the command failed."""
        if self.code != 0:
            raise Failed(f"exit code {self.code}: {self.err}")
        return self


def run(*arguments: str, **options: Any) -> Result:
    """Runs `fanin` with `arguments`; options are those of subprocess.run."""
    return call(FANIN, *arguments, **options)


def call(*arguments: str, **options: Any) -> Result:
    """Runs any command."""
    if "input" not in options and "stdin" not in options:
        options["stdin"] = subprocess.DEVNULL
    done: CompletedProcess[bytes] = subprocess.run(arguments, capture_output=True, timeout=250, **options)
    return Result(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def peak(*arguments: str) -> int:
    """Runs `fanin`; the peak of its memory in bytes.

    A small process of its own starts it: a process counts its parent's size at the fork among its peaks.
    """
    return int(call(sys.executable, "-c", PEAK, FANIN, *arguments).ok().out)

"""The `fanin` command, and its modules, run as a user runs them: in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests import warm

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


def run(*arguments: str, input: bytes = b"", cwd: str | Path = ".", env: Mapping[str, str] | None = None) -> Result:
    """Runs `fanin` with `arguments`, in a process that need not import it where that changes nothing."""
    return python(FANIN, *arguments, input=input, cwd=cwd, env=env)


def python(*words: str, input: bytes = b"", cwd: str | Path = ".", env: Mapping[str, str] | None = None) -> Result:
    """Runs Python with `words`, SCRIPT or -m MODULE first, likewise."""
    env = os.environ if env is None else env
    if not warm.can_run(env, input):
        return call(sys.executable, *words, input=input, cwd=cwd, env=env)
    code, out, err = warm.run(list(words), env, os.fspath(cwd), input)
    return Result(code, out, err.decode(errors="replace"))


def start(*arguments: str, **options: Any) -> Result:
    """Starts `fanin` as a shell does; options are those of subprocess.run."""
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

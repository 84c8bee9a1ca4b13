"""The Hadoop lab, as tests use it."""

import functools
import os
import subprocess
import sys
from pathlib import Path

LAB = Path(__file__).parents[1] / "scripts" / "hadoop-lab"


@functools.cache
def environment(folder: Path | None = None) -> dict[str, str]:
    """The environment with the lab's variables, the lab started if it is not up.  folder: of a lab of one's own."""
    env = os.environ | ({"FANIN_LAB_DIR": str(folder)} if folder else {})
    call("start", env)
    shell = f'eval "$("{LAB}" env)"; env -0'
    out = subprocess.run(["bash", "-c", shell], check=True, capture_output=True, env=env).stdout.decode()
    found = env | dict(line.split("=", 1) for line in out.split("\0") if "=" in line)
    # Tasks that the client runs itself find a node's Python, and not one that another program has to look for first.
    return found | {"PATH": f"{sys.base_prefix}/bin:{found['PATH']}"}


def call(command: str, env: dict[str, str]) -> str:
    """Runs a command of scripts/hadoop-lab, in the Python of these tests; gives what it prints."""
    done = subprocess.run([sys.executable, LAB, command], check=True, timeout=280, env=env, stdout=subprocess.PIPE)
    return done.stdout.decode()

"""The Hadoop lab, as tests use it."""

import functools
import os
import subprocess
from pathlib import Path

LAB = Path(__file__).parents[1] / "scripts" / "hadoop-lab"


@functools.cache
def environment() -> dict[str, str]:
    """The environment with the lab's variables, its HDFS started if it is not up."""
    subprocess.run([LAB, "start", "--hdfs-only"], check=True, timeout=280)
    shell = f'eval "$("{LAB}" env)"; env -0'
    out = subprocess.run(["bash", "-c", shell], check=True, capture_output=True).stdout.decode()
    return os.environ | dict(line.split("=", 1) for line in out.split("\0") if "=" in line)

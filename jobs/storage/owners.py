"""Who is writing an attempt, said in its name, so that a later run can tell the dead from the living.

A process is known by its id and start time within one universe: one boot of one machine, one process namespace.
In its own universe a process sees whether the owner lives. Of another universe nothing can be seen; there an
attempt counts as dead a week after it began.
"""

import os
import re
import socket
import time
from pathlib import Path

WEEK = 7 * 24 * 3600
TAG = re.compile(r"([0-9a-z]+)-([0-9]+)-([0-9]+)-([0-9]+)-([0-9a-f]{8})")


def new_tag() -> str:
    """A tag for an attempt of this process: universe-pid-start-epoch-random."""
    pid = os.getpid()
    return f"{_universe()}-{pid}-{_start(pid)}-{int(time.time())}-{os.urandom(4).hex()}"


def is_dead(tag: str) -> bool:
    """Whether the attempt's process is known to be gone; a text that is no tag is nobody's, and not dead."""
    match = TAG.fullmatch(tag)
    if not match:
        return False
    universe, pid, start, epoch, _ = match.groups()
    if universe == _universe():
        return _start(int(pid)) != int(start)
    return time.time() - int(epoch) > WEEK


def _universe() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return boot + re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))
    except OSError:  # not Linux
        return re.sub(r"[^0-9a-z]", "", socket.gethostname().lower()) or "host"


def _start(pid: int) -> int:
    """When the process started, in the kernel's ticks; 1 where only its life can be seen, 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except OSError:
        pass
    if Path("/proc/self").exists():
        return 0
    try:
        os.kill(pid, 0)
        return 1
    except ProcessLookupError:
        return 0
    except PermissionError:
        return 1

"""What a run may use of this machine, and how it speaks."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from jobs.database import default_memory, parse_size
from jobs.errors import UsageError
from jobs.planned import at_least

MAX_LINE = 1 << 30
ADVICE = "a line is held in memory, and may take half of --memory: raise that"


@dataclass(frozen=True)
class Machine:
    """workers: tasks at a time.  memory: DuckDB's bytes while it sorts.  logs: a folder for what tasks say, None to forget it."""

    workers: int
    memory: int
    quiet: bool = False
    logs: Path | None = None
    job: str = field(default_factory=lambda: f"job_{time.strftime('%Y%m%d%H%M%S')}_{os.getpid()}")

    def warn(self, text: str) -> None:
        """Says what a person should know while the run goes on."""
        if not self.quiet:
            print(f"fanin: {text}", file=sys.stderr, flush=True)


def machine(threads: int | None, memory: str | None, quiet: bool, logs: str | None) -> Machine:
    """What options say of it."""
    workers = len(os.sched_getaffinity(0)) if threads is None else at_least("--threads", threads, 1)
    size = at_least("--memory", parse_size(memory), 64_000_000) if memory else default_memory()
    folder = Path(logs) if logs else None
    if folder and folder.exists() and any(folder.iterdir()):
        raise UsageError(f"--task-logs {folder}: is not empty; name a new folder")
    return Machine(workers, size, quiet, folder)


def longest(memory: int) -> int:
    """Bytes of the longest line, where a run may take `memory` bytes."""
    return min(MAX_LINE, memory // 2)

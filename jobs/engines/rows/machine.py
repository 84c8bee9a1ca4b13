"""What a run may use of this machine, and how it speaks."""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from jobs.database import default_memory, parse_size
from jobs.errors import UsageError


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
    if threads is not None and threads < 1:
        raise UsageError(f"--threads: {threads} is too small; it must be at least 1")
    size = parse_size(memory) if memory else default_memory()
    if size < 64_000_000:
        raise UsageError(f"--memory: {size} is too small; it must be at least 64000000")
    folder = Path(logs) if logs else None
    if folder and folder.exists() and any(folder.iterdir()):
        raise UsageError(f"--task-logs {folder}: is not empty; name a new folder")
    return Machine(threads or len(os.sched_getaffinity(0)), size, quiet, folder)

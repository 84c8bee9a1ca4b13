"""Folders for what lives no longer than a run, in the machine's temporary directory (TMPDIR)."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jobs.storage.owners import is_dead, new_tag

PREFIX = "fanin-"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A new folder, removed at the end. Those of processes that have died are removed first."""
    place = Path(tempfile.gettempdir())
    for name in os.listdir(place):
        if name.startswith(PREFIX) and is_dead(name.removeprefix(PREFIX)):
            shutil.rmtree(place / name, ignore_errors=True)
    folder = place / (PREFIX + new_tag())
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
